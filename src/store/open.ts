/** Opening a store: the folder's format, the database's lock, recovery, and the making of a new one. */
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecordBuffers } from '../xdr/buffers.ts'
import { BlockStore } from './blocks.ts'
import { checkpointPut, type Put } from './checkpoint.ts'
import { CHECKPOINT_LIMITS, type CheckpointLimits } from './checkpointer.ts'
import { Database, type DatabaseMemory, InUseError } from './database.ts'
import type { Snapshot } from './dataset.ts'
import type { Disk } from './disk.ts'
import {
  clearParts,
  inspectFolder,
  inUse,
  makeFolder,
  type Owner,
  removeOwner,
  StoreError,
  writeFormat,
  writeOwner,
} from './format.ts'
import { completeIncoming, leaveBackups } from './incoming.ts'
import { Kind, keyBytes, kindRange, parseKey } from './keys.ts'
import { IntentLog } from './log.ts'
import { type Loop, UNMEASURED_LOOP } from './pace.ts'
import { decodeRecord, encodeRecord, sealRecord } from './record.ts'
import { FileType, type Inode, NO_USAGE, type Superblock } from './records.ts'
import { loadSpace, recover } from './recovery.ts'
import { StoredReplies } from './replies.ts'
import { SpaceMap } from './space.ts'
import { Store } from './store.ts'
import type { TableSpec } from './table.ts'
import { datasetSpec, inodeSpec, snapshotSpec, superblockSpec, usageSpec } from './tables.ts'
import { type Clock, strictClock } from './time.ts'

/** About how much memory clean records may take by default, in bytes. */
export const CACHE_BYTES_DEFAULT = 256 * 1024 * 1024
/** Bytes of the host's disk that file data never takes, so that metadata can always be written. */
const RESERVE_BYTES = 128 * 1024 * 1024
/** The root directory of a new store, and the first number that is free. */
const ROOT_INO = 1
const FIRST_INO = 1024
const ROOT_DATASET = 1

/** Memory that a store may take. */
export interface StoreMemory {
  /** About how much clean records may take, in bytes. */
  readonly cacheBytes: number
  /** Reference counts of blocks as they are decoded, in bytes. */
  readonly spaceBytes: number
  readonly database: DatabaseMemory
  /** Records that a checkpoint has yet to write, which are in memory whatever they take. */
  readonly dirtyRecordsMax: number
}

export interface OpenOptions {
  readonly directory: string
  readonly disk: Disk
  readonly wallClock: Clock
  readonly randomBytes: (count: number) => Uint8Array
  readonly report: (message: string, error: unknown) => void
  readonly owner: Owner
  /** Who owns the root directory of a new store. */
  readonly rootOwner: { readonly uid: number; readonly gid: number }
  /** Whether a store is made where the folder is missing or empty. */
  readonly create: boolean
  readonly cacheBytesMax?: number
  /** Where something else holds for all of it than by default. */
  readonly memory?: StoreMemory | undefined
  /** To which the data of large writes goes back once it is written. */
  readonly buffers?: RecordBuffers | undefined
  /** Where checkpoints shall begin earlier than they do by default. */
  readonly limits?: Partial<CheckpointLimits> | undefined
  /** For the pace of work in the background, which does not slow down where it is left out. */
  readonly loop?: Loop
}

/** An opened store, and how many records its recovery brought back. */
export interface Opened {
  readonly store: Store
  readonly recovered: number
}

/**
 * Opens the store of a folder, and recovers it where it was not closed.
 *
 * @throws StoreError BUSY (another process has it, named), FORMAT, MISSING, DAMAGED
 */
export async function openStore(options: OpenOptions): Promise<Opened> {
  const { directory, disk } = options
  if (options.create) await makeFolder(directory)
  await completeIncoming(disk, directory)
  const found = await inspectFolder(directory).catch((error) => {
    if (error instanceof StoreError) throw error
    throw new StoreError('MISSING', `there is no store at ${directory}`, { cause: error })
  })
  if (found === 'empty' && !options.create) {
    throw new StoreError('MISSING', `there is no store at ${directory}: the folder is empty`)
  }
  const database = await openDatabase(options, found)
  try {
    await writeOwner(directory, options.owner)
    // What is served goes ways of its own: no backup is written over it any more.
    if (options.create) await leaveBackups(disk, directory)
    if (found === 'empty') await make(options, database)
    const opened = await openParts(options, database, disk)
    if (found === 'empty') await writeFormat(disk, directory)
    return opened
  } catch (error) {
    await database.close()
    throw error
  }
}

async function openDatabase(
  { directory, memory }: OpenOptions,
  found: 'store' | 'empty',
): Promise<Database> {
  const path = join(directory, 'meta')
  try {
    const database = await Database.open(path, memory?.database)
    if (found === 'store') return database
    // A making that was interrupted left parts: nothing in them was ever promised to anybody.
    await database.clear()
    await clearParts(directory)
    return database
  } catch (error) {
    if (error instanceof InUseError) throw await inUse(directory)
    const why = error instanceof Error ? error.message : String(error)
    throw new StoreError('DAMAGED', `the database ${path} does not open: ${why}`, { cause: error })
  }
}

function put<V>(dataset: number, spec: TableSpec<V>, id: number, birth: number, value: V): Put {
  const key = Buffer.from(keyBytes(dataset, spec.kind, id))
  return { key, value: sealRecord(key, encodeRecord(spec.codec, birth, value)) }
}

