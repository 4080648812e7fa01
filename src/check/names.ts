/** A directory: its pages, its names, and its inode's counts of them. */
import { checkName, isDot, isDotDot } from '../fs/directory.ts'
import { nameKey, pageKey } from '../store/keys.ts'
import {
  FileType,
  type Inode,
  type NameRecord,
  PAGE_COOKIES,
  type Page,
  type PageEntry,
} from '../store/records.ts'
import { nameSpec, pageSpec } from '../store/tables.ts'
import { BitmapsCheck } from './bitmaps.ts'
import { count, quoted } from './describe.ts'
import { versionAt } from './facts.ts'
import type { Records } from './reader.ts'
import { isEmpty, overlap, type Span, Tally, union, without } from './spans.ts'
import type { Chain, Chains, Version, View } from './view.ts'

/** Cookies below this are those of `.` and `..`, which no record stands for. */
const FIRST_COOKIE = 3

/** Where the walk stands in the records of directories. */
export interface NameCursors {
  readonly pages: Chains<Page>
  readonly names: Records
  readonly pastNames: Records
}

export class DirectoryCheck {
  readonly #view: View
  readonly #ino: number
  readonly #versions: readonly Version<Inode>[]
  /** When it is there. */
  readonly #during: readonly Span[]
  readonly #inNames = new Tally()
  readonly #inPages = new Tally()
  readonly #directories = new Tally()
  /** Whether each entry of a page has its name's record. */
  #isMatched = true

  constructor(view: View, ino: number, versions: readonly Version<Inode>[]) {
    this.#view = view
    this.#ino = ino
    this.#versions = versions.filter(({ value }) => value.type === FileType.DIR)
    this.#during = union(this.#versions)
  }

  /** Goes through the directory's records, up to the first that is another one's. */
  async run(cursors: NameCursors, bitmaps: readonly Chain<Uint8Array>[]): Promise<void> {
    const tell = (text: string, span: Span): void => this.#tell(text, span)
    const check = new BitmapsCheck(bitmaps, [this.#view.timeline.all], 'page', tell)
    const { pages } = cursors
    for (; pages.head !== undefined && pages.owner === this.#ino; await pages.next()) {
      const number = Number(String(pages.head.key).split('/')[1])
      check.exists(number, pages.head.versions)
      this.#page(number, pages.head.versions)
      await this.#view.pace.step(PAGE_COOKIES * pages.head.versions.length)
    }
    check.end()
    await this.#names(cursors.names, false, (name, version) => this.#name(name, version))
    await this.#names(cursors.pastNames, true, (name, version) => this.#name(name, version))
    this.#counts()
    this.#growth()
    if (this.#pagesMayLackNames()) await this.#searchPages()
  }

  #tell(text: string, span: Span): void {
    this.#view.problem(text, this.#ino, span)
  }

  #page(number: number, versions: readonly Version<Page>[]): void {
    const [astray] = without(union(versions), this.#during)
    if (astray !== undefined) this.#tell(`it has page ${number}, but is no directory`, astray)
    const entries = new Map<string, { readonly entry: PageEntry; readonly spans: Span[] }>()
    for (const version of versions) {
      if (isEmpty(version)) continue
      this.#order(number, version)
      for (const entry of version.value) {
        const key = `${entry.cookie}/${entry.type}/${nameKey(entry.ino, entry.name)}`
        const known = entries.get(key)
        if (known === undefined) entries.set(key, { entry, spans: [version] })
        else known.spans.push(version)
        this.#inPages.add(version, 1)
      }
    }
    for (const { entry, spans } of entries.values()) this.#entry(number, entry, union(spans))
  }

  /** Cookies ascend, lie in the page, and are below the directory's next one. */
  #order(number: number, version: Version<Page>): void {
    const { value: page } = version
    if (page.length === 0) this.#tell(`page ${number} is empty`, version)
    const last = page.at(-1)?.cookie ?? 0
    const wrong = page.find(({ cookie }, i) => {
      const least = page[i - 1]?.cookie ?? FIRST_COOKIE - 1
      return cookie <= least || Math.floor(cookie / PAGE_COOKIES) !== number
    })
    if (wrong !== undefined) {
      this.#tell(`cookie ${wrong.cookie} is in the wrong place in page ${number}`, version)
    }
    const name = page.find((entry) => !isName(entry.name))?.name
    if (name !== undefined) this.#tell(`${told(name)} cannot be a name`, version)
    for (const { value, from, to } of this.#versions) {
      const during = overlap({ from, to }, version)
      if (isEmpty(during) || value.nextCookie > last) continue
      this.#tell(`its next cookie is ${value.nextCookie}, and cookie ${last} is in use`, during)
    }
  }

  /** An entry of a page has the name's record beside it. */
  #entry(number: number, { ino, type, cookie, name }: PageEntry, spans: readonly Span[]): void {
    const records = this.#view.versions(nameSpec, nameKey(this.#ino, name))
    const same = records.filter(
      ({ value }) => value.ino === ino && value.type === type && value.cookie === cookie,
    )
    const [missing] = without(spans, union(same))
    if (missing === undefined) return
    this.#isMatched = false
    const there = records.some((record) => !isEmpty(overlap(record, missing)))
    const says = there ? 'its record says something else' : 'it has no record'
    this.#tell(`page ${number} lists the name ${told(name)}, but ${says}`, missing)
  }

