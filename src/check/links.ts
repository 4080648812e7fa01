/** Inodes by themselves, and against the names that stand for them. */
import { FILE_BYTES_MAX, LINK_MAX, PATH_BYTES_MAX } from '../fs/filesystem.ts'
import { FileType, type Inode } from '../store/records.ts'
import { inodeSpec } from '../store/tables.ts'
import { count } from './describe.ts'
import type { Link } from './facts.ts'
import type { Objsets } from './objsets.ts'
import { isEmpty, overlap, pieces, type Span, union } from './spans.ts'
import type { Version, View } from './view.ts'

const NSECONDS = 1_000_000_000
/** Directories known to hang on the root, before the oldest are forgotten. */
const KNOWN_MAX = 100_000
const GENERATION_MAX = 0xffff

export class LinksCheck {
  readonly #view: View
  readonly #objsets: Objsets
  /** Directories that lead to the root, with the states in which they were found to: `ino/from/to`. */
  #rooted = new Set<string>()

  constructor(view: View, objsets: Objsets) {
    this.#view = view
    this.#objsets = objsets
  }

  /** @param links the names that stand for the inode, in any of its states */
  check(ino: number, versions: readonly Version<Inode>[], links: readonly Link[]): void {
    const seen = versions.filter((version) => !isEmpty(version))
    for (const version of seen) this.#alone(ino, version)
    for (const span of pieces([...seen, ...links])) {
      const inside = ({ from, to }: Span): boolean => from <= span.from && span.to <= to
      const version = seen.find(inside)
      const inode = version?.value
      const names = links.filter(inside)
      if (inode === undefined) this.#view.problem('it has a name, but there is no inode', ino, span)
      else this.#names(ino, inode, names, span, version)
    }
    const directory = seen.filter(({ value }) => value.type === FileType.DIR)
    for (const span of union(directory)) this.#climb(ino, span)
  }

  #alone(ino: number, version: Version<Inode>): void {
    const tell = (text: string): void => this.#view.problem(text, ino, version)
    const { superblock } = this.#objsets
    const { value: inode } = version
    const { starts } = superblock
    if (ino < 1 || ino >= superblock.nextIno) tell('its number is not given out yet')
    if (inode.generation > Math.min(starts, GENERATION_MAX)) {
      tell(`it has generation ${inode.generation} after ${count(starts, 'start')}`)
    }
    if (inode.mode > 0o7777) tell(`its mode is ${inode.mode.toString(8)}`)
    for (const time of [inode.atime, inode.mtime, inode.ctime]) {
      if (time.nseconds >= NSECONDS) tell(`a time of it has ${time.nseconds} nanoseconds`)
    }
    if (inode.nlink < 1 || (inode.type !== FileType.DIR && inode.nlink > LINK_MAX)) {
      tell(`its nlink is ${inode.nlink}`)
    }
    this.#body(inode, tell)
  }

  /** What only inodes of its type have. */
  #body(inode: Inode, tell: (text: string) => void): void {
    const { type, size, content, target, nextCookie } = inode
    const { nextIno } = this.#objsets.superblock
    if (FileType.REG > type || type > FileType.FIFO) tell(`its type is ${type}`)
    if (type === FileType.REG && size > FILE_BYTES_MAX) tell(`its size is ${size}`)
    if (type === FileType.REG && (content < 1 || content >= nextIno)) {
      tell(`its content number ${content} is not given out yet`)
    }
    if (type === FileType.DIR && nextCookie < 3) tell(`its next cookie is ${nextCookie}`)
    if (type !== FileType.LNK) return
    const length = target?.length ?? 0
    if (length < 1 || length > PATH_BYTES_MAX || length !== size) {
      tell(`its target has ${count(length, 'byte')}, and its size is ${size}`)
    }
  }

  #names(
    ino: number,
    inode: Inode,
    names: readonly Link[],
    span: Span,
    version: Version<Inode> | undefined,
  ): void {
    const tell = (text: string): void => this.#view.problem(text, ino, span)
    const other = names.find(({ type }) => type !== inode.type)
    if (other !== undefined) tell(`its type is ${inode.type}, and a name of it says ${other.type}`)
    const expected = this.#expected(ino, inode)
    if (names.length !== expected) {
      const text = `it has ${count(names.length, 'name')}, and should have ${expected}`
      const by = { nlink: names.length }
      const counts = inode.type !== FileType.DIR && names.length > 0
      const to = `its nlink is now ${names.length}`
      const repair = counts ? this.#view.inodeRepair(ino, version, span, to, by) : undefined
      this.#view.problem(text, ino, span, repair)
    }
    if (inode.type !== FileType.DIR) return
    const isRoot = ino === this.#view.record.root
    const { dir, cookie } = isRoot ? { dir: ino, cookie: 0 } : (names[0] ?? {})
    if (dir !== undefined && inode.parent !== dir) {
      tell(`its parent is inode ${inode.parent}, and should be ${dir}`)
    } else if (cookie !== undefined && inode.cookie !== cookie) {
      tell(`it says that its name has cookie ${inode.cookie}, which has cookie ${cookie}`)
    }
  }

  /** How many names there should be. */
  #expected(ino: number, { type, nlink }: Inode): number {
    if (type !== FileType.DIR) return nlink
    return ino === this.#view.record.root ? 0 : 1
  }

  /** Follows the parents of a directory up to the root. */
  #climb(ino: number, span: Span): void {
    const { root } = this.#view.record
    const way: { readonly ino: number; readonly span: Span }[] = [{ ino, span }]
    const passed = new Map<number, Span[]>()
    for (let step = way.pop(); step !== undefined; step = way.pop()) {
      const at = step
      const key = `${at.ino}/${at.span.from}/${at.span.to}`
      if (at.ino === root || this.#rooted.has(key)) continue
      const before = passed.get(at.ino) ?? []
      if (before.some((earlier) => !isEmpty(overlap(earlier, at.span)))) {
        this.#view.problem('it cannot be reached from the root directory', ino, at.span)
        return
      }
      passed.set(at.ino, [...before, at.span])
      for (const version of this.#view.versions(inodeSpec, at.ino)) {
        const during = overlap(version, at.span)
        if (!isEmpty(during)) way.push({ ino: version.value.parent, span: during })
      }
    }
    if (this.#rooted.size >= KNOWN_MAX) this.#rooted = new Set()
    for (const [dir, spans] of passed) {
      for (const { from, to } of spans) this.#rooted.add(`${dir}/${from}/${to}`)
    }
  }
}
