import { Access } from '../../fs/filesystem.ts'
import { struct, uint32 } from '../../xdr/codec.ts'
import { post_op_attr } from '../attributes.ts'
import { define } from '../procedure.ts'
import { argument_fh3 } from '../types.ts'

/** The bits that mean something; a client may ask for others, and they are not granted. */
const ACCESS_MASK = Object.values(Access).reduce((mask, bit) => mask | bit, 0)
const CHANGING = Access.MODIFY | Access.EXTEND | Access.DELETE

/** NFSPROC3_ACCESS (RFC 1813 §3.3.4). */
export const ACCESS = define({
  args: struct({ object: argument_fh3, access: uint32 }),
  resok: struct({ obj_attributes: post_op_attr, access: uint32 }),
  resfail: struct({ obj_attributes: post_op_attr }),
  changes: false,

  run(call, { object, access }) {
    const id = call.file(object)
    const mask = access & (call.readOnly ? ACCESS_MASK & ~CHANGING : ACCESS_MASK)
    const granted = call.fs.access(call.cred, id, mask)
    return { obj_attributes: call.fs.getattr(id), access: granted }
  },
  fail: (call) => ({ obj_attributes: call.attributesOf(call.id) }),
})
