/**
 * A copy of the store as it is at one instant, in a folder that is a store itself.
 *
 * The instant is that of a checkpoint. The database is looked at as it was then, and no block that
 * was in use then is used anew before the backup has ended: both are held in memory, so they end
 * with this process, however it ends. Only what is new is written (compare.ts, copy.ts), beside the
 * former backup, and one renaming makes the new one count (store/incoming.ts).
 *
 * Memory is bounded: records come in batches, blocks by the chunk, and what there is to copy is
 * listed in a file.
 */
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BlockStore } from '../store/blocks.ts'
import type { Database, FrozenDatabase } from '../store/database.ts'
import type { Disk, DiskFile } from '../store/disk.ts'
import { FsError } from '../store/error.ts'
import { NEXT, putInPlace, READY } from '../store/incoming.ts'
import { BLOCK_BYTES } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { Compare, type Compared } from './compare.ts'
import { Copy, type DamagedBlock } from './copy.ts'
import { tellDamage } from './damage.ts'
import {
  type BackupNote,
  beginDatabase,
  openIdle,
  openPlace,
  type Place,
  readNote,
  writeNote,
} from './place.ts'
import type { BackupProgress, BackupRequest, BackupSummary } from './request.ts'
import { WantedBlocks } from './wanted.ts'

/** Damaged blocks that are named; more are only counted. */
const DAMAGED_MAX = 1000
/** How long a pause for the rate is at most, so that an end is noticed. */
const PAUSE_MS_MAX = 200

/** What a backup needs of the process that it runs in. */
export interface BackupHost {
  readonly store: Store
  readonly disk: Disk
  /** Makes what clients were told is accepted part of the store. */
  settle(): void
  /** Is called between steps, and throws where the store is about to be closed. */
  requireGoingOn(): void
  /** Milliseconds, from any time on. */
  now(): number
  sleep(ms: number): Promise<void>
  /** Seconds since 1970. */
  seconds(): number
}

/**
 * @throws FsError INVAL (the folder cannot be one), NOSPC (the former backup is as it was), IO;
 *   StoreError BUSY; whatever `requireGoingOn` throws
 */
export async function backUp(
  host: BackupHost,
  request: BackupRequest,
  progress: (progress: BackupProgress) => void,
): Promise<BackupSummary> {
  const { store, disk } = host
  const { directory } = request
  const from = { store: Buffer.from(store.superblock.uuid).toString('hex'), from: store.directory }
  try {
    const place = await openPlace(disk, from, directory)
    const release = store.spaceMap.hold()
    try {
      return await new Backup(host, request, place, from, progress).run()
    } finally {
      release()
      await place.lock.close()
      await clearLeft(directory)
    }
  } catch (error) {
    throw roomless(directory, error)
  }
}

/** Takes the room back that an interrupted backup took; the folder tells that there was one. */
async function clearLeft(directory: string): Promise<void> {
  const next = join(directory, NEXT)
  const left = await readdir(next).catch(() => [])
  for (const name of left) await rm(join(next, name), { recursive: true, force: true })
}

function roomless(directory: string, error: unknown): unknown {
  if (!/ENOSPC|EDQUOT|No space left|quota exceeded/i.test(String(error))) return error
  const advice = 'give it room, and run the same command again'
  return new FsError(
    'NOSPC',
    `there is no room for the backup in ${directory}: what it was is as it was; ${advice}`,
  )
}

class Backup {
  readonly #host: BackupHost
  readonly #request: BackupRequest
  readonly #place: Place
  readonly #note: BackupNote
  readonly #tell: (progress: BackupProgress) => void
  readonly #problems: string[] = []
  readonly #damaged: DamagedBlock[] = []
  #damagedCount = 0
  #records = 0
  #totalBytes = 0

  constructor(
    host: BackupHost,
    request: BackupRequest,
    place: Place,
    note: BackupNote,
    progress: (progress: BackupProgress) => void,
  ) {
    this.#host = host
    this.#request = request
    this.#place = place
    this.#note = note
    this.#tell = progress
  }