  /** Goes through the records of names, live or past ones. */
  async #names(
    cursor: Records,
    kept: boolean,
    visit: (name: string, version: Version<NameRecord>) => void,
  ): Promise<void> {
    for (; cursor.head !== undefined; await cursor.next()) {
      if (ownerAt(cursor, kept) !== this.#ino) return
      const found = versionAt(this.#view, nameSpec, cursor, kept)
      if (found === undefined || isEmpty(found.version)) continue
      const key = String(found.key)
      visit(key.slice(key.indexOf('/') + 1), found.version)
    }
  }

  #name(name: string, version: Version<NameRecord>): void {
    const [astray] = without(union([version]), this.#during)
    if (astray !== undefined) {
      this.#tell(`it has the name ${quoted(name)} in it, but is no directory`, astray)
    }
    this.#inNames.add(version, 1)
    if (version.value.type === FileType.DIR) this.#directories.add(version, 1)
  }

  #counts(): void {
    for (const version of this.#versions) {
      const { entries, nlink } = version.value
      for (const { span, count: names } of this.#inNames.within(version)) {
        if (names === entries) continue
        const text = `it counts ${count(entries, 'name')}, and has ${names}`
        const to = `it counts ${count(names, 'name')} now`
        this.#correct(version, span, text, to, { entries: names })
      }
      for (const { span, count: directories } of this.#directories.within(version)) {
        if (nlink === 2 + directories) continue
        const has = count(directories, 'directory')
        const text = `its nlink is ${nlink}, and it has ${has} in it`
        const by = { nlink: 2 + directories }
        this.#correct(version, span, text, `its nlink is now ${by.nlink}`, by)
      }
    }
  }

  /** Tells of a counter that is wrong, and how it would be right. */
  #correct(
    version: Version<Inode>,
    span: Span,
    text: string,
    done: string,
    by: Partial<Inode>,
  ): void {
    const repair = this.#view.inodeRepair(this.#ino, version, span, done, by)
    this.#view.problem(text, this.#ino, span, repair)
  }

  /** Cookies are never used again: the next one only grows. */
  #growth(): void {
    const seen = this.#versions.filter((version) => !isEmpty(version))
    const inTime = seen.sort((a, b) => a.from - b.from)
    for (const [i, version] of inTime.entries()) {
      const { nextCookie } = version.value
      const before = inTime[i - 1]?.value.nextCookie ?? 0
      if (nextCookie >= before) continue
      this.#tell(`its next cookie is ${nextCookie}, and was ${before} before`, version)
    }
  }

  /** Not where each entry has a name of its own, and there are no more names than entries. */
  #pagesMayLackNames(): boolean {
    const { all } = this.#view.timeline
    const names = JSON.stringify(this.#inNames.within(all))
    return !this.#isMatched || names !== JSON.stringify(this.#inPages.within(all))
  }

  /** Looks for each name in its page, and tells of each page once. */
  async #searchPages(): Promise<void> {
    const own = { from: this.#ino, to: this.#ino + 1 }
    const lacking = new Map<number, { text: string; span: Span; names: number }>()
    for (const kept of [false, true]) {
      const kind = nameSpec.kind
      const cursor = kept ? await this.#view.history(kind, own) : await this.#view.live(kind, own)
      await this.#names(cursor, kept, (name, version) => {
        const number = Math.floor(version.value.cookie / PAGE_COOKIES)
        const span = this.#missing(number, name, version)
        if (span === undefined) return
        const text = `page ${number} does not list the name ${quoted(name)}, which has a record`
        const { names } = lacking.get(number) ?? { names: 0 }
        lacking.set(number, { ...(lacking.get(number) ?? { text, span }), names: names + 1 })
      })
    }
    for (const { text, span, names } of lacking.values()) {
      this.#tell(names === 1 ? text : `${text}, nor ${count(names - 1, 'other')}`, span)
    }
  }

  /** When a name is not on the page that its cookie is of. What the entry says was compared before. */
  #missing(number: number, name: string, version: Version<NameRecord>): Span | undefined {
    const pages = this.#view.versions(pageSpec, pageKey(this.#ino, number))
    const bytes = Buffer.from(name, 'latin1')
    const lists = ({ value }: Version<Page>): boolean =>
      value.some((entry) => bytes.equals(entry.name))
    return without(union([version]), union(pages.filter(lists)))[0]
  }
}

/** The directory of the name that a cursor stands at. */
export function ownerAt(cursor: Records, kept: boolean): number {
  if (cursor.head === undefined) return Number.POSITIVE_INFINITY
  const [key] = cursor.head
  return Number(key.readBigUInt64BE(kept ? 6 : 5))
}

function isName(name: Uint8Array): boolean {
  if (isDot(name) || isDotDot(name)) return false
  try {
    checkName(name)
    return true
  } catch {
    return false
  }
}

function told(name: Uint8Array): string {
  return quoted(Buffer.from(name).toString('latin1'))
}
