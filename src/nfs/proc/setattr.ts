import { struct } from '../../xdr/codec.ts'
import { define } from '../procedure.ts'
import { settable } from '../sattr.ts'
import { argument_fh3, sattr3, sattrguard3, wcc_data } from '../types.ts'

/** NFSPROC3_SETATTR (RFC 1813 §3.3.2). */
export const SETATTR = define({
  args: struct({ object: argument_fh3, new_attributes: sattr3, guard: sattrguard3 }),
  resok: struct({ obj_wcc: wcc_data }),
  resfail: struct({ obj_wcc: wcc_data }),
  changes: true,
  once: true,

  run(call, { object, new_attributes, guard }) {
    const id = call.file(object)
    return { obj_wcc: call.fs.setattr(call.cred, id, settable(new_attributes), guard) }
  },
  fail: (call) => ({ obj_wcc: call.wccOf(call.id) }),
})
