/** The database under the tables: classic-level, its records sealed with checksums. */
import { ClassicLevel, type Snapshot } from 'classic-level'
import type { Put } from './checkpoint.ts'
import { DatabaseBatch } from './database-batch.ts'
import { FsError } from './error.ts'
import { openRecord } from './record.ts'

const MIB = 2 ** 20

/**
 * Bytes of a table, a file of the database. All but the newest are mapped when they are read, and
 * what is mapped counts as the process's memory. So they are small, and only so many are open.
 */
const TABLE_BYTES = MIB
/** Of the files that may be open, these are for other purposes (LevelDB's own number). */
const OTHER_FILES = 10

/** Memory that the database may take, in bytes. */
export interface DatabaseMemory {
  /** Blocks of tables, decompressed. */
  readonly blockCacheBytes: number
  /** What was written and is in no table yet; while it becomes one there are two. */
  readonly writeBufferBytes: number
  /** Tables that are mapped: pages of the page cache. At least 64 MiB. */
  readonly tableBytes: number
}
const DATABASE_MEMORY: DatabaseMemory = {
  blockCacheBytes: 32 * MIB,
  writeBufferBytes: 16 * MIB,
  tableBytes: 300 * MIB,
}

/** Keys or records that an iterator brings at a time. */
const BATCH_RECORDS = 500

const BYTES = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const

/** Keys from `gte` on, before `lt`. */
export interface KeyRange {
  readonly gte: Buffer
  readonly lt: Buffer
}

/** The database is open in another process. */
export class InUseError extends Error {}

function unreadable(error: unknown): never {
  throw new FsError('IO', `the database cannot be read: ${String(error)}`)
}

function opened(key: Buffer, sealed: Buffer): Uint8Array | undefined {
  try {
    return openRecord(key, sealed)
  } catch {
    return undefined
  }
}

export class Database {
  readonly #level: ClassicLevel<Buffer, Buffer>

  private constructor(level: ClassicLevel<Buffer, Buffer>) {
    this.#level = level
  }

  /** @throws InUseError; any other error says that the database is damaged or out of reach */
  static async open(
    directory: string,
    memory: DatabaseMemory = DATABASE_MEMORY,
  ): Promise<Database> {
    const level = new ClassicLevel<Buffer, Buffer>(directory, {
      ...BYTES,
      cacheSize: memory.blockCacheBytes,
      writeBufferSize: memory.writeBufferBytes,
      maxFileSize: TABLE_BYTES,
      maxOpenFiles: OTHER_FILES + Math.floor(memory.tableBytes / TABLE_BYTES),
      compression: true,
    })
    try {
      await level.open()
    } catch (error) {
      const cause =
        error instanceof Error ? (error.cause as { code?: string } | undefined) : undefined
      if (cause?.code === 'LEVEL_LOCKED') throw new InUseError(directory)
      throw error
    }
    return new Database(level)
  }

  /**
   * Birth and record of a key, or undefined where there is none. Without leaving the turn.
   *
   * @throws FsError IO where it cannot be read or fails its checksum
   */
  get(key: Buffer): Uint8Array | undefined {
    const sealed = this.#read(key)
    return sealed === undefined ? undefined : openRecord(key, sealed)
  }

  /** As `get` for many, in a thread of the database's own: what is damaged is left out. */
  async getMany(
    keys: readonly Buffer[],
    take: (at: number, record: Uint8Array | undefined) => void,
  ): Promise<void> {
    const all = await this.#level.getMany([...keys], BYTES).catch(() => [])
    for (const [at, sealed] of all.entries()) {
      const key = keys[at]
      if (key === undefined) continue
      const record = sealed === undefined ? undefined : opened(key, sealed)
      if (sealed === undefined || record !== undefined) take(at, record)
    }
  }

