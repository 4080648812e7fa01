import { struct } from '../../xdr/codec.ts'
import { made3resfail, made3resok, madeFail, madeOk } from '../made.ts'
import { define } from '../procedure.ts'
import { settable } from '../sattr.ts'
import { diropargs3, sattr3 } from '../types.ts'

/** NFSPROC3_MKDIR (RFC 1813 §3.3.9). */
export const MKDIR = define({
  args: struct({ where: diropargs3, attributes: sattr3 }),
  resok: made3resok,
  resfail: made3resfail,
  changes: true,
  once: true,

  run(call, { where, attributes }) {
    const dir = call.file(where.dir)
    return madeOk(call, call.fs.mkdir(call.cred, dir, where.name, settable(attributes)))
  },
  fail: madeFail,
})
