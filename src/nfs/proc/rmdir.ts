import { struct } from '../../xdr/codec.ts'
import { define } from '../procedure.ts'
import { diropargs3, wcc_data } from '../types.ts'

/** NFSPROC3_RMDIR (RFC 1813 §3.3.13). */
export const RMDIR = define({
  args: struct({ object: diropargs3 }),
  resok: struct({ dir_wcc: wcc_data }),
  resfail: struct({ dir_wcc: wcc_data }),
  changes: true,
  once: true,

  run(call, { object }) {
    const dir = call.file(object.dir)
    return { dir_wcc: call.fs.rmdir(call.cred, dir, object.name) }
  },
  fail: (call) => ({ dir_wcc: call.wccOf(call.id) }),
})