/** Makes an empty store: a superblock, the root dataset, its root directory. */
async function make(options: OpenOptions, database: Database): Promise<void> {
  await makeFolder(join(options.directory, 'blocks'))
  const now = options.wallClock()
  const superblock: Superblock = {
    uuid: options.randomBytes(16),
    handleKey: options.randomBytes(16),
    starts: 0,
    nextIno: FIRST_INO,
    nextObjset: ROOT_DATASET + 1,
  }
  const root: Inode = {
    ...{ type: FileType.DIR, mode: 0o755, nlink: 2, ...options.rootOwner, size: 0, used: 0 },
    ...{ atime: now, mtime: now, ctime: now, generation: 0, major: 0, minor: 0, content: 0 },
    ...{ verifier: undefined, parent: ROOT_INO, cookie: 0, entries: 0, nextCookie: 3 },
    target: undefined,
  }
  await database.write([
    put(0, superblockSpec, 0, 0, superblock),
    put(0, datasetSpec, ROOT_DATASET, 0, {
      ...{ name: '', root: ROOT_INO, epoch: 1, snapshotsChanged: now, created: now },
      ...{ quota: NO_USAGE, deleting: false, origin: undefined, tombstones: false },
    }),
    put(ROOT_DATASET, inodeSpec, ROOT_INO, 1, root),
    put(ROOT_DATASET, usageSpec, 0, 0, { bytes: root.used, inodes: 1, written: 0 }),
    checkpointPut(0),
  ])
}

async function openParts(options: OpenOptions, database: Database, disk: Disk): Promise<Opened> {
  const { directory } = options
  const folder = join(directory, 'blocks')
  const { randomBytes, report, loop = UNMEASURED_LOOP } = options
  const blocks = await BlockStore.open(disk, folder, {
    names: await readdir(folder),
    buffers: options.buffers,
    now: loop.now,
  })
  const space = spaceMap(options, database)
  reportLost(await loadSpace(database, space, kindRange(0, Kind.GROUP)), report)
  const replies = await StoredReplies.open(disk, directory, report)
  const log = await IntentLog.open(disk, directory, logId(database))
  const { seq, recovered } = await recover({ database, log, space, blocks, replies })
  reportDamaged(replies, report)
  const { memory } = options
  const cacheBytesMax = options.cacheBytesMax ?? memory?.cacheBytes ?? CACHE_BYTES_DEFAULT
  const clock = strictClock(options.wallClock)
  const own = { database, blocks, space, log, replies, seq, clock, loop }
  const parts = { directory, disk, ...own, randomBytes, report }
  const dirty = memory === undefined ? {} : { dirtyRecordsMax: memory.dirtyRecordsMax }
  const limits = { ...CHECKPOINT_LIMITS, ...dirty, ...options.limits }
  const store = new Store({ ...parts, cacheBytesMax, reserveBytes: RESERVE_BYTES, limits })
  const snapshots = await loadSnapshots(database)
  for await (const { key } of database.scan(kindRange(0, Kind.DATASET))) {
    const id = Number(parseKey(key).key)
    store.objsets.attach(
      id,
      snapshots.filter(({ dataset }) => dataset === id),
    )
  }
  await store.begin()
  return { store, recovered }
}

function reportLost(groups: readonly number[], report: OpenOptions['report']): void {
  if (groups.length === 0) return
  report(
    "reference counts are damaged; what refers to their blocks cannot be removed until 'check --repair'",
    new StoreError('DAMAGED', `groups whose records do not match: ${groups.join(', ')}`),
  )
}

function reportDamaged({ damaged }: StoredReplies, report: OpenOptions['report']): void {
  if (damaged.size === 0) return
  const slots = [...damaged].join(', ')
  report(
    'kept replies are damaged; their calls, should they come again, are run again',
    new StoreError('DAMAGED', `slots that do not match their checksums: ${slots}`),
  )
}

function spaceMap(options: OpenOptions, database: Database): SpaceMap {
  return new SpaceMap({
    load: (group) => database.get(Buffer.from(keyBytes(0, Kind.GROUP, group)))?.subarray(4),
    ...(options.memory !== undefined && { cacheBytes: options.memory.spaceBytes }),
    mayGrow: (bytes) => options.disk.space(options.directory).free - bytes > RESERVE_BYTES,
  })
}

/** The secret by which the log knows its own entries. */
function logId(database: Database): Uint8Array {
  const record = database.get(Buffer.from(keyBytes(0, Kind.SUPERBLOCK, 0)))
  if (record === undefined) throw new StoreError('DAMAGED', 'the store has no superblock')
  const { handleKey } = decodeRecord(superblockSpec.codec, record).value
  return createHash('sha256').update('intent log').update(handleKey).digest().subarray(0, 16)
}

async function loadSnapshots(database: Database): Promise<Snapshot[]> {
  const snapshots: Snapshot[] = []
  for await (const { key, record } of database.scan(kindRange(0, Kind.SNAPSHOT))) {
    const id = Number(parseKey(key).key)
    snapshots.push({ id, ...decodeRecord(snapshotSpec.codec, record).value })
  }
  return snapshots
}

/** Closes a store, with everything in the database. */
export async function closeStore(store: Store): Promise<void> {
  await store.close()
  await removeOwner(store.directory)
}
