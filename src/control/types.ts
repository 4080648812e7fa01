/**
 * The types of the control program, in RFC 4506's terms, and its procedures' numbers.
 *
 *     result<T>   union switch (bool) { case TRUE: T value; case FALSE: failure error; }
 *     failure     errno uint32 | message string
 *     job         uint32
 *     poll<P,R,I> progress P<> | outcome optional<result<R value | I items<> | bool more>>
 *
 * A call that may take long answers a job's number, and the job is asked how it goes (see jobs.ts).
 * Results that are lists come in pages, so that every record keeps a limit.
 */
import { type Errno, FsError } from '../fs/error.ts'
import { FileType } from '../fs/filesystem.ts'
import { PATTERNS_MAX } from '../snapshot/filter.ts'
import { PLAN_ACTIONS, RESTORE_PHASES } from '../snapshot/restore-request.ts'
import {
  array,
  bool,
  type Codec,
  enumeration,
  type Infer,
  opaque,
  opaqueByReference,
  optional,
  string,
  struct,
  uint32,
  uint64,
} from '../xdr/codec.ts'
import { XdrError, type XdrReader } from '../xdr/reader.ts'
import {
  LIST_ENTRIES_MAX,
  OVERWRITE,
  type Overwrite,
  type PlanEntry,
  READ_BYTES_MAX,
  type RestoreRequest,
  type RestoreSummary,
} from './operations.ts'

/** In the range that RFC 5531 §8.3 leaves to the user. */
export const CONTROL_PROGRAM = 0x2000_5a46
/** Raised whenever a type below changes: both sides are one program, of one version or another. */
export const CONTROL_VERSION = 3

export const CONTROLPROC = {
  ...{ STATUS: 1, SNAPSHOT_CREATE: 2, SNAPSHOT_LIST: 3, SNAPSHOT_DELETE: 4, STAT: 10, LIST: 11 },
  ...{ SNAPSHOT_DELETE_POLL: 5, RESTORE: 6, RESTORE_POLL: 7, CHECK: 8, CHECK_POLL: 9, READ: 12 },
  ...{ SNAPSHOT_CHANGE: 20, SNAPSHOT_SIZES: 21, SNAPSHOT_SIZES_POLL: 22 },
  ...{ SCHEDULE: 60, SCHEDULE_SET: 61, SCHEDULE_END: 62, SCHEDULE_RUN: 63 },
  ...{ SCHEDULE_PRUNE: 64, SCHEDULE_PRUNE_POLL: 65 },
} as const

/** Longest message or other line of text, in bytes; a longer one is cut. */
const TEXT_BYTES_MAX = 4096
/** Longest path that is taken, in bytes: the longest argument that Linux hands a program. */
export const PATH_BYTES_MAX = 128 * 1024
/** Most paths of one restore. */
export const PATHS_MAX = 65_536
/** A path that failed is told up to so many bytes, so that a page of them fits into one reply. */
const FAILED_PATH_BYTES_MAX = 4096
/** Elements of one page of a list. */
export const PAGE_LENGTH = 256
const ADDRESSES_MAX = 1024
const NAME_BYTES_MAX = 255
const TARGET_BYTES_MAX = 4095

const ERRNOS: Record<Errno, number> = {
  ...{ PERM: 1, NOENT: 2, IO: 5, NXIO: 6, ACCES: 13, EXIST: 17, XDEV: 18, NODEV: 19, NOTDIR: 20 },
  ...{ ISDIR: 21, INVAL: 22, FBIG: 27, NOSPC: 28, ROFS: 30, MLINK: 31, NAMETOOLONG: 36 },
  ...{ NOTEMPTY: 39, DQUOT: 122, STALE: 116, BADHANDLE: 521, NOT_SYNC: 522, BAD_COOKIE: 523 },
  ...{ NOTSUPP: 524, TOOSMALL: 525, BADTYPE: 527, JUKEBOX: 528 },
}
const CODES = new Map(Object.entries(ERRNOS).map(([code, errno]) => [errno, code as Errno]))

