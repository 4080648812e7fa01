/** What CREATE, MKDIR, SYMLINK and MKNOD answer: the same four results under the same names. */
import type { Made } from '../fs/filesystem.ts'
import { type Infer, struct } from '../xdr/codec.ts'
import { post_op_attr } from './attributes.ts'
import type { Call } from './procedure.ts'
import { post_op_fh3, wcc_data } from './types.ts'

export const made3resok = struct({
  obj: post_op_fh3,
  obj_attributes: post_op_attr,
  dir_wcc: wcc_data,
})

export const made3resfail = struct({ dir_wcc: wcc_data })

export function madeOk(call: Call, made: Made): Infer<typeof made3resok> {
  return { obj: call.handleOf(made.id), obj_attributes: made.attributes, dir_wcc: made.dir }
}

export function madeFail(call: Call): Infer<typeof made3resfail> {
  return { dir_wcc: call.wccOf(call.id) }
}
