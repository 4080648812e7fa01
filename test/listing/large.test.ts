/**
 * A directory of very many names: made, listed, listed while another client empties it, across a
 * restart, in memory that does not grow with it.
 *
 * `LISTING_ENTRIES=n` says how many; a million take some minutes.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { FileSystem } from '../../src/fs/filesystem.ts'
import { assertSound } from '../check/assert-sound.ts'
import { bytes, ROOT } from '../fs/client.ts'
import { type LiveSubject, openLive, withFolder } from '../fs/harness.ts'
import { Harness } from '../nfs/harness.ts'

const test = suite('a large directory')

const { LISTING_ENTRIES } = process.env
const ENTRIES = Number(LISTING_ENTRIES ?? 200_000)
/** Operations of which one commit is made: as many as clients have under way. */
const TOGETHER = 512
/** The store's own limits, small: what a directory of this size would take is a lot more. */
const CACHE_BYTES = 16 * 2 ** 20
const LIMITS = { dirtyRecordsMax: 5000, logBytesMax: 4 * 2 ** 20 }
/**
 * The cache, what is dirty and what is being written (some 40,000 records), and the handles that
 * are kept, 40 MiB of them at most. The files themselves would take a kibibyte each.
 */
const HEAP_BYTES_MAX = 112 * 2 ** 20
/** Which all names begin with; a number follows. */
const LETTER = 'n'.charCodeAt(0)
const ZERO = new Uint8Array(8)

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

interface Page {
  readonly entries: readonly { readonly name: Uint8Array; readonly cookie: number }[]
  readonly eof: boolean
}

/** How often each of the names was told. */
class Told {
  readonly times = new Uint8Array(ENTRIES)
  others = 0

  add(name: Uint8Array): void {
    const number = Number(Buffer.from(name).toString('latin1').slice(1))
    if (name[0] !== LETTER) this.others++
    else this.times[number] = (this.times[number] ?? 0) + 1
  }

  get all(): boolean {
    return this.others === 2 && this.times.every((times) => times === 1)
  }
}

class Scene {
  readonly #directory: string
  #subject: LiveSubject
  #nfs: Harness<FileSystem>
  readonly #heap: number
  #most = 0

  static async open(directory: string): Promise<Scene> {
    return new Scene(directory, await openLimited(directory))
  }

  private constructor(directory: string, subject: LiveSubject) {
    this.#directory = directory
    this.#subject = subject
    this.#nfs = new Harness<FileSystem>(undefined, subject.fs)
    const { fs, root } = subject
    fs.mkdir(ROOT, root, bytes('d'), {})
    collect()
    this.#heap = process.memoryUsage().heapUsed
  }

  get #dir() {
    return this.#subject.fs.lookup(ROOT, this.#subject.root, bytes('d')).id
  }

  async restart(): Promise<void> {
    await this.#subject.store.close()
    this.#subject = await openLimited(this.#directory)
    this.#nfs = new Harness<FileSystem>(undefined, this.#subject.fs)
  }

  async close(): Promise<void> {
    await this.#subject.store.close()
  }

  async each(from: number, to: number, what: 'create' | 'remove'): Promise<void> {
    const { fs, store } = this.#subject
    const dir = this.#dir
    const how = { mode: 'GUARDED' as const, attributes: {} }
    for (let i = from; i < to; i++) {
      if (what === 'create') fs.create(ROOT, dir, bytes(`n${i}`), how)
      else fs.remove(ROOT, dir, bytes(`n${i}`))
      if (i % TOGETHER === 0) await store.flush()
    }
    await store.flush()
  }

  async page(cookie: number, plus: boolean, count: number): Promise<Page> {
    const start = { dir: this.#nfs.handle(this.#dir), cookie, cookieverf: ZERO }
    const { reply } = plus
      ? await this.#nfs.ok('READDIRPLUS', { ...start, dircount: count, maxcount: count })
      : await this.#nfs.ok('READDIR', { ...start, count })
    return reply as unknown as Page
  }

  /** @param between is told the number of the page that has come */
  async list(
    plus: boolean,
    count: number,
    between: (page: number) => Promise<void> = async () => undefined,
  ): Promise<Told> {
    const told = new Told()
    for (let cookie = 0, number = 0, eof = false; !eof; number++) {
      const page = await this.page(cookie, plus, count)
      for (const { name } of page.entries) told.add(name)
      cookie = page.entries.at(-1)?.cookie ?? cookie
      eof = page.eof
      if (!eof) await between(number)
    }
    return told
  }

  /** The directory is empty, takes no record, and goes. */
  async end(): Promise<void> {
    const { fs, root, store } = this.#subject
    const { ino } = this.#dir
    assert.is((await this.list(false, 4096)).others, 2)
    for (let page = 0; page <= ENTRIES / 32 + 1; page++) {
      assert.is(store.dataset.pages.get(`${ino}/${page}`), undefined)
    }
    fs.rmdir(ROOT, root, bytes('d'))
    await assertSound(store)
  }

  toString(): string {
    return `${ENTRIES} names, at most ${Math.round(this.#most / 2 ** 20)} MiB of heap in use`
  }

  /** What is kept in memory is within the limits, whatever was done. */
  fits(): void {
    collect()
    const used = process.memoryUsage().heapUsed - this.#heap
    this.#most = Math.max(this.#most, used)
    assert.ok(used < HEAP_BYTES_MAX, `${Math.round(used / 2 ** 20)} MiB of heap are in use`)
  }
}

function openLimited(directory: string): Promise<LiveSubject> {
  return openLive(directory, undefined, { cacheBytesMax: CACHE_BYTES, limits: LIMITS })
}

test(`${ENTRIES} names come, are listed, and go while they are listed`, () =>
  withFolder(async (directory) => {
    const scene = await Scene.open(directory)
    await scene.each(0, ENTRIES, 'create')
    scene.fits()
    assert.ok((await scene.list(true, 65_536)).all, 'READDIRPLUS tells each name once')
    scene.fits()
    const restarting = (page: number) => (page === 3 ? scene.restart() : Promise.resolve())
    assert.ok((await scene.list(false, 32_768, restarting)).all, 'through a restart')

    // Another client removes from the first name on, first behind the one that lists and then
    // ahead of it: at times more than a page tells, at times less.
    let removed = 0
    const told = await scene.list(false, 32_768, async (page) => {
      const next = Math.min(ENTRIES, removed + (page % 3) * 1000)
      await scene.each(removed, next, 'remove')
      removed = next
    })
    assert.ok(removed > ENTRIES / 4, `${removed} were removed meanwhile`)
    for (let i = 0; i < ENTRIES; i++) {
      const times = told.times[i] ?? 0
      assert.ok(i >= removed ? times === 1 : times <= 1, `n${i} is told ${times} times`)
    }
    scene.fits()
    await scene.each(removed, ENTRIES, 'remove')
    scene.fits()
    await scene.end()
    await scene.close()
    console.log(scene.toString())
  }))

test.run()
