/**
 * Snapshots during the load, and restores from them, over the control socket.
 *
 * What a snapshot holds is known in one of two ways. Made while nobody worked, it must be the
 * workers' trees, with all they had written. Made in the midst of work, it is looked at once. From
 * then on nothing may change in it, down to the last attribute, whatever crashes.
 */
import { ServerGone } from '../../src/control/client.ts'
import type { Operations } from '../../src/control/operations.ts'
import { FsError } from '../../src/fs/error.ts'
import type { Random } from '../model/random.ts'
import { type Found, fitOne } from './expect.ts'
import type { Gate } from './gate.ts'
import { type Handle, manifest, type Nfs, NfsError } from './nfs.ts'
import type { Tree } from './tree.ts'
import type { Worker } from './worker.ts'

/** How snapshots are named that a restore makes. */
const SAFETY = /^pre-restore-/

interface Snapshot {
  readonly name: string
  /** The workers' trees at its instant, by their homes; undefined where that is not known. */
  readonly trees: ReadonlyMap<string, Tree> | undefined
  /** How it looked; undefined until somebody has looked. */
  manifest: string | undefined
  /** What is asked for and not acknowledged. */
  asked: 'creation' | 'deletion' | undefined
}

export class History {
  readonly #snapshots = new Map<string, Snapshot>()
  readonly #workers: readonly Worker[]
  readonly #random: Random
  readonly #max: number
  #control: Operations | undefined
  #nfs: Nfs | undefined
  #root: Handle = new Uint8Array(0)
  #number = 0
  /** What was done, for the report at the end. */
  readonly counts = { made: 0, deleted: 0, compared: 0, restored: 0 }