/** `text`, cut where it is longer than the wire takes. */
function cut(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= bytesMax) return text
  // A character that the cut goes through is left out.
  return new TextDecoder().decode(bytes.subarray(0, bytesMax), { stream: true })
}

/** string<max> that is cut rather than refused on its way out. */
function cutString(max: number): Codec<string> {
  const codec = string(max)
  return { encode: (w, value) => codec.encode(w, cut(value, max)), decode: codec.decode }
}

/** opaque<max> decoded into bytes of its own: arguments outlive the call's receive buffer. */
export function ownOpaque(max: number): Codec<Uint8Array> {
  const codec = opaque(max)
  return { encode: codec.encode, decode: (r) => codec.decode(r).slice() }
}

/** One of a few words, by its place in the list. */
export function word<T extends string>(...words: readonly T[]): Codec<T> {
  return {
    encode: (w, value) => w.uint32(words.indexOf(value)),
    decode(r: XdrReader) {
      const at = r.position
      const value = words[r.uint32()]
      if (value === undefined) throw new XdrError('not a value of the enum', at)
      return value
    },
  }
}

export const text = cutString(TEXT_BYTES_MAX)
export const time = struct({ seconds: uint32, nseconds: uint32 })

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: FsError }

export function result<T>(of: Codec<T>): Codec<Result<T>> {
  return {
    encode(w, given) {
      bool.encode(w, given.ok)
      if (given.ok) of.encode(w, given.value)
      else failure.encode(w, given.error)
    },
    decode: (r) =>
      bool.decode(r) ? { ok: true, value: of.decode(r) } : { ok: false, error: failure.decode(r) },
  }
}

const failure: Codec<FsError> = {
  encode(w, { code, message }) {
    w.uint32(ERRNOS[code])
    text.encode(w, message)
  },
  decode(r) {
    const code = CODES.get(r.uint32()) ?? 'IO'
    return new FsError(code, text.decode(r))
  },
}

/** Its limit is checked by whoever serves it, so that a long name is an error and not garbage. */
export const snapshotName = cutString(TEXT_BYTES_MAX)

/** How far a deletion is (snapshot/delete.ts). */
export const freeing = struct({
  ...{ snapshots: uint32, versions: uint64, total: uint64, bytes: uint64 },
})
/** At most one for each dataset (snapshot/promote.ts). */
const promoting = array(struct({ dataset: text, done: uint64, total: uint64 }), 1000)

export const status = struct({
  directory: text,
  version: text,
  pid: uint32,
  state: word('serving', 'offline', 'failed'),
  reason: optional(text),
  uptime: uint64,
  durability: word('sync', 'async'),
  addresses: array(text, ADDRESSES_MAX),
  memory: optional(struct({ used: uint64, max: uint64 })),
  ...{ connections: uint32, snapshots: uint32, dataBytes: uint64 },
  freeBytes: uint64,
  logBytes: uint64,
  schedule: optional(struct({ next: time, failure: optional(text) })),
  freeing: optional(freeing),
  promoting,
})

export const path = ownOpaque(PATH_BYTES_MAX)

const wholeRestoreRequest = struct({
  snapshot: snapshotName,
  paths: array(path, PATHS_MAX),
  to: optional(path),
  overwrite: word<Overwrite>(...OVERWRITE),
  dryRun: bool,
  delete: bool,
  verify: bool,
  include: array(text, PATTERNS_MAX),
  exclude: array(text, PATTERNS_MAX),
})
const REQUEST_DEFAULTS = {
  ...{ dryRun: false, delete: false, verify: false, include: [], exclude: [] },
} as const
export const restoreRequest: Codec<RestoreRequest> = {
  encode: (w, request) => wholeRestoreRequest.encode(w, { ...REQUEST_DEFAULTS, ...request }),
  decode: (r) => wholeRestoreRequest.decode(r),
}

