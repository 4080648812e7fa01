/**
 * Whether what a restore left behind is what the snapshot has: blocks and attributes are compared,
 * and no data is read. Blocks are shared, so what has the same ones has the same bytes.
 */
import type { Live } from '../fs/live.ts'
import type { Reader } from '../store/dataset.ts'
import { FileType, type Inode } from '../store/records.ts'
import { compareTime } from '../store/time.ts'
import type { Filter, Position } from './filter.ts'
import { listAll } from './listing.ts'
import { child, joined, type Located } from './paths.ts'
import { besideName } from './restore-beside.ts'
import type { Place } from './restore-folder.ts'
import type { RestoredLinks } from './restore-links.ts'
import type { RestoreRequest } from './restore-request.ts'
import { sameAttributes, sameFile } from './restore-same.ts'

export interface VerifyOptions {
  readonly live: Live
  /** The snapshot. */
  readonly past: Reader
  readonly request: RestoreRequest
  readonly filter: Filter
  readonly links: RestoredLinks
  /** Whether nothing may be there that is not in the snapshot. */
  readonly pruned: boolean
  /** Is called after each entry, and lets others have their turn. */
  readonly pause: () => Promise<void>
  /** Is told of what is not as it was. */
  readonly fail: (path: Uint8Array, reason: string) => void
}

const MISSING = 'verified: it is not there'
const NO_FOLDER = -1

export class RestoreVerification {
  /** Entries that are as they were, or that were to be left alone. */
  verified = 0
  readonly #options: VerifyOptions

  constructor(options: VerifyOptions) {
    this.#options = options
  }

  async entry(place: Place, source: Located, position: Position): Promise<void> {
    if (source.inode.type === FileType.DIR) await this.#folder(place, source, position)
    else if (position.wanted === 'yes') this.#note(place.path, this.#fileProblem(place, source))
    await this.#options.pause()
  }

  /** The names of a folder. @param ino of the live one, negative where there is none */
  async names(ino: number, path: Uint8Array, source: Located, position: Position): Promise<void> {
    const { past, filter } = this.#options
    for (const entry of listAll(past, source.ino, source.inode)) {
      const inode = past.inodes.get(entry.ino)
      if (inode === undefined) continue
      const { name } = entry
      const below = path.length === 0 ? name : joined([path, name])
      const wanted = filter.below(position, name, inode.type === FileType.DIR)
      await this.entry({ dir: ino, name, path: below }, { ino: entry.ino, inode }, wanted)
    }
    if (this.#options.pruned) this.#others(ino, path, source)
  }

  async #folder(place: Place, source: Located, position: Position): Promise<void> {
    if (position.wanted === 'no') return
    const wanted = position.wanted === 'yes'
    const { at, there } = this.#place(place, ({ inode }) => inode.type === FileType.DIR)
    const folder = there?.inode.type === FileType.DIR ? there : undefined
    if (wanted && folder === undefined) {
      this.#note(at.path, this.#mayStay(there, source.inode) ? undefined : MISSING)
      return
    }
    await this.names(folder?.ino ?? NO_FOLDER, at.path, source, position)
    if (wanted && folder !== undefined) this.folder(folder.ino, at.path, source.inode)
  }

  /** The attributes of a folder that is there. */
  folder(ino: number, path: Uint8Array, past: Inode): void {
    const { live, request } = this.#options
    const now = live.reader.inodes.get(ino)
    const every = request.overwrite === 'if-changed' || request.overwrite === 'always'
    const same = now !== undefined && sameAttributes(now, past)
    this.#note(path, same || !every ? undefined : 'verified: its attributes are not what they were')
  }

  #fileProblem(place: Place, source: Located): string | undefined {
    const { live, past, links } = this.#options
    const same = (file: Located) => sameFile(live, file, { reader: past, inode: source.inode })
    const { there } = this.#place(place, same)
    if (there === undefined) return MISSING
    if (!same(there)) {
      return this.#mayStay(there, source.inode) ? undefined : 'verified: it is not what it was'
    }
    const link = links.find(source)
    if (link === undefined || link === there.ino || this.#mayStay(there, source.inode)) {
      return undefined
    }
    return 'verified: it is not one file with its other names'
  }

  /** Where an entry is: at its place, or beside it. */
  #place(place: Place, isIt: (there: Located) => boolean) {
    const there = this.#child(place)
    const { overwrite, snapshot } = this.#options.request
    if (there === undefined || isIt(there) || overwrite !== 'keep-both') return { at: place, there }
    const { dir, path } = place
    const name = besideName(place.name, snapshot, (wanted) => {
      const other = this.#child({ dir, name: wanted })
      return other === undefined || isIt(other)
    })
    const above = path.subarray(0, path.length - place.name.length)
    const at = { dir, name, path: Buffer.concat([above, name]) }
    return { at, there: this.#child(at) }
  }

  #child({ dir, name }: Pick<Place, 'dir' | 'name'>): Located | undefined {
    return dir < 0 ? undefined : child(this.#options.live.reader, dir, name)
  }

  /** Whether what is there was to be left alone. */
  #mayStay(there: Located | undefined, past: Inode): boolean {
    if (there === undefined) return false
    const { overwrite } = this.#options.request
    if (overwrite !== 'if-newer') return overwrite === 'never'
    const now = this.#options.live.current(there.ino, there.inode)
    return compareTime(past.mtime, now.mtime) <= 0
  }

  /** What is there and was not in the snapshot. */
  #others(ino: number, path: Uint8Array, source: Located): void {
    const { live, past } = this.#options
    const inode = live.reader.inodes.get(ino)
    if (inode === undefined) return
    for (const { name } of listAll(live.reader, ino, inode)) {
      if (child(past, source.ino, name) !== undefined) continue
      const below = path.length === 0 ? name : joined([path, name])
      this.#note(below, 'verified: it is not in the snapshot')
    }
  }

  #note(path: Uint8Array, problem: string | undefined): void {
    if (problem === undefined) this.verified++
    else this.#options.fail(path, problem)
  }
}

/** The ino of a live directory; negative where there is none. */
export function folderAt(reader: Reader, root: number, names: readonly Uint8Array[]): number {
  let ino = root
  for (const name of names) {
    const there = child(reader, ino, name)
    if (there?.inode.type !== FileType.DIR) return -1
    ino = there.ino
  }
  return ino
}
