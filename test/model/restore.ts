/** A restore, done to the model: what it should lead to, written down as simply as can be. */
import { add, drop, isDirectory, type Node, newNode, nodesOf, place, touch } from './tree.ts'

export type Overwrite = 'never' | 'if-changed' | 'if-newer' | 'always'

/** What a restore says at its end. */
export interface Outcome {
  files: number
  directories: number
  unchanged: number
  skipped: number
  deleted: number
  failed: string[]
  /** The live tree as it was before the first change of what was there. */
  safety: Node | undefined
}

export interface ModelRestore {
  readonly live: Node
  readonly past: Node
  readonly overwrite: Overwrite
  readonly inPlace: boolean
  readonly delete: boolean
  /** The names of a directory of the snapshot, in the order in which it lists them. */
  readonly order: (path: string) => readonly string[]
  /** Keeps a tree as it is now. */
  readonly freeze: (tree: Node) => Node
}

export class Restoring {
  readonly outcome: Outcome
  readonly #options: ModelRestore
  /** What each file of several names has become, and the other way round. */
  readonly #became = new Map<number, Node>()
  readonly #was = new Map<number, number>()

  constructor(options: ModelRestore) {
    this.#options = options
    this.outcome = {
      ...{
        files: 0,
        directories: 0,
        unchanged: 0,
        skipped: 0,
        deleted: 0,
        failed: [],
        safety: undefined,
      },
    }
  }

