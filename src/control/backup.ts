/** Backups of the store: what can be asked, and how that goes over the control program. */
import {
  BACKUP_PHASES,
  type BackupCounts,
  type BackupProgress,
  type BackupRequest,
  type BackupSummary,
} from '../backup/request.ts'
import { bool, type Codec, string, struct, uint32, uint64 } from '../xdr/codec.ts'
import type { RemoteCalls } from './calls.ts'
import { type JobCount, Jobs } from './jobs.ts'
import type { Answer, Table, ToError } from './program.ts'
import * as wire from './types.ts'

export type { BackupCounts, BackupProgress, BackupRequest, BackupSummary }

export interface BackupOperations {
  /**
   * Copies the store as it is now into a folder that is a store itself.
   * @throws FsError INVAL (the folder), NOSPC, IO, JUKEBOX (the store is being closed)
   */
  backup(
    request: BackupRequest,
    progress: (progress: BackupProgress) => void,
  ): Promise<BackupSummary>
}

/** The procedures' numbers, apart from those in types.ts. */
const [BACKUP, BACKUP_POLL] = [90, 91] as const
/** Longest path of a folder, in bytes: PATH_MAX of Linux. */
const FOLDER_BYTES_MAX = 4096

const request: Codec<BackupRequest> = struct({
  ...{ directory: string(FOLDER_BYTES_MAX), bytesPerSecond: uint64 },
})
const progress: Codec<BackupProgress> = struct({
  ...{ phase: wire.word(...BACKUP_PHASES), records: uint64, doneBytes: uint64, totalBytes: uint64 },
})
/** A BackupSummary without its list, which follows in pages. */
const counts: Codec<BackupCounts> = struct({
  ...{ first: bool, records: uint64, written: uint64, deleted: uint64 },
  ...{ copiedBytes: uint64, totalBytes: uint64 },
})
const poll = wire.poll(progress, counts, wire.text)

/** @param count of the jobs of all kinds */
export function backupProcedures(
  operations: BackupOperations,
  answer: Answer,
  count: JobCount,
  toError: ToError,
): Table {
  const jobs = new Jobs<BackupProgress, BackupCounts, string>(count, toError)
  return {
    [BACKUP]: answer(request, uint32, async (given) =>
      jobs.start(async (report) => {
        const { problems, ...value } = await operations.backup(given, report)
        return { value, items: problems }
      }),
    ),
    [BACKUP_POLL]: answer(wire.pollArgs, poll, (args) => jobs.poll(args)),
  }
}

/** Asks a running server. */
export async function remoteBackup(
  calls: RemoteCalls,
  given: BackupRequest,
  report: (progress: BackupProgress) => void,
): Promise<BackupSummary> {
  const job = await calls.call(BACKUP, request, given, uint32)
  const { value, items } = await calls.follow(BACKUP_POLL, job, poll, report)
  return { ...value, problems: items }
}
