/** The only error that store/, fs/ and snapshot/ throw on purpose: something a client can cause. */

/** POSIX codes (and NFS's four own) without their `E`; nfs/nfsstat3.ts maps each to a status. */
export type Errno =
  | 'PERM'
  | 'NOENT'
  | 'IO'
  | 'NXIO'
  | 'ACCES'
  | 'EXIST'
  | 'XDEV'
  | 'NODEV'
  | 'NOTDIR'
  | 'ISDIR'
  | 'INVAL'
  | 'FBIG'
  | 'NOSPC'
  | 'ROFS'
  | 'MLINK'
  | 'NAMETOOLONG'
  | 'NOTEMPTY'
  | 'DQUOT'
  | 'STALE'
  | 'BADHANDLE'
  | 'NOT_SYNC'
  | 'BAD_COOKIE'
  | 'NOTSUPP'
  | 'TOOSMALL'
  | 'BADTYPE'
  | 'JUKEBOX'

export class FsError extends Error {
  readonly code: Errno
  /** @param message what was wrong, for the log and the command line; clients get the code only */
  constructor(code: Errno, message: string = code) {
    super(message)
    this.name = 'FsError'
    this.code = code
  }
}
