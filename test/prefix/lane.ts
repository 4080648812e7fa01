/** One lane of a client's work: operation after operation on a part of the tree of its own. */
import { StableHow } from '../../src/fs/filesystem.ts'
import type { Found } from '../crash/expect.ts'
import type { Handle, Nfs } from '../crash/nfs.ts'
import type { Random } from '../model/random.ts'
import {
  directory,
  type Files,
  file,
  manifest,
  manifestOf,
  renamed,
  resized,
  withEntry,
  without,
  written,
} from './files.ts'
import { type LaneHistory, type Moments, Recorder } from './history.ts'

/** The name of the shared directory that all lanes move files onto. */
export const LAST = 'last'
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f']
const DATA_BYTES_MAX = 200_000
/** WRITEs that are under way at once. */
const BURST_MAX = 4

export interface LaneOptions {
  readonly name: string
  readonly nfs: Nfs
  readonly random: Random
  readonly moments: Moments
  /** The directory that it works in, and how its names there begin. */
  readonly root: Handle
  readonly prefix: string
  /** The directory with the name that all lanes move files onto; undefined in another dataset. */
  readonly shared: Handle | undefined
}

export class Lane {
  readonly #options: LaneOptions
  readonly #recorder: Recorder
  readonly #handles = new Map<string, Handle>()
  #files: Files = new Map()
  #serial = 0

  constructor(options: LaneOptions) {
    this.#options = options
    this.#recorder = new Recorder(options.name, options.moments, manifest(new Map()))
    this.#handles.set('', options.root)
  }

  get history(): LaneHistory {
    return this.#recorder
  }

