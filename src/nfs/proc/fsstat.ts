import { struct, uint32, uint64 } from '../../xdr/codec.ts'
import { post_op_attr } from '../attributes.ts'
import { define } from '../procedure.ts'
import { argument_fh3 } from '../types.ts'

/** NFSPROC3_FSSTAT (RFC 1813 §3.3.18). */
export const FSSTAT = define({
  args: struct({ fsroot: argument_fh3 }),
  resok: struct({
    obj_attributes: post_op_attr,
    tbytes: uint64,
    fbytes: uint64,
    abytes: uint64,
    tfiles: uint64,
    ffiles: uint64,
    afiles: uint64,
    invarsec: uint32,
  }),
  resfail: struct({ obj_attributes: post_op_attr }),
  changes: false,

  run(call, { fsroot }) {
    const id = call.file(fsroot)
    const statfs = call.fs.statfs(id)
    // invarsec 0: the numbers may change with the next call.
    return { obj_attributes: call.fs.getattr(id), ...statfs, invarsec: 0 }
  },
  fail: (call) => ({ obj_attributes: call.attributesOf(call.id) }),
})