  #change(existing: boolean): void {
    const { live, inPlace, freeze } = this.#options
    if (inPlace || existing) this.outcome.safety ??= freeze(live)
  }

  /** Restores one path of the snapshot to a place in the live tree; both start with a slash. */
  run(source: string, to: string): void {
    const names = to.split('/').slice(1)
    const node = find(this.#options.past, source)
    if (names[0] === '') {
      const newer = this.#isNewer(this.#options.live, node)
      this.#children(this.#options.live, node, source, '')
      this.#finish(this.#options.live, node, newer)
      this.#prune(source, to)
      return
    }
    let dir = this.#options.live
    for (const [i, name] of names.slice(0, -1).entries()) {
      const there = dir.names.get(name)
      if (there !== undefined && !isDirectory(there)) {
        this.outcome.failed.push(to)
        return
      }
      const above = names.slice(0, i + 1).map((part) => `/${part}`)
      dir = there ?? this.#make(dir, name, find(this.#options.past, above.join('')))
    }
    this.#entry(dir, names.at(-1) ?? '', node, source, to)
    this.#prune(source, to)
  }

  #entry(dir: Node, name: string, past: Node, source: string, to: string): void {
    if (!isDirectory(past)) {
      this.#file(dir, name, past, to)
      return
    }
    const existing = dir.names.get(name)
    if (existing !== undefined && isDirectory(existing)) {
      const newer = this.#isNewer(existing, past)
      this.#children(existing, past, source, to)
      this.#finish(existing, past, newer)
      return
    }
    if (existing !== undefined && this.#stays(existing, past)) {
      this.outcome.skipped++
      return
    }
    const made = this.#make(dir, name, past)
    this.outcome.directories++
    this.#children(made, past, source, to)
    this.#finish(made, past, 'made')
  }

  #children(dir: Node, past: Node, source: string, to: string): void {
    for (const name of this.#options.order(source)) {
      const child = past.names.get(name)
      if (child !== undefined) this.#entry(dir, name, child, `${source}/${name}`, `${to}/${name}`)
    }
  }

  #make(dir: Node, name: string, past: Node): Node {
    this.#change(dir.names.has(name))
    const made = newNode(past.type, past.mode)
    assign(made, past)
    this.#place(dir, name, made)
    return made
  }

  /** @param made by the restore; otherwise whether it gets its attributes back */
  #finish(dir: Node, past: Node, made: boolean | 'made'): void {
    if (made === false || sameAttributes(dir, past)) return
    this.#change(made !== 'made')
    assign(dir, past)
    touch(dir)
  }

  #file(dir: Node, name: string, past: Node, to: string): void {
    const existing = dir.names.get(name)
    const { overwrite } = this.#options
    const link = this.#known(past)
    if (existing !== undefined && overwrite === 'never') {
      this.outcome.skipped++
    } else if (link !== undefined && existing === link) {
      this.outcome.unchanged++
    } else if (link === undefined && existing !== undefined && this.#isSame(existing, past)) {
      this.#remember(existing, past)
      this.outcome.unchanged++
    } else if (existing !== undefined && this.#stays(existing, past)) {
      this.outcome.skipped++
    } else if (existing !== undefined && existing.names.size > 0) {
      // With --delete it waits until what is in the way is removed.
      if (!this.#options.delete) this.outcome.failed.push(to)
    } else {
      this.#change(existing !== undefined)
      if (link !== undefined) this.#place(dir, name, link)
      else this.#put(dir, name, past)
      this.outcome.files++
    }
  }

  /** Whether what is there, and is not as it was, is to stay. */
  #stays(existing: Node, past: Node): boolean {
    const { overwrite } = this.#options
    return overwrite === 'never' || (overwrite === 'if-newer' && past.modified <= existing.modified)
  }

  /** Whether a directory that is there gets its attributes back. */
  #isNewer(existing: Node, past: Node): boolean {
    return !this.#stays(existing, past)
  }

  /** Removes what is in a restored tree and was not in the snapshot's. */
  #prune(source: string, to: string): void {
    const { live, past, delete: deleting } = this.#options
    if (!deleting || this.outcome.failed.length > 0) return
    const names = to.split('/').filter((name) => name !== '')
    let parent = live
    for (const name of names.slice(0, -1)) parent = parent.names.get(name) ?? live
    const last = names.at(-1)
    if (last === undefined) this.#pruneIn(live, find(past, source), to)
    else this.#pruneAt(parent, last, find(past, source), to)
  }

  #pruneAt(dir: Node, name: string, past: Node, to: string): void {
    const existing = dir.names.get(name)
    if (existing === undefined || !isDirectory(existing)) return
    if (isDirectory(past)) this.#pruneIn(existing, past, to)
    else if (existing.names.size > 0 && !this.#stays(existing, past)) {
      for (const inside of [...existing.names.keys()]) this.#remove(existing, inside)
      this.#file(dir, name, past, to)
    }
  }

  #pruneIn(dir: Node, past: Node, to: string): void {
    const same = sameAttributes(dir, past)
    for (const name of [...dir.names.keys()]) {
      const then = past.names.get(name)
      if (then === undefined) this.#remove(dir, name)
      else this.#pruneAt(dir, name, then, `${to}/${name}`)
    }
    if (!same || sameAttributes(dir, past)) return
    this.#change(true)
    assign(dir, past)
    touch(dir)
  }

  #remove(dir: Node, name: string): void {
    const node = dir.names.get(name)
    if (node === undefined) return
    for (const inside of [...node.names.keys()]) this.#remove(node, inside)
    this.#change(true)
    drop(dir, name, node)
    this.outcome.deleted++
  }

  #put(dir: Node, name: string, past: Node): void {
    const existing = dir.names.get(name)
    if (existing !== undefined && this.#mayKeep(existing, past)) {
      assign(existing, past)
      touch(existing)
      this.#remember(existing, past)
      return
    }
    const made = newNode(past.type, past.mode)
    assign(made, past)
    this.#place(dir, name, made)
    this.#remember(made, past)
  }

  #mayKeep(existing: Node, past: Node): boolean {
    if (existing.type !== past.type || this.#isAnother(existing, past)) return false
    return existing.id === past.id || existing.links === 1
  }

  /** A file of several names that is there already as it was, under whatever name. */
  #known(past: Node): Node | undefined {
    if (past.links <= 1) return undefined
    const known = this.#became.get(past.id)
    if (known !== undefined) return known.links > 0 ? known : undefined
    if (!this.#options.inPlace || this.#options.overwrite === 'always') return undefined
    const alive = [...nodesOf(this.#options.live).keys()].find(({ id }) => id === past.id)
    if (alive === undefined || !this.#isSame(alive, past)) return undefined
    this.#remember(alive, past)
    return alive
  }

  #isSame(existing: Node, past: Node): boolean {
    if (this.#options.overwrite === 'always' || this.#isAnother(existing, past)) return false
    // What has the same mtime has the same bytes: nobody sets it in this model.
    return existing.type === past.type && sameAttributes(existing, past)
  }

  #isAnother(existing: Node, past: Node): boolean {
    const was = this.#was.get(existing.id)
    return was !== undefined && was !== past.id
  }

  #remember(live: Node, past: Node): void {
    if (live.links <= 1 && past.links <= 1) return
    this.#became.set(past.id, live)
    this.#was.set(live.id, past.id)
  }

  #place(dir: Node, name: string, node: Node): void {
    const existing = dir.names.get(name)
    if (existing === undefined) {
      add(dir, name, node)
      return
    }
    drop(dir, name, existing)
    place(dir, name, node)
  }
}

function sameAttributes(a: Node, b: Node): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.modified === b.modified
}

/** Gives a node what it had in the past. */
function assign(node: Node, past: Node): void {
  const { mode, uid, gid, modified, accessed, target } = past
  Object.assign(node, { mode, uid, gid, modified, accessed, target })
  node.content = past.content.clone()
}

/** The node of a path that is there. */
export function find(root: Node, path: string): Node {
  let node = root
  for (const name of path.split('/').slice(1)) {
    if (name === '') continue
    const next = node.names.get(name)
    if (next === undefined) throw new Error(`the model has no ${path}`)
    node = next
  }
  return node
}
