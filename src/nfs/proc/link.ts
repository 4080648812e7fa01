import { struct } from '../../xdr/codec.ts'
import { post_op_attr } from '../attributes.ts'
import { define } from '../procedure.ts'
import { argument_fh3, diropargs3, wcc_data } from '../types.ts'

/** NFSPROC3_LINK (RFC 1813 §3.3.15). */
export const LINK = define({
  args: struct({ file: argument_fh3, link: diropargs3 }),
  resok: struct({ file_attributes: post_op_attr, linkdir_wcc: wcc_data }),
  resfail: struct({ file_attributes: post_op_attr, linkdir_wcc: wcc_data }),
  changes: true,
  once: true,

  run(call, { file, link }) {
    const [id, dir] = call.files(file, link.dir)
    const linked = call.fs.link(call.cred, id, dir, link.name)
    return { file_attributes: linked.attributes, linkdir_wcc: linked.dir }
  },
  fail: (call) => ({
    file_attributes: call.attributesOf(call.id),
    linkdir_wcc: call.wccOf(call.other),
  }),
})