export const restoreProgress = struct({
  phase: word(...RESTORE_PHASES),
  files: uint64,
  directories: uint64,
  bytes: uint64,
  done: uint64,
  total: optional(uint64),
})
export type RestoreProgress = Infer<typeof restoreProgress>

/** A RestoreSummary without its lists, which follow in pages: see RestoreItem. */
export const restoreCounts = struct({
  files: uint64,
  directories: uint64,
  bytes: uint64,
  unchanged: uint64,
  skipped: uint64,
  attributes: uint64,
  deleted: uint64,
  verified: uint64,
  safetySnapshot: optional(text),
})
export type RestoreCounts = Infer<typeof restoreCounts>

/** One of what failed, with `failed` for its action, or one of the plan. */
const restoreItemPhys = struct({
  action: word('failed', ...PLAN_ACTIONS),
  path: ownOpaque(FAILED_PATH_BYTES_MAX),
  reason: text,
  bytes: uint64,
})
export type RestoreItem = PlanEntry | RestoreSummary['failed'][number]
export const restoreItem: Codec<RestoreItem> = {
  encode(w, item) {
    const path = item.path.subarray(0, FAILED_PATH_BYTES_MAX)
    const planned = 'action' in item
    const rest = planned
      ? { ...item, reason: '' }
      : ({ ...item, action: 'failed', bytes: 0 } as const)
    restoreItemPhys.encode(w, { ...rest, path })
  },
  decode(r) {
    const { action, path, reason, bytes } = restoreItemPhys.decode(r)
    return action === 'failed' ? { path, reason } : { action, path, bytes }
  },
}

/** A CheckReport without `problems`, which follow in pages. */
export const checkCounts = struct({ inodes: uint64, blocks: uint64, snapshots: uint64 })
export type CheckCounts = Infer<typeof checkCounts>

export const statArgs = struct({ snapshot: snapshotName, path })
export const listArgs = struct({ snapshot: snapshotName, ino: uint64, after: uint64 })
export const readArgs = struct({
  snapshot: snapshotName,
  ino: uint64,
  offset: uint64,
  count: uint32,
})

export const entryInfo = struct({
  name: ownOpaque(NAME_BYTES_MAX),
  type: enumeration(...Object.values(FileType)),
  ino: uint64,
  mode: uint32,
  uid: uint32,
  gid: uint32,
  nlink: uint32,
  size: uint64,
  used: uint64,
  major: uint32,
  minor: uint32,
  atime: time,
  mtime: time,
  target: ownOpaque(TARGET_BYTES_MAX),
})
export const listing = struct({
  entries: array(entryInfo, LIST_ENTRIES_MAX),
  next: optional(uint64),
})
export const piece = struct({
  data: opaqueByReference(READ_BYTES_MAX),
  crc: uint32,
  hole: uint64,
  eof: bool,
})

/** @param from the first item wanted, once the job has ended */
export const pollArgs = struct({ job: uint32, from: uint32 })
export type PollArgs = Infer<typeof pollArgs>

/** How a job goes. The job is forgotten with the page behind which there is no more. */
export interface Poll<P, R, I> {
  readonly progress: readonly P[]
  readonly outcome: Result<Page<R, I>> | undefined
}
export interface Page<R, I> {
  readonly value: R
  readonly items: readonly I[]
  readonly more: boolean
}

export function poll<P, R, I>(
  progress: Codec<P>,
  value: Codec<R>,
  item: Codec<I>,
): Codec<Poll<P, R, I>> {
  const page: Codec<Page<R, I>> = struct({ value, items: array(item, PAGE_LENGTH), more: bool })
  return struct({ progress: array(progress, PAGE_LENGTH), outcome: optional(result(page)) })
}
export const restorePoll = poll(restoreProgress, restoreCounts, restoreItem)
export const checkPoll = poll(text, checkCounts, text)
