import { struct } from '../../xdr/codec.ts'
import { post_op_attr } from '../attributes.ts'
import { define } from '../procedure.ts'
import { diropargs3, nfs_fh3 } from '../types.ts'

/** NFSPROC3_LOOKUP (RFC 1813 §3.3.3). */
export const LOOKUP = define({
  args: struct({ what: diropargs3 }),
  resok: struct({ object: nfs_fh3, obj_attributes: post_op_attr, dir_attributes: post_op_attr }),
  resfail: struct({ dir_attributes: post_op_attr }),
  changes: false,

  run(call, { what }) {
    const dir = call.file(what.dir)
    const { id, attributes, dirAttributes } = call.fs.lookup(call.cred, dir, what.name)
    return {
      object: call.handleOf(id),
      obj_attributes: attributes,
      dir_attributes: dirAttributes,
    }
  },
  fail: (call) => ({ dir_attributes: call.attributesOf(call.id) }),
})
