/** What of a client's sattr3 the file system is asked to set. */
import { FsError } from '../fs/error.ts'
import type { SetAttributes, Time } from '../fs/filesystem.ts'

/** Permission bits, suid, sgid and sticky. */
const MODE_MASK = 0o7777
const NSECONDS_PER_SECOND = 1_000_000_000

/** @throws FsError INVAL where a time has a second or more of nanoseconds */
export function settable(set: SetAttributes): SetAttributes {
  checkTime(set.atime)
  checkTime(set.mtime)
  // Some clients send the file type's bits along (S_IFREG); they are no part of the mode here.
  if (set.mode === undefined || set.mode <= MODE_MASK) return set
  return { ...set, mode: set.mode & MODE_MASK }
}

function checkTime(time: Time | 'now' | undefined): void {
  if (time === undefined || time === 'now') return
  if (time.nseconds >= NSECONDS_PER_SECOND) throw new FsError('INVAL', 'nseconds of 1e9 or more')
}