  /** What is there of it, of the directory that it works in. */
  view(root: Found): string {
    return manifestOf(root, this.#options.prefix)
  }

  /** Does one thing, which may be several operations. */
  async once(): Promise<void> {
    const { random } = this.#options
    const weighed = [
      ...[this.#create, this.#create, this.#mkdir, this.#rename, this.#rename, this.#remove],
      ...[this.#write, this.#write, this.#write, this.#write, this.#truncate, this.#chmod],
      ...[this.#put, this.#commit],
    ]
    await random.pick(weighed).call(this)
  }

  #paths(isDirectory: boolean): string[] {
    return [...this.#files].filter(([, entry]) => entry.directory === isDirectory).map(([p]) => p)
  }

  /** A path that may be there or not, in a directory that is. */
  #place(): string {
    const { random, prefix } = this.#options
    const parent = random.pick(['', '', ...this.#paths(true)])
    return parent === '' ? prefix + random.pick(NAMES) : `${parent}/${random.pick(NAMES)}`
  }

  #some(isDirectory: boolean): string | undefined {
    const paths = this.#paths(isDirectory)
    return paths.length === 0 ? undefined : this.#options.random.pick(paths)
  }

  #handle(path: string): Handle {
    const handle = this.#handles.get(path)
    if (handle === undefined) throw new Error(`${this.#recorder.name} has no handle of ${path}`)
    return handle
  }

  #where(path: string): { dir: Handle; name: Uint8Array } {
    const slash = path.lastIndexOf('/')
    const dir = this.#handle(path.slice(0, Math.max(0, slash)))
    return { dir, name: Buffer.from(path.slice(slash + 1)) }
  }

  /** Sends an operation that makes these files of those that there are. */
  #send<T>(what: string, files: Files, ask: () => Promise<T>, put?: string): Promise<T> {
    this.#files = files
    return this.#recorder.send(what, manifest(files), ask, put)
  }

  async #create(): Promise<void> {
    const path = this.#place()
    if (this.#files.has(path)) return
    const mode = this.#options.random.pick([0o644, 0o600])
    const args = {
      where: this.#where(path),
      how: { mode: 'GUARDED', attributes: { mode } },
    } as const
    const files = withEntry(this.#files, path, file(mode))
    const ask = () => this.#options.nfs.create(args)
    this.#keep(path, await this.#send(`create ${path}`, files, ask))
  }

  async #mkdir(): Promise<void> {
    const path = this.#place()
    if (this.#files.has(path) || path.includes('/')) return
    const args = { where: this.#where(path), attributes: { mode: 0o755 } }
    const files = withEntry(this.#files, path, directory(0o755))
    const ask = () => this.#options.nfs.mkdir(args)
    this.#keep(path, await this.#send(`mkdir ${path}`, files, ask))
  }

  #keep(path: string, { obj }: { obj: Handle | undefined }): void {
    if (obj === undefined) throw new Error('a new file comes with its handle')
    this.#handles.set(path, obj.slice())
  }

  /** Files onto free names or other files, directories onto free names. */
  async #rename(): Promise<void> {
    const from = this.#some(this.#options.random.oneIn(4))
    const to = this.#place()
    if (from === undefined || from === to) return
    const target = this.#files.get(to)
    const isDirectory = this.#files.get(from)?.directory === true
    if (target !== undefined && (isDirectory || target.directory)) return
    if (isDirectory && to.includes('/')) return
    const args = { from: this.#where(from), to: this.#where(to) }
    const ask = () => this.#options.nfs.rename(args)
    await this.#send(`rename ${from} ${to}`, renamed(this.#files, from, to), ask)
    const moved = [...this.#handles].filter(([path]) => `${path}/`.startsWith(`${from}/`))
    for (const [path] of moved) this.#handles.delete(path)
    for (const [path, handle] of moved) this.#handles.set(to + path.slice(from.length), handle)
  }

  async #remove(): Promise<void> {
    const isDirectory = this.#options.random.oneIn(3)
    const path = this.#some(isDirectory)
    if (path === undefined) return
    if ([...this.#files.keys()].some((other) => other.startsWith(`${path}/`))) return
    const args = { object: this.#where(path) }
    const { nfs } = this.#options
    const ask = () => (isDirectory ? nfs.rmdir(args) : nfs.remove(args))
    await this.#send(`remove ${path}`, without(this.#files, path), ask)
    this.#handles.delete(path)
  }

  /** Bytes that no other write has. */
  #bytes(length: number): Uint8Array {
    const text = `${this.#recorder.name} ${++this.#serial} `
    return new Uint8Array(Buffer.alloc(length, text))
  }

  #write(): Promise<unknown> {
    const path = this.#some(false)
    const { random, nfs } = this.#options
    const sent: Promise<unknown>[] = []
    for (let left = 1 + random.below(BURST_MAX); path !== undefined && left > 0; left--) {
      const { data: before, mode } = this.#files.get(path) ?? file(0)
      const offset = random.below(random.pick([1, 3000, 30_000]))
      const length = 1 + random.below(random.pick([100, 3000, 20_000, DATA_BYTES_MAX]))
      const data = this.#bytes(length)
      const stable = random.pick([StableHow.UNSTABLE, StableHow.UNSTABLE, StableHow.FILE_SYNC])
      const args = { file: this.#handle(path), offset, count: length, stable, data }
      const files = withEntry(this.#files, path, file(mode, written(before, offset, data)))
      const what = `write ${path} ${offset} +${length} stable ${stable}`
      sent.push(this.#send(what, files, () => nfs.write(args).then(requireWhole(length))))
    }
    return Promise.all(sent)
  }

  async #truncate(): Promise<void> {
    const path = this.#some(false)
    if (path === undefined) return
    const { random, nfs } = this.#options
    const { data, mode } = this.#files.get(path) ?? file(0)
    const size = random.oneIn(3) ? 0 : random.below(50_000)
    const object = this.#handle(path)
    const files = withEntry(this.#files, path, file(mode, resized(data, size)))
    await this.#send(`truncate ${path} ${size}`, files, () =>
      nfs.setattr({ object, new_attributes: { size }, guard: undefined }),
    )
  }

  async #chmod(): Promise<void> {
    const path = this.#some(this.#options.random.oneIn(4))
    const entry = this.#files.get(path ?? '')
    if (path === undefined || entry === undefined) return
    const mode = 0o600 + this.#options.random.below(64)
    const object = this.#handle(path)
    const files = withEntry(this.#files, path, { ...entry, mode })
    await this.#send(`chmod ${path} ${mode.toString(8)}`, files, () =>
      this.#options.nfs.setattr({ object, new_attributes: { mode }, guard: undefined }),
    )
  }

  async #commit(): Promise<void> {
    const path = this.#some(false)
    if (path === undefined) return
    const args = { file: this.#handle(path), offset: 0, count: 0 }
    await this.#send(`commit ${path}`, this.#files, () => this.#options.nfs.commit(args))
  }

  /** Moves a file with bytes of its own onto the name that all lanes move files onto. */
  async #put(): Promise<void> {
    const path = this.#some(false)
    if (path === undefined) return
    const { nfs, shared } = this.#options
    if (shared === undefined) return
    const { mode } = this.#files.get(path) ?? file(0)
    const object = this.#handle(path)
    const empty = withEntry(this.#files, path, file(mode))
    await this.#send(`truncate ${path} 0`, empty, () =>
      nfs.setattr({ object, new_attributes: { size: 0 }, guard: undefined }),
    )
    const data = this.#bytes(40)
    const full = withEntry(this.#files, path, file(mode, data))
    const stable = StableHow.UNSTABLE
    await this.#send(`write ${path} 0 +${data.length} stable ${stable}`, full, () =>
      nfs.write({ file: object, offset: 0, count: data.length, stable, data }),
    )
    const put = Buffer.from(data).toString()
    const args = { from: this.#where(path), to: { dir: shared, name: Buffer.from(LAST) } }
    const files = without(this.#files, path)
    await this.#send(`rename ${path} /${LAST}`, files, () => nfs.rename(args), put)
    this.#handles.delete(path)
  }
}

const requireWhole =
  (length: number) =>
  ({ count }: { count: number }): void => {
    if (count !== length) throw new Error(`WRITE took ${count} of ${length} bytes`)
  }
