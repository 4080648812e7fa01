/** The same answer as src/snapshot/diff.ts, found by comparing everything with everything. */
import { createHash } from 'node:crypto'
import { ReadBuffers } from '../../src/fs/data-buffers.ts'
import { ContentReader } from '../../src/fs/data-read.ts'
import { Diff, type DiffEntry } from '../../src/snapshot/diff.ts'
import { nextData } from '../../src/snapshot/extents.ts'
import { listAll } from '../../src/snapshot/listing.ts'
import type { Reader } from '../../src/store/dataset.ts'
import { FileType, type Inode } from '../../src/store/records.ts'
import { text } from '../fs/client.ts'
import type { Subject } from './harness.ts'

interface Named {
  readonly path: string
  readonly ino: number
}

/** A whole tree: its names by place (directory and name), its files by ino. */
interface Tree {
  readonly places: Map<string, Named>
  readonly inodes: Map<number, Inode>
  readonly data: Map<number, string>
  readonly paths: Map<number, string[]>
}

async function treeOf({ store, live }: Subject, reader: Reader): Promise<Tree> {
  const tree: Tree = {
    ...{ places: new Map(), inodes: new Map(), data: new Map(), paths: new Map() },
  }
  const contents = new ContentReader(reader, store.blocks, new ReadBuffers())
  const visit = async (ino: number, path: string): Promise<void> => {
    const inode = reader.inodes.get(ino)
    if (inode === undefined) throw new Error(`inode ${ino} is missing`)
    tree.inodes.set(ino, inode)
    tree.paths.set(ino, [...(tree.paths.get(ino) ?? []), path])
    const { major, minor, target } = inode
    tree.data.set(ino, `${major} ${minor} ${target && text(target)}`)
    if (inode.type === FileType.REG) tree.data.set(ino, await bytesOf(contents, reader, inode))
    if (inode.type !== FileType.DIR) return
    for (const entry of [...listAll(reader, ino, inode)]) {
      const below = path === '' ? text(entry.name) : `${path}/${text(entry.name)}`
      tree.places.set(`${ino}/${text(entry.name)}`, { path: below, ino: entry.ino })
      await visit(entry.ino, below)
    }
  }
  await visit(live.dataset.root, '')
  return tree
}

/** All bytes of a file that are not zeros in a block of zeros, and where they are. */
async function bytesOf(contents: ContentReader, reader: Reader, inode: Inode): Promise<string> {
  const hash = createHash('sha1').update(`${inode.size}`)
  for (let at = nextData(reader, inode, 0); at < inode.size; ) {
    const { data, release } = await contents.read(0, inode, at, 4096 - (at % 4096))
    if (data.some((byte) => byte !== 0)) hash.update(`\n${at}:`).update(data)
    at = nextData(reader, inode, at + data.length)
    release?.()
  }
  return hash.digest('hex')
}

function changes(a: Tree, b: Tree, from: number, to: number): string {
  const before = a.inodes.get(from)
  const after = b.inodes.get(to)
  if (before === undefined || after === undefined) throw new Error('not in both')
  const content = a.data.get(from) !== b.data.get(to)
  const times = after.type === FileType.DIR ? 0 : 1
  const of = ({ mode, uid, gid, mtime }: Inode): string =>
    JSON.stringify([mode, uid, gid, times === 1 && !content ? mtime : 0])
  return `${content ? 'content ' : ''}${of(before) === of(after) ? '' : 'attributes'}`
}

/** The paths of a file as one word, since any of them will do. */
const any = (tree: Tree, ino: number): string => `<${tree.paths.get(ino)?.sort().join('|')}>`

function compare(a: Tree, b: Tree): string[] {
  const lines: string[] = []
  const handled = new Set<string>()
  const isHard = (ino: number): boolean =>
    a.inodes.get(ino)?.type !== FileType.DIR &&
    Math.max(a.inodes.get(ino)?.nlink ?? 0, b.inodes.get(ino)?.nlink ?? 0) > 1
  for (const [place, { path, ino }] of a.places) {
    const now = b.places.get(place)
    if (now?.ino === ino) continue
    const isGone = !b.inodes.has(ino)
    const type = a.inodes.get(ino)?.type
    const sameType = now && b.inodes.get(now.ino)?.type === type && type !== FileType.DIR
    if (now && isGone && sameType && !a.inodes.has(now.ino)) {
      handled.add(place)
      const what = `replaced ${changes(a, b, ino, now.ino)}`
      if (what !== 'replaced ') lines.push(`changed ${any(b, now.ino)} ${what}`)
    } else if (isGone) lines.push(`removed ${path}`)
    else if (isHard(ino)) lines.push(`unlinked ${path}`)
  }
  for (const [place, { path, ino }] of b.places) {
    if (handled.has(place) || a.places.get(place)?.ino === ino) continue
    if (!a.inodes.has(ino)) lines.push(`added ${path}`)
    else if (isHard(ino)) lines.push(`linked ${path}`)
    else lines.push(`renamed ${a.paths.get(ino)?.[0]} ${path}`)
  }
  for (const ino of b.inodes.keys()) {
    if (!a.inodes.has(ino)) continue
    const what = changes(a, b, ino, ino)
    if (what !== '') lines.push(`changed ${any(b, ino)} ${what}`)
  }
  return lines.sort()
}

/** A diff's entry in the words of `compare`. */
function told(b: Tree, entry: DiffEntry): string {
  const { kind, from, content, attributes, replaced } = entry
  const path = text(entry.path)
  // Of a directory that moved with its parent alone, nothing is told.
  if (kind === 'renamed') return `renamed ${text(from ?? entry.path)} ${path}`
  if (kind !== 'changed') return `${kind} ${path}`
  const [ino] = [...b.paths].find(([, paths]) => paths.includes(path)) ?? [0]
  const what = `${content ? 'content ' : ''}${attributes ? 'attributes' : ''}`
  return `changed ${any(b, ino)} ${replaced ? 'replaced ' : ''}${what}`
}

/** What a diff says and what it should say, each sorted. */
export async function bothDiffs(
  subject: Subject,
  from: string,
  to: string | undefined,
): Promise<readonly [readonly string[], readonly string[]]> {
  const { live, snapshots } = subject
  const diff: DiffEntry[] = []
  for await (const entry of new Diff(live, snapshots, { from, to }).entries()) diff.push(entry)
  const a = await treeOf(subject, live.dataset.at(snapshots.get(from).epoch))
  const newer = to === undefined ? live.dataset : live.dataset.at(snapshots.get(to).epoch)
  const b = await treeOf(subject, newer)
  return [diff.map((entry) => told(b, entry)).sort(), compare(a, b)]
}
