/** Compares a FileSystem with the model: every name, every attribute, every byte. */
import * as assert from 'uvu/assert'
import { type Attributes, FileType, type Time } from '../../src/fs/filesystem.ts'
import { compareTime } from '../../src/store/time.ts'
import { type Client, ROOT, text } from '../fs/client.ts'
import { isDirectory, type Node } from './tree.ts'

const READ_BYTES = 1024 * 1024
/** Files up to this size are compared whole, larger ones where the model has data. */
const WHOLE_BYTES_MAX = 4 * READ_BYTES

/** How a tree looked when it was compared last. */
type Seen = WeakMap<Node, { readonly version: number; readonly attributes: Attributes }>

export class Comparison {
  readonly #live: Seen = new WeakMap()
  readonly #past: Seen = new WeakMap()
  /** The time that each number of the model stands for. */
  readonly #times = new Map<number, Time>()

  /** The live tree: what did not change in the model looks as it did, the rest has a new ctime. */
  async live(client: Client, root: Node): Promise<void> {
    await this.#compare(client, root, (path, node, attributes) => {
      const { version } = node
      const last = this.#live.get(node)
      if (last?.version === version) {
        const before = unlessStored(last.attributes)
        assert.equal(unlessStored(attributes), before, `${path} did not change`)
      } else if (last !== undefined) {
        assert.ok(compareTime(attributes.ctime, last.attributes.ctime) > 0, `ctime of ${path}`)
      }
      this.#live.set(node, { version, attributes })
    })
  }

  /** A tree that never changes, and that has an fsid of its own: all else is as it was at first. */
  async past(client: Client, root: Node): Promise<void> {
    await this.#compare(client, root, (path, node, { ...attributes }) => {
      const { version } = node
      const last = this.#past.get(node)
      const { fsid } = attributes
      if (last !== undefined) assert.equal(attributes, { ...last.attributes, fsid }, path)
      else this.#past.set(node, { version, attributes })
    })
  }

  async #compare(
    client: Client,
    root: Node,
    look: (path: string, node: Node, attributes: Attributes) => void,
  ): Promise<void> {
    const fileids = new Map<Node, number>()
    const visit = (path: string, node: Node, attributes: Attributes) => {
      compareAttributes(path, attributes, node, fileids)
      this.#compareTime(`mtime of ${path}`, node.modified, attributes.mtime)
      this.#compareTime(`atime of ${path}`, node.accessed, attributes.atime)
      look(path, node, attributes)
    }
    visit('/', root, client.stat(''))
    const dirs: [string, Node][] = [['', root]]
    for (const [path, dir] of dirs) {
      const listed = compareNames(client, path, dir)
      for (const [name, node] of dir.names) {
        const child = `${path}/${name}`
        const attributes = client.stat(child)
        assert.equal(listed.get(name), attributes, child)
        visit(child, node, attributes)
        if (isDirectory(node)) dirs.push([child, node])
        else await compareContent(client, child, node)
      }
      if (dir.parent !== undefined) assert.is(listed.get('..')?.fileid, fileids.get(dir.parent))
    }
    assert.is(new Set(fileids.values()).size, fileids.size, 'two files have the same number')
  }

  #compareTime(what: string, number: number, time: Time): void {
    const known = this.#times.get(number)
    if (known === undefined) this.#times.set(number, time)
    else assert.equal(time, known, what)
  }
}

/** @returns the attributes of each name, as READDIRPLUS tells them */
function compareNames(client: Client, path: string, dir: Node): Map<string, Attributes> {
  const listed = new Map<string, Attributes>()
  for (const { name, fileid, found } of client.entries(path)) {
    assert.ok(found, `${path}/${text(name)} has no attributes`)
    assert.is(found.attributes.fileid, fileid)
    assert.not(listed.has(text(name)), `${path}/${text(name)} is listed twice`)
    listed.set(text(name), found.attributes)
  }
  const expected = ['.', '..', ...dir.names.keys()].sort()
  assert.equal([...listed.keys()].sort(), expected, `names of ${path}/`)
  assert.is(listed.get('.')?.fileid, client.stat(path).fileid)
  return listed
}

function compareAttributes(
  path: string,
  attributes: Attributes,
  node: Node,
  fileids: Map<Node, number>,
): void {
  const subdirectories = [...node.names.values()].filter(isDirectory).length
  assert.is(attributes.type, node.type, `type of ${path}`)
  assert.is(attributes.mode, node.mode, `mode of ${path}`)
  assert.is(attributes.uid, node.uid, `uid of ${path}`)
  assert.is(attributes.gid, node.gid, `gid of ${path}`)
  const nlink = isDirectory(node) ? 2 + subdirectories : node.links
  assert.is(attributes.nlink, nlink, `nlink of ${path}`)
  if (node.type === FileType.REG) assert.is(attributes.size, node.content.size, `size of ${path}`)
  const known = fileids.get(node)
  if (known !== undefined) assert.is(attributes.fileid, known, `${path} is a link to another file`)
  fileids.set(node, attributes.fileid)
}

/** Attributes without what may change when data is stored. */
function unlessStored(attributes: Attributes): Attributes {
  return { ...attributes, used: 0 }
}

async function compareContent(client: Client, path: string, node: Node): Promise<void> {
  const { type, content, target } = node
  if (type === FileType.LNK) {
    assert.is(text(client.fs.readlink(ROOT, client.id(path))), target, `target of ${path}`)
  }
  if (type !== FileType.REG) return
  if (content.size <= WHOLE_BYTES_MAX) {
    for (let at = 0; at < content.size; at += READ_BYTES) await compareRange(client, path, node, at)
    return
  }
  for (const index of content.pages.keys()) {
    await compareRange(client, path, node, Math.max(0, index * 4096 - 5000), 15_000)
  }
  await compareRange(client, path, node, content.size - 10_000)
}

async function compareRange(
  client: Client,
  path: string,
  { content }: Node,
  offset: number,
  count = READ_BYTES,
): Promise<void> {
  const { data, release } = await client.fs.read(ROOT, client.id(path), offset, count)
  const expected = Math.max(0, Math.min(count, content.size - offset))
  assert.is(data.length, expected, `length of ${path} from ${offset}`)
  assert.is(content.differs(offset, data), undefined, `${path} differs`)
  release?.()
}
