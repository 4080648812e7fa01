import type { CreateHow } from '../../fs/filesystem.ts'
import { struct } from '../../xdr/codec.ts'
import { made3resfail, made3resok, madeFail, madeOk } from '../made.ts'
import { define } from '../procedure.ts'
import { settable } from '../sattr.ts'
import { createhow3, diropargs3 } from '../types.ts'

/** NFSPROC3_CREATE (RFC 1813 §3.3.8). */
export const CREATE = define({
  args: struct({ where: diropargs3, how: createhow3 }),
  resok: made3resok,
  resfail: made3resfail,
  changes: true,
  once: true,

  run(call, { where, how }) {
    const dir = call.file(where.dir)
    return madeOk(call, call.fs.create(call.cred, dir, where.name, checked(how)))
  },
  fail: madeFail,
})

function checked(how: CreateHow): CreateHow {
  if (how.mode === 'EXCLUSIVE') return how
  return { mode: how.mode, attributes: settable(how.attributes) }
}
