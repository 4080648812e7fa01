/** The one place where an error becomes a status. */
import { type Errno, FsError } from '../fs/error.ts'

/** RFC 1813 §2.6, all of it but REMOTE, which no server answers. */
export const nfsstat3 = {
  NFS3_OK: 0,
  NFS3ERR_PERM: 1,
  NFS3ERR_NOENT: 2,
  NFS3ERR_IO: 5,
  NFS3ERR_NXIO: 6,
  NFS3ERR_ACCES: 13,
  NFS3ERR_EXIST: 17,
  NFS3ERR_XDEV: 18,
  NFS3ERR_NODEV: 19,
  NFS3ERR_NOTDIR: 20,
  NFS3ERR_ISDIR: 21,
  NFS3ERR_INVAL: 22,
  NFS3ERR_FBIG: 27,
  NFS3ERR_NOSPC: 28,
  NFS3ERR_ROFS: 30,
  NFS3ERR_MLINK: 31,
  NFS3ERR_NAMETOOLONG: 63,
  NFS3ERR_NOTEMPTY: 66,
  NFS3ERR_DQUOT: 69,
  NFS3ERR_STALE: 70,
  NFS3ERR_BADHANDLE: 10001,
  NFS3ERR_NOT_SYNC: 10002,
  NFS3ERR_BAD_COOKIE: 10003,
  NFS3ERR_NOTSUPP: 10004,
  NFS3ERR_TOOSMALL: 10005,
  NFS3ERR_SERVERFAULT: 10006,
  NFS3ERR_BADTYPE: 10007,
  NFS3ERR_JUKEBOX: 10008,
} as const
export type nfsstat3 = (typeof nfsstat3)[keyof typeof nfsstat3]

/** Total by its type: an Errno without an NFS3ERR_ of the same name does not compile. */
const fromErrno = (code: Errno): nfsstat3 => nfsstat3[`NFS3ERR_${code}`]

/** @param report is told what no client can cause: a bug of ours, answered SERVERFAULT */
export function statusOf(error: unknown, report: (error: unknown) => void): nfsstat3 {
  if (error instanceof FsError) return fromErrno(error.code)
  report(error)
  return nfsstat3.NFS3ERR_SERVERFAULT
}
