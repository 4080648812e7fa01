/**
 * One client at work in a directory of its own, who remembers what the server has acknowledged.
 *
 * What he asks for he adds to his tree when it is acknowledged; until then it is `pending`. Data is
 * the exception: its edits are in the tree from the moment they are sent, as ones that a crash may
 * take away, and become stable with the reply that says so.
 */
import { type Attributes, FileType, StableHow } from '../../src/fs/filesystem.ts'
import type { Random } from '../model/random.ts'
import { adopted, type Found, fitOne } from './expect.ts'
import { type Handle, type Nfs, NfsError } from './nfs.ts'
import { type Edit, type Entry, type Node, newest, newNode, ROOT_NODE, Tree } from './tree.ts'

/** A directory of a snapshot that is brought back into another directory. */
export interface TreeRestore {
  readonly snapshot: string
  /** What is restored, below the worker's home. */
  readonly path: string
  /** The directory that it comes into. */
  readonly id: number
}

/** The edits, and what is left of them where one or more that were refused are not there. */
function without(edits: readonly Edit[], refused: ReadonlySet<Edit>): (readonly Edit[])[] {
  let all: (readonly Edit[])[] = [[]]
  for (const edit of edits) {
    const longer = all.map((some) => [...some, edit])
    all = refused.has(edit) ? [...longer, ...all] : longer
  }
  return all
}

/** Handles of removed files that are remembered, to see that they stay gone. */
const GONE_MAX = 20

export class Worker {
  readonly home: string
  readonly random: Random
  tree: Tree
  /** Edits that the server has refused since the last `reconsider`. */
  readonly refused: (readonly [id: number, edit: Edit])[] = []
  /** Makes the change that is asked for and not yet acknowledged. */
  pending: ((tree: Tree) => void) | undefined
  /** Handles in hexadecimal, by node number. */
  readonly handles: Map<number, string>
  readonly gone: string[]
  /** The restore that is under way, or was interrupted. */
  restoring: TreeRestore | undefined
  /** The write verifiers that the server of this life has told. */
  readonly verifiers = new Set<string>()
  /** Counts what was sent, so that no two writes have the same bytes. */
  #serial: number
  #nfs: Nfs | undefined

  /** @param of whose knowledge he begins with */
  constructor(home: string, random: Random, of?: Worker) {
    this.home = home
    this.random = random
    this.tree = of?.tree.clone() ?? new Tree()
    this.pending = of?.pending
    this.handles = new Map(of?.handles)
    this.gone = [...(of?.gone ?? [])]
    this.restoring = of?.restoring
    this.#serial = of === undefined ? 0 : of.#serial
  }