  #read(key: Buffer): Buffer | undefined {
    try {
      return this.#level.getSync(key, BYTES)
    } catch (error) {
      return unreadable(error)
    }
  }

  /** An empty batch: to be written, once. */
  batch(): DatabaseBatch {
    return new DatabaseBatch(this.#level)
  }

  /** One batch, whole and durable. */
  async write(puts: readonly Put[]): Promise<void> {
    const batch = this.batch()
    for (const { key, value } of puts) {
      if (value === undefined) batch.delete(key)
      else batch.put(key, value)
    }
    await batch.write()
  }

  /** The records of a range in the order of their keys, as the database has them now. */
  async *scan(range: {
    gte: Buffer
    lt: Buffer
  }): AsyncGenerator<{ readonly key: Buffer; readonly record: Uint8Array }> {
    for await (const [key, sealed] of this.#level.iterator({ ...range, ...BYTES })) {
      yield { key, record: openRecord(key, sealed) }
    }
  }

  /** The first key of a range; undefined where there is none. */
  async firstKey(range: KeyRange): Promise<Buffer | undefined> {
    const [key] = await this.#level.keys({ ...range, keyEncoding: 'buffer', limit: 1 }).all()
    return key
  }

  /**
   * The keys of a range in order, some at a time, as the database has them now. Records are neither
   * read nor verified.
   */
  async *keys(range: KeyRange): AsyncGenerator<readonly Buffer[]> {
    const iterator = this.#level.keys({ ...range, keyEncoding: 'buffer' })
    try {
      for (;;) {
        const batch = await iterator.nextv(BATCH_RECORDS).catch(unreadable)
        if (batch.length === 0) return
        yield batch
      }
    } finally {
      await iterator.close()
    }
  }

  /**
   * The database as it is now, whatever is written to it later. To be closed.
   *
   * @param unreadable is told of what cannot be read, which then counts as not there; where it is
   *   left out, that is thrown
   */
  freeze(unreadable?: Unreadable): FrozenDatabase {
    return new FrozenDatabase(this.#level, unreadable)
  }

  /** Forgets everything. */
  async clear(): Promise<void> {
    await this.#level.clear()
  }

  async close(): Promise<void> {
    await this.#level.close()
  }
}

/** Is told why something cannot be read. It may throw that. */
type Unreadable = (error: unknown) => void

/** A record and its key as they are on disk. */
export type SealedRecord = readonly [key: Buffer, sealed: Buffer]

/** The database at one instant. Nothing is verified: the checker, which reads it, tells damage. */
export class FrozenDatabase {
  readonly #level: ClassicLevel<Buffer, Buffer>
  readonly #snapshot: Snapshot

  readonly #unreadable: Unreadable

  constructor(level: ClassicLevel<Buffer, Buffer>, told: Unreadable = unreadable) {
    this.#level = level
    this.#snapshot = level.snapshot()
    this.#unreadable = told
  }

  /** Without leaving the turn. @throws FsError IO */
  get(key: Buffer): Buffer | undefined {
    try {
      return this.#level.getSync(key, { ...BYTES, snapshot: this.#snapshot })
    } catch (error) {
      this.#unreadable(error)
      return undefined
    }
  }

  /** The records of a range in the order of their keys, some at a time. @throws FsError IO */
  async *batches(range: KeyRange): AsyncGenerator<readonly SealedRecord[]> {
    let last: Buffer | undefined
    try {
      for await (const batch of this.#some(range, BATCH_RECORDS)) {
        yield batch
        last = batch.at(-1)?.[0]
      }
      return
    } catch (error) {
      this.#unreadable(error)
    }
    // LevelDB goes on behind what it cannot read, and says so in the end, instead of the last batch.
    const rest = last === undefined ? range : { gt: last, lt: range.lt }
    try {
      for await (const batch of this.#some(rest, 1)) yield batch
    } catch (error) {
      this.#unreadable(error)
    }
  }

  async *#some(
    range: KeyRange | { readonly gt: Buffer; readonly lt: Buffer },
    count: number,
  ): AsyncGenerator<readonly SealedRecord[]> {
    const iterator = this.#level.iterator({ ...range, ...BYTES, snapshot: this.#snapshot })
    try {
      for (;;) {
        const batch = await iterator.nextv(count)
        if (batch.length === 0) return
        yield batch
      }
    } finally {
      await iterator.close()
    }
  }

  close(): Promise<void> {
    return this.#snapshot.close()
  }
}
