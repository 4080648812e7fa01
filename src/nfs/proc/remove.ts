import { struct } from '../../xdr/codec.ts'
import { define } from '../procedure.ts'
import { diropargs3, wcc_data } from '../types.ts'

/** NFSPROC3_REMOVE (RFC 1813 §3.3.12). */
export const REMOVE = define({
  args: struct({ object: diropargs3 }),
  resok: struct({ dir_wcc: wcc_data }),
  resfail: struct({ dir_wcc: wcc_data }),
  changes: true,
  once: true,

  run(call, { object }) {
    const dir = call.file(object.dir)
    return { dir_wcc: call.fs.remove(call.cred, dir, object.name) }
  },
  fail: (call) => ({ dir_wcc: call.wccOf(call.id) }),
})
