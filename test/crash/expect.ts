/** Compares a tree that was found after a crash with the trees that it may be. */
import { type Attributes, FileType } from '../../src/fs/filesystem.ts'
import { ROOT_NODE, states, type Tree } from './tree.ts'

/** A file as a client finds it: one object for each file, whatever names it has. */
export interface Found {
  readonly attributes: Attributes
  /** What names it across crashes: its handle, as hexadecimal digits. */
  readonly handle: string
  /** Of a regular file; a text where it could not be read: why. */
  readonly data: Uint8Array | string
  /** Of a symlink. */
  readonly target: string
  /** Of a directory, in the order of its cookies. */
  readonly names: ReadonlyMap<string, Found>
}

/** How what was found fits a tree. */
export interface Fit {
  /** Nothing where it does. */
  readonly problems: readonly string[]
  readonly found: ReadonlyMap<number, Found>
  /** How many edits of each file were found applied. */
  readonly applied: ReadonlyMap<number, number>
}

/** Where two byte strings differ first, told so that the reader sees what kind of bytes those are. */
function difference(found: Uint8Array, wanted: Uint8Array): string {
  if (found.length !== wanted.length) return `${found.length} bytes, not ${wanted.length}`
  const at = wanted.findIndex((byte, i) => byte !== found[i])
  const hex = (data: Uint8Array): string => Buffer.from(data.subarray(at, at + 16)).toString('hex')
  return `at byte ${at} (block ${Math.floor(at / 4096)}): ${hex(found)}, not ${hex(wanted)}`
}

class Comparison implements Fit {
  readonly problems: string[] = []
  readonly found = new Map<number, Found>()
  readonly applied = new Map<number, number>()
  readonly #tree: Tree
  readonly #handles: ReadonlyMap<number, string>
  readonly #ids = new Map<Found, number>()

  constructor(tree: Tree, handles: ReadonlyMap<number, string>) {
    this.#tree = tree
    this.#handles = handles
  }

  visit(path: string, id: number, found: Found): void {
    const known = this.found.get(id)
    if (known !== undefined || this.#ids.has(found)) {
      if (known !== found) this.#problem(path, 'is a link to another file than it was')
      return
    }
    this.found.set(id, found)
    this.#ids.set(found, id)
    const handle = this.#handles.get(id)
    if (handle !== undefined && handle !== found.handle) this.#problem(path, 'is another file')
    this.#attributes(path, id, found)
    if (found.attributes.type === FileType.REG) this.#data(path, id, found)
    if (found.attributes.type === FileType.DIR) this.#names(path, id, found)
  }

  #problem(path: string, text: string): void {
    this.problems.push(`${path === '' ? '/' : path}: ${text}`)
  }

  #attributes(path: string, id: number, { attributes, target }: Found): void {
    const node = this.#tree.node(id)
    const wanted = {
      ...{ type: node.type, mode: node.mode, uid: 0, gid: 0, target: node.target },
      nlink: node.type === FileType.DIR ? this.#subdirectories(id) + 2 : this.#tree.links(id),
    }
    for (const [field, value] of Object.entries(wanted)) {
      const got = field === 'target' ? target : Reflect.get(attributes, field)
      if (field === 'nlink' && node.unknown) continue
      if (got !== value) this.#problem(path, `${field} is ${got}, not ${value}`)
    }
    const { mtime } = node
    if (mtime === undefined || node.edits.length > 0) return
    const { seconds, nseconds } = attributes.mtime
    if (seconds !== mtime.seconds || nseconds !== mtime.nseconds) {
      this.#problem(path, `mtime is ${seconds}.${nseconds}, not ${mtime.seconds}.${mtime.nseconds}`)
    }
  }

  #subdirectories(id: number): number {
    const children = [...this.#tree.node(id).names.values()]
    return children.filter((child) => this.#tree.node(child).type === FileType.DIR).length
  }

  #data(path: string, id: number, { attributes, data }: Found): void {
    if (typeof data === 'string') {
      this.#problem(path, `cannot be read: ${data}`)
      return
    }
    if (data.length !== attributes.size) {
      this.#problem(path, `has ${data.length} bytes, but its size is ${attributes.size}`)
    }
    const told: string[] = []
    let count = 0
    for (const wanted of states(this.#tree.node(id))) {
      if (Buffer.compare(wanted, data) === 0) {
        this.applied.set(id, count)
        return
      }
      told.push(`after ${count} edits: ${difference(data, wanted)}`)
      count++
    }
    this.#problem(path, `has other data\n    ${told.join('\n    ')}`)
  }

  #names(path: string, id: number, { names }: Found): void {
    const node = this.#tree.node(id)
    if (node.unknown) return
    for (const [name, child] of node.names) {
      const below = `${path}/${name}`
      const found = names.get(name)
      if (found === undefined) this.#problem(below, 'is missing')
      else this.visit(below, child, found)
    }
    for (const name of names.keys()) {
      if (!node.names.has(name)) this.#problem(`${path}/${name}`, 'should not be there')
    }
  }
}

/** @param handles the handles that are known already, by node number */
export function fit(tree: Tree, found: Found, handles: ReadonlyMap<number, string>): Fit {
  const comparison = new Comparison(tree, handles)
  comparison.visit('', ROOT_NODE, found)
  return comparison
}

/** The first of the trees that what was found fits. @throws Error that tells how it fits none */
export function fitOne(
  who: string,
  trees: readonly (readonly [what: string, tree: Tree])[],
  found: Found,
  handles: ReadonlyMap<number, string>,
): { readonly tree: Tree; readonly fit: Fit } {
  const told: string[] = []
  for (const [what, tree] of trees) {
    const one = fit(tree, found, handles)
    if (one.problems.length === 0) return { tree, fit: one }
    told.push(`${who} ${what}:`, ...one.problems.map((problem) => `  ${problem}`))
  }
  throw new Error(`what is there fits nothing that may be there\n${told.join('\n')}`)
}

/** The tree as it was found: each file's edits are those that were applied, and they are stable. */
export function adopted(tree: Tree, { applied }: Fit): Tree {
  const after = tree.clone()
  for (const [id, count] of applied) {
    after.settle(id, count)
    after.change(id, { edits: [] })
  }
  return after
}
