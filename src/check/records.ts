/**
 * Every record by itself: its key, its checksum, its bytes.
 *
 * On the way it weighs the numbers that later passes go through, so that they can do it in windows
 * and hold no more than a window in memory.
 */
import type { FrozenDatabase, SealedRecord } from '../store/database.ts'
import { type Key, Kind, keyBytes, type ParsedKey, parseDeadKey, parseKey } from '../store/keys.ts'
import { lockSpecs } from '../store/lock-records.ts'
import { isSealed } from '../store/record.ts'
import { FileType, PERIODS, SCHEDULE_COUNT_MAX, type ScheduleRecord } from '../store/records.ts'
import { decodeGroup } from '../store/space-group.ts'
import * as tables from '../store/tables.ts'
import { count, describe } from './describe.ts'
import { isSealedTombstone } from './inherited.ts'
import { LocksCheck } from './locks.ts'
import type { Objsets } from './objsets.ts'
import type { Pace } from './pace.ts'
import type { Problems } from './problems.ts'
import { decodeWhole, type Format, type Read, readSealed, unsealed } from './reader.ts'
import { NO_REPAIR } from './repairs.ts'
import { UsageCheck } from './usage.ts'
import { ALL_NUMBERS, type View } from './view.ts'
import type { Weights } from './weights.ts'

type Formats = ReadonlyMap<Kind, Format<unknown>>
const formats = (...specs: readonly Format<unknown>[]): Formats =>
  new Map(specs.map((spec) => [spec.kind, spec]))

const { inodeSpec, nameSpec, pageSpec, bitmapSpec, chunkSpec } = tables
const VERSIONED = formats(inodeSpec, nameSpec, pageSpec, bitmapSpec, chunkSpec)
const PLAIN = formats(
  tables.historySpec,
  tables.versionsSpec,
  tables.deadSpec,
  tables.orphanSpec,
  tables.usageSpec,
  tables.scheduleSpec,
  ...VERSIONED.values(),
)
/** Those that belong to no dataset; groups and the checkpoint record have no codec of this kind. */
const { superblockSpec, datasetSpec, snapshotSpec } = tables
const GLOBAL = formats(superblockSpec, datasetSpec, snapshotSpec, ...lockSpecs)
/** Bytes of the checkpoint record: birth, and the number of a log entry. */
const CHECKPOINT_BYTES = 12
const PROGRESS_RECORDS = 1_000_000
const ALL_KEYS = { gte: Buffer.alloc(0), lt: Buffer.alloc(16, 0xff) }

export class RecordsCheck {
  readonly #objsets: Objsets
  readonly #problems: Problems
  readonly #weights: Weights
  readonly #progress: (done: string) => void
  /** Clones, by number. */
  readonly #clones = new Map<number, View>()
  #records = 0
  /** What the live inodes of each dataset add up to, and what its record says. */
  readonly #usage = new UsageCheck()
  readonly #locks = new LocksCheck()

  constructor(
    objsets: Objsets,
    problems: Problems,
    weights: Weights,
    progress: (done: string) => void,
  ) {
    this.#objsets = objsets
    this.#problems = problems
    this.#weights = weights
    this.#progress = progress
  }

  async run(database: FrozenDatabase, views: readonly View[], pace: Pace): Promise<void> {
    for (const view of views) if (view.inherited !== undefined) this.#clones.set(view.id, view)
    for await (const batch of database.batches(ALL_KEYS)) {
      for (const record of batch) this.#record(record)
      await pace.step(batch.length)
    }
    for (const clone of this.#clones.values()) {
      await this.#weighAll(clone, inodeSpec, pace)
      await this.#weighAll(clone, nameSpec, pace)
    }
    this.#usage.check(this.#objsets, this.#problems)
    this.#locks.check(this.#problems)
    this.#progress(`${count(this.#records, 'record')} read`)
  }

