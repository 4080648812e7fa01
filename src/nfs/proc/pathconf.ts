import { LINK_MAX, NAME_BYTES_MAX } from '../../fs/filesystem.ts'
import { bool, struct, uint32 } from '../../xdr/codec.ts'
import { post_op_attr } from '../attributes.ts'
import { define } from '../procedure.ts'
import { argument_fh3 } from '../types.ts'

const LIMITS = {
  linkmax: LINK_MAX,
  name_max: NAME_BYTES_MAX,
  // A name that is too long is refused and never cut.
  no_trunc: true,
  chown_restricted: true,
  case_insensitive: false,
  case_preserving: true,
}

/** NFSPROC3_PATHCONF (RFC 1813 §3.3.20). */
export const PATHCONF = define({
  args: struct({ object: argument_fh3 }),
  resok: struct({
    obj_attributes: post_op_attr,
    linkmax: uint32,
    name_max: uint32,
    no_trunc: bool,
    chown_restricted: bool,
    case_insensitive: bool,
    case_preserving: bool,
  }),
  resfail: struct({ obj_attributes: post_op_attr }),
  changes: false,

  run: (call, { object }) => ({ obj_attributes: call.fs.getattr(call.file(object)), ...LIMITS }),
  fail: (call) => ({ obj_attributes: call.attributesOf(call.id) }),
})
