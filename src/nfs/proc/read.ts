import { IO_BYTES_MAX, type ReadResult } from '../../fs/filesystem.ts'
import { bool, type Infer, opaqueByReference, struct, uint32, uint64 } from '../../xdr/codec.ts'
import { post_op_attr } from '../attributes.ts'
import { type Call, define } from '../procedure.ts'
import { argument_fh3 } from '../types.ts'

const READ3resok = struct({
  file_attributes: post_op_attr,
  count: uint32,
  eof: bool,
  data: opaqueByReference(IO_BYTES_MAX),
})

/** NFSPROC3_READ (RFC 1813 §3.3.6). A count above what one reply brings gets a short read. */
export const READ = define({
  args: struct({ file: argument_fh3, offset: uint64, count: uint32 }),
  resok: READ3resok,
  resfail: struct({ file_attributes: post_op_attr }),
  changes: false,

  run(call, { file, offset, count }) {
    const id = call.file(file)
    const result = call.fs.read(call.cred, id, offset, Math.min(count, call.bytesMax))
    if (result instanceof Promise) return result.then((later) => readOk(call, later))
    return readOk(call, result)
  },
  fail: (call) => ({ file_attributes: call.attributesOf(call.id) }),
})

function readOk(call: Call, result: ReadResult): Infer<typeof READ3resok> {
  // The data goes to the socket where it lies, so its buffer is free only when the reply is out.
  call.onSent = result.release
  const { data, eof, attributes } = result
  return { file_attributes: attributes, count: data.length, eof, data }
}
