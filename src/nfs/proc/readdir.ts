import { type Infer, struct, uint32, uint64 } from '../../xdr/codec.ts'
import { post_op_attr } from '../attributes.ts'
import { directoryList, EntryPacker } from '../dirlist.ts'
import { define } from '../procedure.ts'
import { argument_fh3, cookieverf3, filename3 } from '../types.ts'

const entry3 = struct({ fileid: uint64, name: filename3, cookie: uint64 })
export type entry3 = Infer<typeof entry3>

/**
 * Cookies hold for as long as their directory, so there is nothing to verify: a BAD_COOKIE would
 * only make clients start again, or (macOS) take the listing to be complete.
 */
export const NO_COOKIEVERF = new Uint8Array(8)

/** NFSPROC3_READDIR (RFC 1813 §3.3.16). `count` holds for READDIR3resok, without the status. */
export const READDIR = define({
  args: struct({ dir: argument_fh3, cookie: uint64, cookieverf: cookieverf3, count: uint32 }),
  resok: struct({
    dir_attributes: post_op_attr,
    cookieverf: cookieverf3,
    reply: directoryList(entry3),
  }),
  resfail: struct({ dir_attributes: post_op_attr }),
  changes: false,

  run(call, { dir, cookie, count }) {
    const id = call.file(dir)
    const packer = new EntryPacker(call.service.handles, Math.min(count, call.bytesMax))
    const result = call.fs.readdir(call.cred, id, cookie, false, (entry) => packer.add(entry))
    return {
      dir_attributes: result.attributes,
      cookieverf: NO_COOKIEVERF,
      reply: packer.finish(result),
    }
  },
  fail: (call) => ({ dir_attributes: call.attributesOf(call.id) }),
})