  /**
   * @param max snapshots that there are at most, but for those that restores make
   * @param of whose knowledge it begins with
   */
  constructor(workers: readonly Worker[], random: Random, max: number, of?: History) {
    this.#workers = workers
    this.#random = random
    this.#max = max
    if (of === undefined) return
    this.#number = of.#number
    for (const [name, snapshot] of of.#snapshots) this.#snapshots.set(name, { ...snapshot })
  }

  meet(nfs: Nfs, root: Handle, control: Operations): void {
    this.#nfs = nfs
    this.#root = root
    this.#control = control
  }

  get control(): Operations {
    if (this.#control === undefined) throw new Error('there is no server')
    return this.#control
  }

  get root(): Handle {
    return this.#root
  }

  /** Names of snapshots that are there and stay for now. */
  get names(): string[] {
    const all = [...this.#snapshots.values()]
    return all.filter(({ asked }) => asked === undefined).map(({ name }) => name)
  }

  /** Makes, deletes or looks at a snapshot. */
  async once(gate: Gate): Promise<void> {
    const { names } = this
    if (names.length >= this.#max) return this.#delete(this.#random.pick(names))
    const what = this.#random.below(10)
    if (what < 2 || names.length === 0) return gate.alone(() => this.#create(true))
    if (what < 5) return this.#create(false)
    if (what < 7) return this.#delete(this.#random.pick(names))
    return this.#compare(this.#random.pick(names))
  }

  async #create(quiet: boolean): Promise<void> {
    const name = `s${++this.#number}`
    const trees = new Map(this.#workers.map(({ home, tree }) => [home, tree.settled()]))
    const known = quiet ? trees : undefined
    const snapshot: Snapshot = { name, trees: known, manifest: undefined, asked: 'creation' }
    this.#snapshots.set(name, snapshot)
    try {
      await this.control.createSnapshot(name)
    } catch (error) {
      if (isNoSpace(error)) this.#snapshots.delete(name)
      throw error
    }
    snapshot.asked = undefined
    this.counts.made++
    if (!quiet) await this.#compare(name)
  }

  async #delete(name: string): Promise<void> {
    const snapshot = this.#snapshots.get(name)
    if (snapshot === undefined) return
    snapshot.asked = 'deletion'
    try {
      const request = { words: [name], dryRun: false, background: false }
      await this.control.deleteSnapshots(request, () => undefined)
      this.#snapshots.delete(name)
      this.counts.deleted++
    } catch (error) {
      // A restore reads it.
      if (!(error instanceof FsError && error.code === 'ACCES')) throw error
      snapshot.asked = undefined
    }
  }

  /** A restore in place has made one to go back to. */
  add(name: string): void {
    this.#snapshots.set(name, { name, trees: undefined, manifest: undefined, asked: undefined })
  }

  async look(name: string): Promise<Found> {
    if (this.#nfs === undefined) throw new Error('there is no server')
    return this.#nfs.look(await this.#nfs.walk(this.#root, `.snapshots/${name}`))
  }

  /** Compares a snapshot with what it was. */
  async #compare(name: string): Promise<void> {
    const snapshot = this.#snapshots.get(name)
    if (snapshot === undefined) return
    const found = await this.look(name)
    // Nobody else deletes: what is there before the look is there behind it.
    this.#judge(snapshot, found)
  }

  #judge(snapshot: Snapshot, found: Found): void {
    const { name, trees } = snapshot
    const now = manifest(found)
    this.counts.compared++
    if (snapshot.manifest !== undefined) {
      if (snapshot.manifest === now) return
      throw new Error(`snapshot ${name} has changed\n${differences(snapshot.manifest, now)}`)
    }
    for (const [home, tree] of trees ?? []) {
      const there = found.names.get(home)
      if (there === undefined) throw new Error(`snapshot ${name} has no ${home}`)
      fitOne(`snapshot ${name}: ${home}`, [['at its instant', tree]], there, new Map())
    }
    const unreadable = / [A-Z]+ answered NFS3ERR_\w+/.exec(now)
    if (unreadable !== null) throw new Error(`snapshot ${name}:${unreadable[0]}`)
    snapshot.manifest = now
  }

  /** After a crash: all that must be there is, nothing else is, and nothing in it has changed. */
  async verify(): Promise<void> {
    const there = new Set((await this.control.listSnapshots()).map(({ name }) => name))
    for (const [name, snapshot] of this.#snapshots) {
      if (there.has(name)) snapshot.asked = undefined
      else if (snapshot.asked === undefined) throw new Error(`snapshot ${name} is gone`)
      else this.#snapshots.delete(name)
    }
    for (const name of there) {
      if (this.#snapshots.has(name)) continue
      if (!SAFETY.test(name)) throw new Error(`nobody has made snapshot ${name}`)
      this.add(name)
    }
    for (const name of there) await this.#compare(name)
  }

  /**
   * Restores one path of a snapshot.
   *
   * @returns whether it was done; false where the snapshot, or the path in it, is gone
   */
  async restore(snapshot: string, path: string, to?: string): Promise<boolean> {
    const target = to === undefined ? undefined : Buffer.from(to)
    try {
      const { failed, safetySnapshot } = await this.control.restore(
        { snapshot, paths: [Buffer.from(path)], to: target, overwrite: 'always' },
        () => undefined,
      )
      if (safetySnapshot !== undefined) this.add(safetySnapshot)
      const [first] = failed
      if (/NOSPC|no room/.test(first?.reason ?? '')) throw new FsError('NOSPC')
      if (first !== undefined) throw new Error(`${path} was not restored: ${first.reason}`)
      this.counts.restored++
      return true
    } catch (error) {
      if (error instanceof FsError && error.code === 'NOENT') return false
      throw error
    }
  }
}

function differences(before: string, after: string): string {
  const old = new Set(before.split('\n'))
  const now = new Set(after.split('\n'))
  const gone = [...old].filter((line) => !now.has(line)).map((line) => `- ${line}`)
  return [...gone, ...[...now].filter((line) => !old.has(line)).map((line) => `+ ${line}`)]
    .slice(0, 20)
    .join('\n')
}

/** Whether an error says that the disk is full. */
export function isNoSpace(error: unknown): boolean {
  if (error instanceof NfsError) return error.status === 'NFS3ERR_NOSPC'
  return error instanceof FsError && error.code === 'NOSPC'
}

/** Whether an error means no more than that the server is gone. */
export function isGone(error: unknown): boolean {
  if (error instanceof ServerGone) return true
  const { code } = error as { code?: unknown }
  return !(error instanceof NfsError) && (code === 'CLOSED' || code === 'ECONNREFUSED')
}
