import { struct, uint32, uint64 } from '../../xdr/codec.ts'
import { define } from '../procedure.ts'
import { argument_fh3, wcc_data, writeverf3 } from '../types.ts'

/**
 * NFSPROC3_COMMIT (RFC 1813 §3.3.21). The range is not looked at: the whole file is committed,
 * which the RFC permits. It changes nothing, so a read-only export takes it.
 */
export const COMMIT = define({
  args: struct({ file: argument_fh3, offset: uint64, count: uint32 }),
  resok: struct({ file_wcc: wcc_data, verf: writeverf3 }),
  resfail: struct({ file_wcc: wcc_data }),
  changes: false,

  run(call, { file }) {
    const { fs } = call
    const id = call.file(file)
    call.waits = true
    return {
      file_wcc: fs.commit(call.cred, id),
      // Read when the reply is written, behind the barrier: a flush that failed meanwhile shows.
      get verf() {
        return fs.writeVerifier
      },
    }
  },
  fail: (call) => ({ file_wcc: call.wccOf(call.id) }),
})
