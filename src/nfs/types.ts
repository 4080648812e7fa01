/**
 * The data types of RFC 1813 §2.5 and §2.6, under their own names; those that carry attributes are
 * in attributes.ts.
 *
 * The file system's types are field for field the RFC's: Attributes is a fattr3, Change is a
 * wcc_data, SetAttributes is a sattr3. So a reply encodes what the file system answered as it is.
 */
import type { CreateHow, DeviceNumber, SetAttributes, Time } from '../fs/filesystem.ts'
import { FileType } from '../fs/filesystem.ts'
import {
  type Codec,
  type Infer,
  opaque,
  opaqueFixed,
  optional,
  struct,
  uint32,
  uint64,
} from '../xdr/codec.ts'
import { Span, XdrError } from '../xdr/reader.ts'
import { nfstime3, post_op_attr, specdata3, wcc_attr } from './attributes.ts'

/** RFC 1813 §2.4: the most bytes of a file handle, and the bytes of the three verifiers. */
export const NFS3_FHSIZE = 64
const NFS3_COOKIEVERFSIZE = 8
const NFS3_CREATEVERFSIZE = 8
const NFS3_WRITEVERFSIZE = 8

/** A length limit that only the record's own size keeps: the file system judges names and data. */
const UNLIMITED = 0xffff_ffff

export const nfs_fh3 = opaque(NFS3_FHSIZE)
/** A nfs_fh3 among arguments, which is looked at once: read, it is always a Span. */
export type HandleArgument = Uint8Array | Span
export const argument_fh3: Codec<HandleArgument> = {
  encode: (w, handle) => w.opaque(handle instanceof Span ? handle.view() : handle),
  decode: (r) => r.opaqueSpan(NFS3_FHSIZE),
}
/** string<>: bytes, not text. No limit here, so that a long name is answered NAMETOOLONG. */
export const filename3 = opaque(UNLIMITED)
/** string<>: a symbolic link's target, in bytes. */
export const nfspath3 = opaque(UNLIMITED)
/** The data of a WRITE: what exceeds the transfer size is left unwritten, and not refused. */
export const filedata = opaque(UNLIMITED)
export const cookieverf3 = opaqueFixed(NFS3_COOKIEVERFSIZE)
export const createverf3 = opaqueFixed(NFS3_CREATEVERFSIZE)
export const writeverf3 = opaqueFixed(NFS3_WRITEVERFSIZE)

export const post_op_fh3 = optional(nfs_fh3)

export const wcc_data = struct({ before: optional(wcc_attr), after: post_op_attr })
export type wcc_data = Infer<typeof wcc_data>

const time_how = { DONT_CHANGE: 0, SET_TO_SERVER_TIME: 1, SET_TO_CLIENT_TIME: 2 } as const

/** set_atime and set_mtime: a time, `'now'` for the server's, or undefined for no change. */
const set_time: Codec<Time | 'now' | undefined> = {
  encode(w, value) {
    if (value === undefined) w.uint32(time_how.DONT_CHANGE)
    else if (value === 'now') w.uint32(time_how.SET_TO_SERVER_TIME)
    else {
      w.uint32(time_how.SET_TO_CLIENT_TIME)
      nfstime3.encode(w, value)
    }
  },
  decode(r) {
    const at = r.position
    const how = r.uint32()
    if (how === time_how.DONT_CHANGE) return undefined
    if (how === time_how.SET_TO_SERVER_TIME) return 'now'
    if (how === time_how.SET_TO_CLIENT_TIME) return nfstime3.decode(r)
    throw new XdrError(`${how} is not a time_how`, at)
  },
}

export const sattr3: Codec<SetAttributes> = struct({
  mode: optional(uint32),
  uid: optional(uint32),
  gid: optional(uint32),
  size: optional(uint64),
  atime: set_time,
  mtime: set_time,
})

/** SETATTR's condition: the ctime that the object is expected to have. */
export const sattrguard3 = optional(nfstime3)

export const diropargs3 = struct({ dir: argument_fh3, name: filename3 })

const createmode3 = { UNCHECKED: 0, GUARDED: 1, EXCLUSIVE: 2 } as const

export const createhow3: Codec<CreateHow> = {
  encode(w, how) {
    w.uint32(createmode3[how.mode])
    if (how.mode === 'EXCLUSIVE') createverf3.encode(w, how.verifier)
    else sattr3.encode(w, how.attributes)
  },
  decode(r) {
    const at = r.position
    const mode = r.uint32()
    if (mode === createmode3.UNCHECKED) return { mode: 'UNCHECKED', attributes: sattr3.decode(r) }
    if (mode === createmode3.GUARDED) return { mode: 'GUARDED', attributes: sattr3.decode(r) }
    if (mode === createmode3.EXCLUSIVE)
      return { mode: 'EXCLUSIVE', verifier: createverf3.decode(r) }
    throw new XdrError(`${mode} is not a createmode3`, at)
  },
}

/**
 * MKNOD's union: `type` may be any number, since the answer to a strange one is NFS3ERR_BADTYPE;
 * the types that MKNOD does not make carry no attributes.
 */
export interface mknoddata3 {
  readonly type: number
  readonly attributes: SetAttributes
  readonly spec: DeviceNumber
}

const NO_ATTRIBUTES: SetAttributes = {}
const NO_DEVICE: DeviceNumber = { specdata1: 0, specdata2: 0 }

const isDevice = (type: number) => type === FileType.CHR || type === FileType.BLK
const isPipe = (type: number) => type === FileType.SOCK || type === FileType.FIFO

export const mknoddata3: Codec<mknoddata3> = {
  encode(w, { type, attributes, spec }) {
    w.uint32(type)
    if (isDevice(type) || isPipe(type)) sattr3.encode(w, attributes)
    if (isDevice(type)) specdata3.encode(w, spec)
  },
  decode(r) {
    const type = r.uint32()
    const attributes = isDevice(type) || isPipe(type) ? sattr3.decode(r) : NO_ATTRIBUTES
    const spec = isDevice(type) ? specdata3.decode(r) : NO_DEVICE
    return { type, attributes, spec }
  },
}
