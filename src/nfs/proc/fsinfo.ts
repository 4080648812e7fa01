import { FILE_BYTES_MAX } from '../../fs/filesystem.ts'
import { struct, uint32, uint64 } from '../../xdr/codec.ts'
import { nfstime3, post_op_attr } from '../attributes.ts'
import { type Call, define } from '../procedure.ts'
import { argument_fh3 } from '../types.ts'

/** The multiple of bytes that READs and WRITEs best have: a page of the client's. */
const IO_BYTES_MULTIPLE = 4096
/** What clients are told to ask of READDIR and READDIRPLUS. */
const DIRECTORY_BYTES_PREFERRED = 64 * 1024

const FSF3_LINK = 0x01
const FSF3_SYMLINK = 0x02
/** PATHCONF answers the same everywhere. */
const FSF3_HOMOGENEOUS = 0x08
const FSF3_CANSETTIME = 0x10

const LIMITS = {
  rtmult: IO_BYTES_MULTIPLE,
  wtmult: IO_BYTES_MULTIPLE,
  maxfilesize: FILE_BYTES_MAX,
  time_delta: { seconds: 0, nseconds: 1 },
  properties: FSF3_LINK | FSF3_SYMLINK | FSF3_HOMOGENEOUS | FSF3_CANSETTIME,
}

/** How much is to be sent at a time: over UDP no more than a datagram carries. */
function sizes({ bytesMax }: Call) {
  return {
    rtmax: bytesMax,
    rtpref: bytesMax,
    wtmax: bytesMax,
    wtpref: bytesMax,
    dtpref: Math.min(bytesMax, DIRECTORY_BYTES_PREFERRED),
  }
}

/** NFSPROC3_FSINFO (RFC 1813 §3.3.19). */
export const FSINFO = define({
  args: struct({ fsroot: argument_fh3 }),
  resok: struct({
    obj_attributes: post_op_attr,
    rtmax: uint32,
    rtpref: uint32,
    rtmult: uint32,
    wtmax: uint32,
    wtpref: uint32,
    wtmult: uint32,
    dtpref: uint32,
    maxfilesize: uint64,
    time_delta: nfstime3,
    properties: uint32,
  }),
  resfail: struct({ obj_attributes: post_op_attr }),
  changes: false,

  run: (call, { fsroot }) => ({
    obj_attributes: call.fs.getattr(call.file(fsroot)),
    ...sizes(call),
    ...LIMITS,
  }),
  fail: (call) => ({ obj_attributes: call.attributesOf(call.id) }),
})