  get nfs(): Nfs {
    if (this.#nfs === undefined) throw new Error(`${this.home} has no server`)
    return this.#nfs
  }

  /** Goes to work with a server that has just started. */
  meet(nfs: Nfs): void {
    this.#nfs = nfs
    this.verifiers.clear()
  }

  handle(id: number): Handle {
    const known = this.handles.get(id)
    if (known === undefined) throw new Error(`${this.home} has no handle of node ${id}`)
    return Buffer.from(known, 'hex')
  }

  where({ dir, name }: { dir: number; name: string }): { dir: Handle; name: Uint8Array } {
    return { dir: this.handle(dir), name: Buffer.from(name) }
  }

  /** Bytes that tell whose they are, which write they came with, and where they were in it. */
  bytes(length: number): Uint8Array {
    const words = new Uint32Array(Math.ceil(length / 4))
    const who = this.home.charCodeAt(1) << 24
    const serial = ++this.#serial << 12
    for (let i = 0; i < words.length; i++) words[i] = who ^ serial ^ i
    return new Uint8Array(words.buffer, 0, length)
  }

  /** Asks for a change, and makes it in the tree when it is acknowledged. */
  async ask<T>(apply: (tree: Tree) => void, ask: () => Promise<T>): Promise<T> {
    this.pending = apply
    try {
      const answer = await ask()
      apply(this.tree)
      this.pending = undefined
      return answer
    } catch (error) {
      // What is refused has changed nothing.
      if (error instanceof NfsError) this.pending = undefined
      throw error
    }
  }

  /** As `ask`, of something that comes to be under a name. */
  async make(
    { dir, name }: Pick<Entry, 'dir' | 'name'>,
    node: Node,
    ask: () => Promise<{ obj: Handle | undefined; obj_attributes: Attributes | undefined }>,
  ): Promise<number> {
    const id = this.tree.newNumber()
    const { obj } = await this.ask((tree) => tree.add(dir, name, id, node), ask)
    if (obj === undefined) throw new Error('a new file comes with its handle')
    this.handles.set(id, Buffer.from(obj).toString('hex'))
    return id
  }

  /** Takes a name away, and remembers the file if it was the last one. */
  async take(entry: Entry, ask: () => Promise<unknown>): Promise<void> {
    const last = this.tree.links(entry.id) === 1
    await this.ask((tree) => tree.unname(entry.dir, entry.name), ask)
    if (last) this.forget(entry.id)
  }

  forget(id: number): void {
    this.gone.push(Buffer.from(this.handle(id)).toString('hex'))
    if (this.gone.length > GONE_MAX) this.gone.shift()
    this.handles.delete(id)
  }

  /** Sends one WRITE. The next ones need not wait for it: they go the same way behind it. */
  async write(id: number, offset: number, data: Uint8Array, stable: StableHow): Promise<void> {
    this.tree.edit(id, { offset, data })
    const count = this.tree.node(id).edits.length
    const args = { file: this.handle(id), offset, count: data.length, stable, data }
    const wrote = await this.refusable(id, stable, () => this.nfs.write(args))
    this.verifiers.add(Buffer.from(wrote.verf).toString('hex'))
    if (wrote.count !== data.length) throw new Error(`WRITE took ${wrote.count} bytes`)
    if (wrote.committed < stable) throw new Error(`WRITE committed ${wrote.committed}`)
    if (stable !== StableHow.UNSTABLE) this.tree.settle(id, count)
  }

  /** Makes what was sent before stable. */
  async commit(id: number): Promise<void> {
    const sent = new Set(this.tree.node(id).edits)
    const { verf } = await this.nfs.commit({ file: this.handle(id), offset: 0, count: 0 })
    this.verifiers.add(Buffer.from(verf).toString('hex'))
    // Some may have been refused meanwhile.
    const { edits } = this.tree.node(id)
    this.tree.settle(id, edits.filter((edit) => sent.has(edit)).length)
  }

  /** Another size, whose reply says that it is stable. */
  async resize(id: number, size: number): Promise<void> {
    this.tree.edit(id, { size })
    const count = this.tree.node(id).edits.length
    const args = { object: this.handle(id), new_attributes: { size }, guard: undefined }
    await this.refusable(id, StableHow.FILE_SYNC, () => this.nfs.setattr(args))
    this.tree.settle(id, count)
  }

  /** Sends what has just become an edit of the tree, and takes note where it is refused. */
  async refusable<T>(id: number, stable: StableHow, send: () => Promise<T>): Promise<T> {
    const edit = this.tree.node(id).edits.at(-1)
    try {
      return await send()
    } catch (error) {
      if (!(error instanceof NfsError) || edit === undefined) throw error
      if (stable !== StableHow.UNSTABLE) this.refused.push([id, edit])
      else this.tree.change(id, { edits: this.tree.node(id).edits.filter((one) => one !== edit) })
      throw error
    }
  }

  /**
   * Finds out what became of edits that were refused for want of room. A WRITE that shall be stable
   * may be there nevertheless: it was taken in, and could not be stored yet.
   */
  async reconsider(): Promise<void> {
    const files = new Set(this.refused.map(([id]) => id))
    const refused = new Set(this.refused.splice(0).map(([, edit]) => edit))
    for (const id of files) {
      const { stable, edits } = this.tree.node(id)
      const data = await this.nfs.readAll(this.handle(id))
      const there = without(edits, refused).find(
        (some) => Buffer.compare(data, newest({ stable, edits: some })) === 0,
      )
      if (there === undefined) throw new Error(`${this.home}/${this.tree.path(id)} has other data`)
      this.tree.change(id, { edits: there })
    }
  }

  /** Reads a file while nothing is on its way, and compares. */
  async verify(id: number): Promise<void> {
    const data = await this.nfs.readAll(this.handle(id))
    if (Buffer.compare(data, newest(this.tree.node(id))) === 0) return
    throw new Error(`${this.home}/${this.tree.path(id)} does not read as what was written`)
  }

  /** Finds out what a crash has left, which must be what may be left, and goes on from there. */
  adopt(found: Found): void {
    const trees: [string, Tree][] = [['without what was under way', this.tree]]
    if (this.pending !== undefined) {
      const tree = this.tree.clone()
      this.pending(tree)
      trees.push(['with what was under way', tree])
    }
    const fits = fitOne(this.home, trees, found, this.handles)
    this.tree = adopted(fits.tree, fits.fit)
    this.pending = undefined
    for (const [id, { handle }] of fits.fit.found) this.handles.set(id, handle)
    for (const id of this.handles.keys()) if (!this.tree.nodes.has(id)) this.handles.delete(id)
  }

  /** Adds to the tree what somebody else has made there. */
  import(dir: number, name: string, found: Found, seen = new Map<Found, number>()): void {
    const known = seen.get(found)
    const id = known ?? this.tree.newNumber()
    if (known !== undefined) {
      this.tree.name(dir, name, id)
      return
    }
    seen.set(found, id)
    const { type, mode, mtime } = found.attributes
    const { data, target } = found
    if (typeof data === 'string') throw new Error(`${name} cannot be read: ${data}`)
    const own = type === FileType.DIR ? {} : { mtime }
    this.tree.add(dir, name, id, newNode(type, { mode, target, stable: data, ...own }))
    this.handles.set(id, found.handle)
    for (const [below, child] of found.names) this.import(id, below, child, seen)
  }

  get files(): Entry[] {
    return this.tree.entries().filter(({ id }) => this.tree.node(id).type === FileType.REG)
  }

  get directories(): number[] {
    const all = this.tree.entries().map(({ id }) => id)
    return [ROOT_NODE, ...all.filter((id) => this.tree.node(id).type === FileType.DIR)]
  }
}
