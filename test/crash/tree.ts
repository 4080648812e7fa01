/**
 * What a client knows of a tree of files: what must be there after a crash, and what may be.
 *
 * A file's data is what is known to be stable, and the edits that were sent since, in their order. A
 * server applies edits one after the other and stores all of them of a file at once, so that after
 * a crash the first few of them are there, whole, and the others are not. (RFC 1813 would allow
 * more: any of the unstable ones. Nothing ever allows a part of one, or other bytes.)
 *
 * A namespace change that is under way is kept beside the tree, as a function that makes it: the
 * tree after a crash is one with or without it (expect.ts).
 */
import { FileType, type Time } from '../../src/fs/filesystem.ts'

/** A change of a file's data: a write, or a new size. */
export type Edit =
  | { readonly offset: number; readonly data: Uint8Array }
  | { readonly size: number }

/** A file or directory. Never changed in place. */
export interface Node {
  readonly type: FileType
  readonly mode: number
  /** As it was set last; undefined where it is the server's to say. */
  readonly mtime: Time | undefined
  /** Of a symlink. */
  readonly target: string
  /** Of a directory: node numbers by name. */
  readonly names: ReadonlyMap<string, number>
  /** Of a regular file: what no crash takes away. */
  readonly stable: Uint8Array
  /** Of a regular file: what was sent since, oldest first. */
  readonly edits: readonly Edit[]
  /** A directory whose names are not known: a restore into it was interrupted. */
  readonly unknown: boolean
}

const NO_BYTES = new Uint8Array(0)
const NO_NAMES: ReadonlyMap<string, number> = new Map()
export const ROOT_NODE = 1

export function newNode(type: FileType, more: Partial<Node> = {}): Node {
  const nothing = { target: '', names: NO_NAMES, stable: NO_BYTES, edits: [], unknown: false }
  return { type, mode: 0o755, mtime: undefined, ...nothing, ...more }
}

/** The data after an edit. */
function edited(data: Uint8Array, edit: Edit): Uint8Array {
  if ('size' in edit) {
    const cut = new Uint8Array(edit.size)
    cut.set(data.subarray(0, edit.size))
    return cut
  }
  const all = new Uint8Array(Math.max(data.length, edit.offset + edit.data.length))
  all.set(data)
  all.set(edit.data, edit.offset)
  return all
}

/** The data after the first 0, 1, 2 ... edits. */
export function* states({ stable, edits }: Node): Generator<Uint8Array> {
  let data = stable
  yield data
  for (const edit of edits) {
    data = edited(data, edit)
    yield data
  }
}

/** The data as a client sees it while the server runs. */
export function newest({ stable, edits }: Pick<Node, 'stable' | 'edits'>): Uint8Array {
  return edits.reduce(edited, stable)
}

/** A name of a directory, and what it stands for. */
export interface Entry {
  readonly dir: number
  readonly name: string
  readonly id: number
}

export class Tree {
  readonly nodes: Map<number, Node>
  /** Shared by all clones: a number is never used twice. */
  readonly #numbers: { next: number }

  constructor(nodes?: ReadonlyMap<number, Node>, numbers = { next: ROOT_NODE + 1 }) {
    this.nodes = new Map(nodes ?? [[ROOT_NODE, newNode(FileType.DIR)]])
    this.#numbers = numbers
  }

  clone(): Tree {
    return new Tree(this.nodes, this.#numbers)
  }

  newNumber(): number {
    return this.#numbers.next++
  }

  node(id: number): Node {
    const node = this.nodes.get(id)
    if (node === undefined) throw new Error(`the test's own tree has no node ${id}`)
    return node
  }

  change(id: number, more: Partial<Node>): void {
    this.nodes.set(id, { ...this.node(id), ...more })
  }

  /** All names below a directory, those of a directory before those in it. */
  entries(from = ROOT_NODE): Entry[] {
    const found: Entry[] = []
    for (const [name, id] of this.node(from).names) {
      found.push({ dir: from, name, id })
      if (this.node(id).type === FileType.DIR) found.push(...this.entries(id))
    }
    return found
  }

  /** How many names a file has. */
  links(id: number): number {
    return this.entries().filter((entry) => entry.id === id).length
  }

  /** Names from the root to a directory or file, by one of its names. */
  path(id: number): string {
    if (id === ROOT_NODE) return ''
    const entry = this.entries().find((one) => one.id === id)
    if (entry === undefined) throw new Error(`the test's own tree has no name for node ${id}`)
    return entry.dir === ROOT_NODE ? entry.name : `${this.path(entry.dir)}/${entry.name}`
  }

  /** Whether `id` is `dir`, or lies in it. */
  within(dir: number, id: number): boolean {
    return dir === id || this.entries(dir).some((entry) => entry.id === id)
  }

  add(dir: number, name: string, id: number, node: Node): void {
    this.nodes.set(id, node)
    this.name(dir, name, id)
  }

  name(dir: number, name: string, id: number): void {
    this.change(dir, { names: new Map([...this.node(dir).names, [name, id]]) })
  }

  unname(dir: number, name: string): void {
    const names = new Map(this.node(dir).names)
    const id = names.get(name)
    names.delete(name)
    this.change(dir, { names })
    if (id !== undefined && this.links(id) === 0) this.#forget(id)
  }

  #forget(id: number): void {
    for (const below of this.node(id).names.values()) this.#forget(below)
    this.nodes.delete(id)
  }

  rename({ dir, name, id }: Entry, toDir: number, toName: string): void {
    if (this.node(toDir).names.get(toName) === id) return
    this.name(toDir, toName, id)
    const names = new Map(this.node(dir).names)
    names.delete(name)
    this.change(dir, { names })
    // What the new name stood for may have no name left.
    for (const other of [...this.nodes.keys()]) {
      if (other !== ROOT_NODE && this.links(other) === 0) this.nodes.delete(other)
    }
  }

  edit(id: number, edit: Edit): void {
    this.change(id, { edits: [...this.node(id).edits, edit] })
  }

  /** The first `count` edits are on stable storage. */
  settle(id: number, count: number): void {
    const node = this.node(id)
    if (count === 0) return
    const stable = node.edits.slice(0, count).reduce(edited, node.stable)
    this.change(id, { stable, edits: node.edits.slice(count), mtime: undefined })
  }

  /** The tree with all data as it is seen while the server runs: what a snapshot holds. */
  settled(): Tree {
    const tree = this.clone()
    for (const [id, { edits }] of this.nodes) tree.settle(id, edits.length)
    return tree
  }
}
