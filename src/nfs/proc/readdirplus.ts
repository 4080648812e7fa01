import type { DirectoryEntry } from '../../fs/filesystem.ts'
import { type Infer, struct, uint32, uint64 } from '../../xdr/codec.ts'
import { post_op_attr } from '../attributes.ts'
import { directoryList, EntryPacker } from '../dirlist.ts'
import { define } from '../procedure.ts'
import { argument_fh3, cookieverf3, filename3, post_op_fh3 } from '../types.ts'
import { NO_COOKIEVERF } from './readdir.ts'

const entryplus3 = struct({
  fileid: uint64,
  name: filename3,
  cookie: uint64,
  name_attributes: post_op_attr,
  name_handle: post_op_fh3,
})
export type entryplus3 = Infer<typeof entryplus3>

/**
 * NFSPROC3_READDIRPLUS (RFC 1813 §3.3.17).
 *
 * `maxcount` holds for READDIRPLUS3resok, `dircount` for the fileids, names and cookies in it. A
 * `dircount` that admits not even one entry admits one all the same, as a client that has room for
 * the reply would otherwise never get anywhere; too small a `maxcount` is TOOSMALL.
 */
export const READDIRPLUS = define({
  args: struct({
    dir: argument_fh3,
    cookie: uint64,
    cookieverf: cookieverf3,
    dircount: uint32,
    maxcount: uint32,
  }),
  resok: struct({
    dir_attributes: post_op_attr,
    cookieverf: cookieverf3,
    reply: directoryList(entryplus3),
  }),
  resfail: struct({ dir_attributes: post_op_attr }),
  changes: false,

  run(call, { dir, cookie, dircount, maxcount }) {
    const id = call.file(dir)
    const { handles } = call.service
    const packer = new EntryPacker(handles, Math.min(maxcount, call.bytesMax), dircount)
    const emit = (entry: DirectoryEntry) => packer.addPlus(entry)
    const result = call.fs.readdir(call.cred, id, cookie, true, emit, packer)
    return {
      dir_attributes: result.attributes,
      cookieverf: NO_COOKIEVERF,
      reply: packer.finish(result),
    }
  },
  fail: (call) => ({ dir_attributes: call.attributesOf(call.id) }),
})
