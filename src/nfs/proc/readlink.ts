import { struct } from '../../xdr/codec.ts'
import { post_op_attr } from '../attributes.ts'
import { define } from '../procedure.ts'
import { argument_fh3, nfspath3 } from '../types.ts'

/** NFSPROC3_READLINK (RFC 1813 §3.3.5). */
export const READLINK = define({
  args: struct({ symlink: argument_fh3 }),
  resok: struct({ symlink_attributes: post_op_attr, data: nfspath3 }),
  resfail: struct({ symlink_attributes: post_op_attr }),
  changes: false,

  run(call, { symlink }) {
    const id = call.file(symlink)
    const data = call.fs.readlink(call.cred, id)
    return { symlink_attributes: call.fs.getattr(id), data }
  },
  fail: (call) => ({ symlink_attributes: call.attributesOf(call.id) }),
})
