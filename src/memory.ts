/** How much memory a server may take, and how it is shared out among what it keeps. */
import type { DataLimits } from './fs/data-options.ts'
import type { StoreMemory } from './store/open.ts'

const MIB = 2 ** 20

/** The most resident memory by default, in bytes. */
export const MEMORY_DEFAULT = 1024 * MIB
/** Less than this is not enough for one large file that is written, and the program itself. */
export const MEMORY_MIN = 256 * MIB
/** The program: node, its libraries, and the heap before anything is served. */
const PROGRAM_BYTES = 112 * MIB
/** The database keeps no fewer tables than this mapped, 1 MiB each. */
const TABLE_BYTES_MIN = 64 * MIB
/** Beyond this, more memory for what is on its way makes nothing quicker. */
const MOVING_BYTES_MAX = 96 * MIB

/**
 * Shares of the ceiling, in bytes. Together they are no more than it: each of them is the limit of
 * a queue or a cache, so the ceiling holds whatever clients do.
 */
export interface MemoryPlan {
  /** All of it. */
  readonly total: number
  /** V8's heap, with the garbage in it: records, handles, what is dirty. */
  readonly heapBytes: number
  readonly store: StoreMemory
  /** Receive buffers of large WRITEs; their data stays there until it is on the disk. */
  readonly recordBytes: number
  /** Calls that wait and replies that are not sent, of all connections. */
  readonly networkBytes: number
  readonly data: Pick<DataLimits, 'dirtyBytesSoft' | 'dirtyBytesHard' | 'fileBytesMax'>
  /** Most file handles that are kept decoded, a power of two. */
  readonly handles: number
}

/** @param total at least MEMORY_MIN, in bytes */
export function planMemory(total: number = MEMORY_DEFAULT): MemoryPlan {
  const rest = total - PROGRAM_BYTES
  const tables = Math.max(TABLE_BYTES_MIN, share(rest, 0.34))
  const left = rest - tables
  const moving = Math.min(MOVING_BYTES_MAX, share(left, 0.16))
  const cacheBytes = share(left, 0.3)
  return {
    total,
    heapBytes: share(left, 0.54),
    store: {
      cacheBytes,
      spaceBytes: share(left, 0.05),
      database: {
        blockCacheBytes: share(left, 0.05),
        writeBufferBytes: share(left, 0.025),
        tableBytes: tables,
      },
      // A record takes about as much as what the cache counts for it.
      dirtyRecordsMax: Math.min(100_000, Math.floor(cacheBytes / 1500)),
    },
    recordBytes: moving,
    // The data of WRITEs that wait is in the receive buffers, and counted here once more.
    networkBytes: moving + share(left, 0.06),
    data: {
      dirtyBytesSoft: share(moving, 0.34),
      dirtyBytesHard: share(moving, 0.67),
      fileBytesMax: share(moving, 0.17),
    },
    handles: 2 ** Math.floor(Math.log2(left / 4000)),
  }
}

const share = (bytes: number, part: number): number => Math.floor(bytes * part)