  async run(): Promise<BackupSummary> {
    const { store, settle, seconds } = this.#host
    // What runs already is over soon; then what clients were told lies just before the cut.
    await store.checkpoint()
    settle()
    await store.checkpoint()
    // Still in the turn in which the checkpoint ended: the database is what it was at its cut.
    const from = store.database.freeze()
    const when = seconds()
    const totalBytes = store.spaceMap.usedBlocks * BLOCK_BYTES
    try {
      const { compared, copiedBytes } = await this.#all(from)
      await this.#finish({ ...this.#note, seconds: when })
      return {
        ...{ first: this.#place.first, ...compared, copiedBytes, totalBytes },
        problems: [...this.#problems, ...(await tellDamage(from, this.#damaged)), ...this.#more()],
      }
    } finally {
      await from.close()
    }
  }

  #more(): readonly string[] {
    const more = this.#damagedCount - this.#damaged.length
    return more === 0 ? [] : [`${more} more damaged blocks not told here`]
  }

  /** Everything, beside what is there. */
  async #all(from: FrozenDatabase): Promise<{ compared: Compared; copiedBytes: number }> {
    const into = await beginDatabase(this.#place)
    const old = into.freeze()
    try {
      return await this.#both(from, old, into)
    } finally {
      await old.close()
      await into.close()
    }
  }

  async #both(from: FrozenDatabase, old: FrozenDatabase, into: Database) {
    const { store, disk, requireGoingOn } = this.#host
    const { directory, interrupted } = this.#place
    const [list, moved] = await this.#files('wanted', 'moved')
    const folder = join(directory, 'blocks')
    const target = await BlockStore.open(disk, folder, { names: await readdir(folder) })
    const { pace } = store
    try {
      const wanted = new WantedBlocks(list)
      const parts = { from, old, into, wanted, pace, requireGoingOn }
      const problem = (text: string) => void this.#problems.push(text)
      const compared = await new Compare({ ...parts, problem, progress: this.#compared }).run()
      this.#totalBytes = wanted.blocks * BLOCK_BYTES
      const copy = new Copy({
        ...{ from, old, source: store.blocks, target, moved, interrupted, pace, requireGoingOn },
        ...{ progress: this.#pacer(), damaged: this.#isDamaged },
      })
      await copy.run(wanted)
      return { compared, copiedBytes: copy.copied }
    } finally {
      await Promise.all([list.close(), moved.close(), target.close()])
    }
  }

  #files(...names: readonly [string, string]): Promise<[DiskFile, DiskFile]> {
    const [first, second] = names.map((name) => join(this.#place.directory, NEXT, name))
    const { disk } = this.#host
    return Promise.all([disk.open(first ?? ''), disk.open(second ?? '')])
  }

  readonly #compared = (records: number): void => {
    this.#records = records
    this.#tell({ phase: 'compare', records, doneBytes: 0, totalBytes: 0 })
  }

  readonly #isDamaged = (block: DamagedBlock): void => {
    this.#damagedCount++
    if (this.#damaged.length < DAMAGED_MAX) this.#damaged.push(block)
  }

  /** Tells how far it is, and rests where that is further than the rate allows. */
  #pacer(): (doneBytes: number) => Promise<void> {
    const { now, sleep, requireGoingOn } = this.#host
    const { bytesPerSecond } = this.#request
    const started = now()
    return async (doneBytes) => {
      const [records, totalBytes] = [this.#records, this.#totalBytes]
      this.#tell({ phase: 'copy', records, doneBytes, totalBytes })
      if (bytesPerSecond === 0) return
      const until = started + (doneBytes / bytesPerSecond) * 1000
      for (let left = until - now(); left > 0; left = until - now()) {
        await sleep(Math.min(left, PAUSE_MS_MAX))
        requireGoingOn()
      }
    }
  }

  /** All of it reaches the disk, and then it counts. */
  async #finish(note: BackupNote): Promise<void> {
    const { disk } = this.#host
    const { directory, first } = this.#place
    const [records, totalBytes] = [this.#records, this.#totalBytes]
    this.#tell({ phase: 'finish', records, doneBytes: totalBytes, totalBytes })
    const next = join(directory, NEXT)
    for (const name of await readdir(join(next, 'meta')))
      await syncFile(disk, join(next, 'meta', name))
    await disk.syncDirectory(join(next, 'meta'))
    await disk.syncDirectory(join(directory, 'blocks'))
    await writeNote(disk, next, note)
    // As long as the former database is open here, nobody else has it.
    const former = first ? undefined : await openIdle(directory)
    try {
      await readNote(directory)
      await rename(next, join(directory, READY))
      await disk.syncDirectory(directory)
      await putInPlace(disk, directory)
    } finally {
      await former?.close()
    }
    await rm(join(directory, READY), { recursive: true })
    await disk.syncDirectory(directory)
  }
}

async function syncFile(disk: Disk, path: string): Promise<void> {
  const file = await disk.open(path)
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}
