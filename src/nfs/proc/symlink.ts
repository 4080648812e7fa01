import { struct } from '../../xdr/codec.ts'
import { made3resfail, made3resok, madeFail, madeOk } from '../made.ts'
import { define } from '../procedure.ts'
import { settable } from '../sattr.ts'
import { diropargs3, nfspath3, sattr3 } from '../types.ts'

const symlinkdata3 = struct({ symlink_attributes: sattr3, symlink_data: nfspath3 })

/** NFSPROC3_SYMLINK (RFC 1813 §3.3.10). */
export const SYMLINK = define({
  args: struct({ where: diropargs3, symlink: symlinkdata3 }),
  resok: made3resok,
  resfail: made3resfail,
  changes: true,
  once: true,

  run(call, { where, symlink }) {
    const dir = call.file(where.dir)
    const attributes = settable(symlink.symlink_attributes)
    const target = symlink.symlink_data
    return madeOk(call, call.fs.symlink(call.cred, dir, where.name, target, attributes))
  },
  fail: madeFail,
})
