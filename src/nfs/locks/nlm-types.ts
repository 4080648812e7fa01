/**
 * The types of the Network Lock Manager (The Open Group's XNFS, chapters 10 and 14), under their own
 * names. Versions 1 and 3 differ from version 4 in the width of offsets and lengths alone.
 *
 * Bytes are decoded as copies, never as views of a receive buffer: locks outlive their calls.
 */
import {
  bool,
  type Codec,
  enumeration,
  type Infer,
  int32,
  opaqueFixed,
  struct,
  uint32,
} from '../../xdr/codec.ts'
import { type Holder, nlm4_stats } from './request.ts'

export const NLM_VERSIONS = [1, 3, 4] as const
export type NlmVersion = (typeof NLM_VERSIONS)[number]

/** XNFS §10: MAXNETOBJ_SZ and LM_MAXSTRLEN, in bytes. */
const NETOBJ_BYTES_MAX = 1024
const NAME_BYTES_MAX = 1024

const netobj: Codec<Uint8Array> = {
  encode: (w, value) => w.opaque(value),
  decode: (r) => new Uint8Array(r.opaque(NETOBJ_BYTES_MAX)),
}

/** Text of any bytes, one character each (latin1). */
export const nlmName: Codec<string> = {
  encode: (w, value) => w.opaque(Buffer.from(value, 'latin1')),
  decode: (r) => Buffer.from(r.opaque(NAME_BYTES_MAX)).toString('latin1'),
}

/** unsigned hyper, exact. */
const wide: Codec<bigint> = {
  encode(w, value) {
    w.uint32(Number(value >> 32n))
    w.uint32(Number(value & 0xffff_ffffn))
  },
  decode: (r) => (BigInt(r.uint32()) << 32n) | BigInt(r.uint32()),
}

const NARROW_MAX = 0xffff_ffffn

/** unsigned int. What does not fit is told as the largest that does. */
const narrow: Codec<bigint> = {
  encode: (w, value) => w.uint32(Number(value > NARROW_MAX ? NARROW_MAX : value)),
  decode: (r) => BigInt(r.uint32()),
}

/** For versions 1 and 3, which know the statuses up to DENIED_GRACE_PERIOD only. */
const nlm_stats: Codec<nlm4_stats> = {
  encode(w, value) {
    if (value === nlm4_stats.NLM4_DEADLCK) w.uint32(nlm4_stats.NLM4_DENIED)
    else if (value > nlm4_stats.NLM4_DENIED_GRACE_PERIOD) w.uint32(nlm4_stats.NLM4_DENIED_NOLOCKS)
    else w.uint32(value)
  },
  decode: enumeration<nlm4_stats>(0, 1, 2, 3, 4).decode,
}

export interface nlm_testres {
  readonly cookie: Uint8Array
  readonly status: nlm4_stats
  readonly holder?: Holder | undefined
}

/** The codecs of one version. */
export function nlmTypes(vers: NlmVersion) {
  const offset = vers === 4 ? wide : narrow
  const stats = vers === 4 ? enumeration<nlm4_stats>(...Object.values(nlm4_stats)) : nlm_stats
  const lock = struct({
    caller_name: nlmName,
    fh: netobj,
    oh: netobj,
    svid: int32,
    l_offset: offset,
    l_len: offset,
  })
  const range = { cookie: netobj, exclusive: bool, alock: lock }
  return {
    testargs: struct(range),
    lockargs: struct({
      ...{ cookie: netobj, block: bool, exclusive: bool, alock: lock },
      ...{ reclaim: bool, state: int32 },
    }),
    cancargs: struct({ cookie: netobj, block: bool, exclusive: bool, alock: lock }),
    unlockargs: struct({ cookie: netobj, alock: lock }),
    shareargs: struct({
      cookie: netobj,
      share: struct({
        ...{ caller_name: nlmName, fh: netobj, oh: netobj },
        ...{ mode: enumeration(0, 1, 2, 3), access: enumeration(0, 1, 2, 3) },
      }),
      reclaim: bool,
    }),
    shareres: struct({ cookie: netobj, status: stats, sequence: int32 }),
    res: struct({ cookie: netobj, status: stats }),
    testres: testres(stats, offset),
  }
}
export type NlmTypes = ReturnType<typeof nlmTypes>

function testres(stats: Codec<nlm4_stats>, offset: Codec<bigint>): Codec<nlm_testres> {
  const holder: Codec<Holder> = struct({
    ...{ exclusive: bool, svid: int32, oh: netobj, l_offset: offset, l_len: offset },
  })
  return {
    encode(w, { cookie, status, holder: who }) {
      netobj.encode(w, cookie)
      stats.encode(w, status)
      if (who !== undefined) holder.encode(w, who)
    },
    decode(r) {
      const [cookie, status] = [netobj.decode(r), stats.decode(r)]
      if (status !== nlm4_stats.NLM4_DENIED) return { cookie, status }
      return { cookie, status, holder: holder.decode(r) }
    },
  }
}

/** FREE_ALL's: who has restarted. */
export const nlm_notify = struct({ name: nlmName, state: int32 })

/** Bytes that come back from the NSM with its news, as they were given to it. */
export const PRIV_BYTES = 16

/**
 * What an NSM tells the lock manager that has asked it to monitor a host (SM's `status`; Linux's
 * nlm_reboot): the host that has restarted.
 */
export const nlm_reboot = struct({
  mon_name: nlmName,
  state: uint32,
  priv: opaqueFixed(PRIV_BYTES),
})
export type nlm_reboot = Infer<typeof nlm_reboot>
