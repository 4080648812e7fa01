/**
 * Attributes on the wire: the bytes that nearly every reply carries, once or more often.
 *
 *     fattr3        84 bytes: 13 fields, none of them of a length of its own
 *     post_op_attr  0, or 1 and a fattr3
 *     wcc_attr      24 bytes: size, mtime, ctime
 *
 * They are declared as every other type is, and read so. But written field by field, they were a
 * third of what a LOOKUP takes. So each is written in one go, into room that is claimed once.
 */
import type { Attributes, Before, DeviceNumber, Time } from '../fs/filesystem.ts'
import { FileType } from '../fs/filesystem.ts'
import { type Codec, enumeration, optional, struct, uint32, uint64 } from '../xdr/codec.ts'
import { putUint64 } from '../xdr/writer.ts'

export const FATTR3_BYTES = 84
const WCC_ATTR_BYTES = 24

export const nfstime3: Codec<Time> = struct({ seconds: uint32, nseconds: uint32 })
export const specdata3: Codec<DeviceNumber> = struct({ specdata1: uint32, specdata2: uint32 })
export const ftype3 = enumeration<FileType>(...Object.values(FileType))

const fattr3Fields: Codec<Attributes> = struct({
  type: ftype3,
  mode: uint32,
  nlink: uint32,
  uid: uint32,
  gid: uint32,
  size: uint64,
  used: uint64,
  rdev: specdata3,
  fsid: uint64,
  fileid: uint64,
  atime: nfstime3,
  mtime: nfstime3,
  ctime: nfstime3,
})

/** Puts a fattr3 where there is room for it. */
export function putFattr3(view: DataView, at: number, attributes: Attributes): void {
  view.setUint32(at, attributes.type)
  view.setUint32(at + 4, attributes.mode)
  view.setUint32(at + 8, attributes.nlink)
  view.setUint32(at + 12, attributes.uid)
  view.setUint32(at + 16, attributes.gid)
  putUint64(view, at + 20, attributes.size)
  putUint64(view, at + 28, attributes.used)
  view.setUint32(at + 36, attributes.rdev.specdata1)
  view.setUint32(at + 40, attributes.rdev.specdata2)
  putUint64(view, at + 44, attributes.fsid)
  putUint64(view, at + 52, attributes.fileid)
  putTime(view, at + 60, attributes.atime)
  putTime(view, at + 68, attributes.mtime)
  putTime(view, at + 76, attributes.ctime)
}

function putTime(view: DataView, at: number, time: Time): void {
  view.setUint32(at, time.seconds)
  view.setUint32(at + 4, time.nseconds)
}

export const fattr3: Codec<Attributes> = {
  encode(w, attributes) {
    const at = w.claim(FATTR3_BYTES)
    putFattr3(w.view, at, attributes)
  },
  decode: fattr3Fields.decode,
}

export const post_op_attr: Codec<Attributes | undefined> = {
  encode(w, attributes) {
    if (attributes === undefined) {
      w.uint32(0)
      return
    }
    const at = w.claim(4 + FATTR3_BYTES)
    w.view.setUint32(at, 1)
    putFattr3(w.view, at + 4, attributes)
  },
  decode: optional(fattr3Fields).decode,
}

const wccAttrFields: Codec<Before> = struct({ size: uint64, mtime: nfstime3, ctime: nfstime3 })

export const wcc_attr: Codec<Before> = {
  encode(w, before) {
    const at = w.claim(WCC_ATTR_BYTES)
    putUint64(w.view, at, before.size)
    putTime(w.view, at + 8, before.mtime)
    putTime(w.view, at + 16, before.ctime)
  },
  decode: wccAttrFields.decode,
}
