import { FsError } from '../../fs/error.ts'
import { FileType } from '../../fs/filesystem.ts'
import { struct } from '../../xdr/codec.ts'
import { made3resfail, made3resok, madeFail, madeOk } from '../made.ts'
import { define } from '../procedure.ts'
import { settable } from '../sattr.ts'
import { diropargs3, mknoddata3 } from '../types.ts'

/** NFSPROC3_MKNOD (RFC 1813 §3.3.11). */
export const MKNOD = define({
  args: struct({ where: diropargs3, what: mknoddata3 }),
  resok: made3resok,
  resfail: made3resfail,
  changes: true,
  once: true,

  run(call, { where, what }) {
    const dir = call.file(where.dir)
    const type = special(what.type)
    const attributes = settable(what.attributes)
    return madeOk(call, call.fs.mknod(call.cred, dir, where.name, type, what.spec, attributes))
  },
  fail: madeFail,
})

/** @throws FsError BADTYPE for what has a procedure of its own, and for what does not exist */
function special(type: number): FileType {
  switch (type) {
    case FileType.BLK:
    case FileType.CHR:
    case FileType.SOCK:
    case FileType.FIFO:
      return type
    default:
      throw new FsError('BADTYPE', `MKNOD makes no file of type ${type}`)
  }
}