  /** What a clone sees, of which only a part are its own records. */
  async #weighAll<V>(clone: View, spec: Format<V>, pace: Pace): Promise<void> {
    const records = await clone.live(spec.kind, ALL_NUMBERS)
    for (; records.head !== undefined; await records.next()) {
      const read = readSealed(spec, records.head[1])
      await pace.step(1)
      if (read === undefined) continue
      this.#weigh(spec.kind, read)
      this.#usage.add(clone.id, spec.kind, parseKey(records.head[0]).key, read.value)
    }
  }

  #record([key, sealed]: SealedRecord): void {
    this.#records++
    if (this.#records % PROGRESS_RECORDS === 0)
      this.#progress(`${count(this.#records, 'record')} read`)
    const parsed = parsedKey(key)
    if (parsed === undefined || !this.#isKnown(parsed)) {
      this.#problems.add(`there is a record of unknown kind, with the key ${key.toString('hex')}`)
      return
    }
    const told = describe(parsed.kind, parsed.key)
    // The counts of a group are told by everything else, and are told as wrong where they are.
    const recounted = parsed.kind === Kind.GROUP ? NO_REPAIR : undefined
    if (!isSealed(key, sealed)) {
      this.#problems.add(`${told} does not match its checksum`, undefined, recounted)
    }
    if (VERSIONED.has(parsed.kind) && isSealedTombstone(sealed)) {
      this.#tombstone(parsed, told)
      return
    }
    try {
      this.#content(parsed, unsealed(sealed), told)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#problems.add(`${told} cannot be decoded: ${why}`, undefined, recounted)
    }
  }

  #isKnown({ dataset, kind, key }: ParsedKey): boolean {
    if (kind === Kind.SCHEDULE && key !== 0) return false
    if (dataset !== 0) return this.#objsets.datasets.has(dataset) && PLAIN.has(kind)
    const single: readonly Kind[] = [Kind.SUPERBLOCK, Kind.CHECKPOINT, Kind.NSM]
    if (single.includes(kind)) return key === 0
    return kind === Kind.GROUP || GLOBAL.has(kind)
  }

  #content({ dataset, kind, key }: ParsedKey, record: Uint8Array, told: string): void {
    if (kind === Kind.GROUP) {
      decodeGroup(Number(key), record.subarray(4))
    } else if (kind === Kind.CHECKPOINT) {
      if (record.length !== CHECKPOINT_BYTES) throw new Error(`has ${record.length} bytes`)
    } else if (kind === Kind.HISTORY) {
      this.#history(dataset, String(key), record, told)
    } else {
      const format = dataset === 0 ? GLOBAL.get(kind) : PLAIN.get(kind)
      const read = decodeWhole(format ?? inodeSpec, record)
      const [first, last] = VERSIONED.has(kind) ? this.#epochs(dataset) : [0, 0]
      if (read.birth > last || read.birth < first) {
        this.#problems.add(`${told} was written in epoch ${read.birth}, which cannot be`)
      }
      if (!this.#clones.has(dataset) || !VERSIONED.has(kind)) {
        this.#weigh(kind, read)
        this.#usage.add(dataset, kind, key, read.value)
      }
      this.#locks.add(kind, key, read.value, this.#problems)
      if (kind === Kind.SCHEDULE) this.#schedule(read.value as ScheduleRecord, told)
    }
  }

  #schedule(counts: ScheduleRecord, told: string): void {
    for (const period of PERIODS) {
      if (counts[period] <= SCHEDULE_COUNT_MAX) continue
      this.#problems.add(`${told} keeps ${counts[period]} ${period} snapshots, which cannot be`)
    }
  }

  /** The first and the last in which records of a dataset can be written. */
  #epochs(dataset: number): readonly [first: number, last: number] {
    const { origin, epoch = 0 } = this.#objsets.datasets.get(dataset) ?? {}
    return [(origin?.epoch ?? 0) + 1, epoch]
  }

  /** A record that says that a clone has not what its origin has. */
  #tombstone({ dataset, kind, key }: ParsedKey, told: string): void {
    const { tombstones, deleting } = this.#objsets.datasets.get(dataset) ?? {}
    const inherited = this.#clones.get(dataset)?.inherited
    const hides = inherited?.get(VERSIONED.get(kind) ?? inodeSpec, key) !== undefined
    if (hides || tombstones || deleting) return
    this.#problems.add(`${told} is a tombstone, but there is nothing that it hides`)
  }

  /** A superseded record: its kind is the first letter of its key. */
  #history(dataset: number, key: string, record: Uint8Array, told: string): void {
    const kind = key.charAt(0) as Kind
    const inner = decodeWhole(tables.historySpec, record).value
    const read = decodeWhole(VERSIONED.get(kind) ?? inodeSpec, inner)
    const end = Number(key.slice(key.lastIndexOf('@') + 1))
    const [first, last] = this.#epochs(dataset)
    if (read.birth < first || read.birth >= end || end > last) {
      this.#problems.add(`${told} was written in epoch ${read.birth}, which cannot be`)
    }
    this.#weigh(kind, read)
  }

  #weigh(kind: Kind, { value }: Read<unknown>): void {
    if (kind === Kind.NAME) this.#weights.add((value as { ino: number }).ino)
    if (kind !== Kind.INODE) return
    const { type, content } = value as { type: FileType; content: number }
    if (type === FileType.REG) this.#weights.add(content)
  }
}

/** A key that `keyBytes` makes; undefined for any other. */
function parsedKey(key: Buffer): ParsedKey | undefined {
  try {
    const parsed = parseKey(key)
    const versioned = innerKind(parsed)
    if (versioned !== undefined && !VERSIONED.has(versioned)) return undefined
    return keyBytes(parsed.dataset, parsed.kind, parsed.key).equals(key) ? parsed : undefined
  } catch {
    return undefined
  }
}

/** The kind of the record whose history a key belongs to. */
function innerKind({ kind, key }: { kind: Kind; key: Key }): Kind | undefined {
  if (kind === Kind.DEAD) return parseDeadKey(String(key)).kind
  if (kind === Kind.HISTORY || kind === Kind.VERSIONS) return String(key).charAt(0) as Kind
  return undefined
}
