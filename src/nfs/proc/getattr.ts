import { struct, voidType } from '../../xdr/codec.ts'
import { fattr3 } from '../attributes.ts'
import { define } from '../procedure.ts'
import { argument_fh3 } from '../types.ts'

/** NFSPROC3_GETATTR (RFC 1813 §3.3.1). */
export const GETATTR = define({
  args: struct({ object: argument_fh3 }),
  resok: struct({ obj_attributes: fattr3 }),
  resfail: voidType,
  changes: false,

  run: (call, { object }) => ({ obj_attributes: call.fs.getattr(call.file(object)) }),
  fail: () => undefined,
})
