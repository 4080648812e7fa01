/**
 * One listing of a directory, page by page, over the bytes of READDIR or READDIRPLUS, and the rule
 * that it has to keep:
 *
 * - a name that was there all the time is told exactly once;
 * - a name that came or went meanwhile is told at most once each time that it was there;
 * - no other name is told;
 * - a file that was there all the time is told exactly once, whatever it was renamed to, unless it
 *   took another's name.
 */
import * as assert from 'uvu/assert'
import type { FileSystem, FileType } from '../../src/fs/filesystem.ts'
import { nfsstat3 } from '../../src/nfs/nfsstat3.ts'
import type { Random } from '../model/random.ts'
import type { Harness } from '../nfs/harness.ts'

const ZERO = new Uint8Array(8)
/** Bytes of resok without entries: attributes, verifier, end of list, eof. */
const EMPTY_BYTES = 4 + 84 + 8 + 4 + 4
/** The attributes and the handle of an entry of READDIRPLUS. */
const PLUS_BYTES = 4 + 84 + 4 + 4 + 32
/** What a page may take, in bytes, from too little to more than a reply ever holds. */
const PAGE_BYTES = [0, 100, 200, 512, 600, 1024, 4096, 32_768, 65_536, 2 ** 20, 0xffff_ffff]
/** A page that holds any one entry, in bytes. */
const ROOM_BYTES = EMPTY_BYTES + 4 + 8 + 4 + 256 + 8 + PLUS_BYTES

interface Entry {
  readonly fileid: number
  readonly name: Uint8Array
  readonly cookie: number
  readonly name_attributes?: { readonly type: FileType; readonly fileid: number } | undefined
}

export class Lister {
  /** Names that were there when it began, and that nobody has touched since. */
  readonly #stayed: Map<string, number>
  /** How often each name came into being, or was there at the beginning. */
  readonly #lives: Map<string, number>
  readonly #told = new Map<string, number>()
  /** Files that were there when it began, and did not go since: how often each was told. */
  readonly #files: Map<number, number>
  readonly #random: Random
  readonly #dir: Uint8Array
  #cookie = 0
  #ended = false

  /** @param names those of the directory now, each with its fileid */
  constructor(dir: Uint8Array, names: ReadonlyMap<string, number>, random: Random) {
    this.#dir = dir
    this.#random = random
    this.#stayed = new Map(names)
    this.#files = new Map([...names.values()].map((fileid) => [fileid, 0]))
    this.#lives = new Map([...names.keys(), '.', '..'].map((name) => [name, 1]))
  }

  get ended(): boolean {
    return this.#ended
  }

  came(name: string): void {
    this.#lives.set(name, (this.#lives.get(name) ?? 0) + 1)
  }

  went(name: string): void {
    this.#stayed.delete(name)
  }

  /** The name stands for another file now. */
  turned(name: string): void {
    if (this.#stayed.has(name)) this.#stayed.set(name, 0)
  }

  /** The file is gone, or has a place in the listing that another had. */
  lost(fileid: number): void {
    this.#files.delete(fileid)
  }

  /** Asks for the next page. One that is too small is answered so, and asked for once more. */
  async step(nfs: Harness<FileSystem>): Promise<void> {
    const plus = this.#random.oneIn(2)
    const asked = this.#random.pick(PAGE_BYTES)
    const page = (await this.#page(nfs, plus, asked)) ?? (await this.#page(nfs, plus, ROOM_BYTES))
    assert.ok(page, 'a page that has room for any entry is not too small')
    for (const entry of page.entries) this.#take(entry)
    assert.ok(page.entries.length > 0 || page.eof, 'a page without entries is the last')
    this.#ended = page.eof
    if (this.#ended) this.#judge()
  }

  async #page(
    nfs: Harness<FileSystem>,
    plus: boolean,
    count: number,
  ): Promise<{ readonly entries: readonly Entry[]; readonly eof: boolean } | undefined> {
    const start = { dir: this.#dir, cookie: this.#cookie, cookieverf: ZERO }
    const dircount = this.#random.pick([1, 100, 1000, 0xffff_ffff])
    const result = plus
      ? await nfs.call('READDIRPLUS', { ...start, dircount, maxcount: count })
      : await nfs.call('READDIR', { ...start, count })
    if ('resok' in result)
      return result.resok.reply as unknown as { entries: Entry[]; eof: boolean }
    assert.is(result.status, nfsstat3.NFS3ERR_TOOSMALL)
    assert.ok(count < ROOM_BYTES, `${count} bytes are too small`)
    return undefined
  }

  #take(entry: Entry): void {
    const { fileid, cookie, name_attributes } = entry
    const name = Buffer.from(entry.name).toString('latin1')
    assert.ok(cookie > this.#cookie, 'cookies grow')
    this.#cookie = cookie
    const times = (this.#told.get(name) ?? 0) + 1
    this.#told.set(name, times)
    const lives = this.#lives.get(name) ?? 0
    assert.ok(
      times <= lives,
      `${quoted(name)} is told ${times} times, and was there ${lives} times`,
    )
    const file = this.#files.get(fileid)
    if (file !== undefined) this.#files.set(fileid, file + 1)
    if (name_attributes) assert.is(name_attributes.fileid, fileid)
    const stayed = this.#stayed.get(name) ?? 0
    if (stayed !== 0) assert.is(fileid, stayed, `${quoted(name)} is what it was`)
  }

  #judge(): void {
    for (const name of [...this.#stayed.keys(), '.', '..']) {
      const times = this.#told.get(name) ?? 0
      assert.is(times, 1, `${quoted(name)} was there all the time, and is told ${times} times`)
    }
    for (const [fileid, times] of this.#files) {
      assert.is(times, 1, `file ${fileid} was there all the time, and is told ${times} times`)
    }
  }
}

export function quoted(name: string): string {
  return JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}...` : name)
}
