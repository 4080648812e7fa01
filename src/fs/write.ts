/** WRITE and COMMIT (RFC 1813 §3.3.7, §3.3.21): what they mean for the inode; data.ts has the data. */
import type { Inode } from '../store/records.ts'
import { requireWrite } from './access.ts'
import { FsError } from './error.ts'
import {
  type Awaitable,
  type Change,
  type Cred,
  FILE_BYTES_MAX,
  type FileId,
  StableHow,
  type WriteResult,
} from './filesystem.ts'
import type { Live } from './live.ts'
import { modeAfterWrite } from './setattr.ts'

export function write(
  live: Live,
  cred: Cred,
  id: FileId,
  offset: number,
  data: Uint8Array,
  stable: StableHow,
): Awaitable<WriteResult> {
  const { ino } = id
  const inode = live.regular(id)
  requireWrite(cred, inode)
  if (offset > FILE_BYTES_MAX - data.length) throw new FsError('FBIG')
  const count = data.length
  if (count === 0) return { count, change: live.unchanged(ino, inode) }
  const before = live.current(ino, inode)
  const written = firstWritten(live, cred, ino, inode)
  const throttled = live.data.write(ino, written, offset, data)
  // Looked up again: data that came with the write, or had to make room, may be stored by now.
  const stored = live.regular(id)
  const after =
    stable === StableHow.UNSTABLE ? live.current(ino, stored) : settle(live, ino, stored)
  const result = { count, change: live.change(ino, before, after) }
  return throttled === undefined ? result : throttled.then(() => result)
}

/** The first write by somebody else takes suid and sgid away, any first one the verifier. */
function firstWritten(live: Live, cred: Cred, ino: number, inode: Inode): Inode {
  const mode = modeAfterWrite(cred, inode)
  if (mode === inode.mode && inode.verifier === undefined) return inode
  return live.store.transact((tx) => {
    const after = { ...live.settled(tx, ino, inode), mode, verifier: undefined }
    live.put(tx, ino, after)
    return after
  })
}

/** Makes the file's data part of the next commit. @returns the inode as it is stored then */
function settle(live: Live, ino: number, inode: Inode): Inode {
  return live.store.transact((tx) => {
    const settled = live.settled(tx, ino, inode)
    if (settled !== inode) live.put(tx, ino, settled)
    return settled
  })
}

/** Anybody may COMMIT: it changes nothing that he could see. */
export function commit(live: Live, id: FileId): Change {
  const inode = live.resolve(id)
  const before = live.current(id.ino, inode)
  // Where all data is stored already, there is nothing to do but to wait for it.
  const after = before === inode ? inode : settle(live, id.ino, inode)
  return live.change(id.ino, before, after)
}
