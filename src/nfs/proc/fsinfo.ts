import { FILE_BYTES_MAX, IO_BYTES_MAX } from '../../fs/filesystem.ts'
import { struct, uint32, uint64 } from '../../xdr/codec.ts'
import { define } from '../procedure.ts'
import { nfs_fh3, nfstime3, post_op_attr } from '../types.ts'

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
  rtmax: IO_BYTES_MAX,
  rtpref: IO_BYTES_MAX,
  rtmult: IO_BYTES_MULTIPLE,
  wtmax: IO_BYTES_MAX,
  wtpref: IO_BYTES_MAX,
  wtmult: IO_BYTES_MULTIPLE,
  dtpref: DIRECTORY_BYTES_PREFERRED,
  maxfilesize: FILE_BYTES_MAX,
  time_delta: { seconds: 0, nseconds: 1 },
  properties: FSF3_LINK | FSF3_SYMLINK | FSF3_HOMOGENEOUS | FSF3_CANSETTIME,
}

/** NFSPROC3_FSINFO (RFC 1813 §3.3.19). */
export const FSINFO = define({
  args: struct({ fsroot: nfs_fh3 }),
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

  run: (call, { fsroot }) => ({ obj_attributes: call.fs.getattr(call.file(fsroot)), ...LIMITS }),
  fail: (call) => ({ obj_attributes: call.attributesOf(call.id) }),
})
