import { struct } from '../../xdr/codec.ts'
import { define } from '../procedure.ts'
import { diropargs3, wcc_data } from '../types.ts'

/** NFSPROC3_RENAME (RFC 1813 §3.3.14). */
export const RENAME = define({
  args: struct({ from: diropargs3, to: diropargs3 }),
  resok: struct({ fromdir_wcc: wcc_data, todir_wcc: wcc_data }),
  resfail: struct({ fromdir_wcc: wcc_data, todir_wcc: wcc_data }),
  changes: true,
  once: true,

  run(call, { from, to }) {
    const [fromDir, toDir] = call.files(from.dir, to.dir)
    const changes = call.fs.rename(call.cred, fromDir, from.name, toDir, to.name)
    return { fromdir_wcc: changes.from, todir_wcc: changes.to }
  },
  fail: (call) => ({ fromdir_wcc: call.wccOf(call.id), todir_wcc: call.wccOf(call.other) }),
})
