/**
 * The types of the portmapper's three versions, spelled as in RFC 1833: PMAP version 2 (§3.1) and
 * rpcbind versions 3 and 4 (§2.1). All are program 100000.
 *
 *   mapping     prog u32 | vers u32 | prot u32 | port u32
 *   rpcb        r_prog u32 | r_vers u32 | r_netid string | r_addr string | r_owner string
 *   netbuf      maxlen u32 | buf opaque<>
 *   lists       1, element, 1, element, ... 0
 */
import { type Codec, type Infer, list, opaque, string, struct, uint32 } from '../xdr/codec.ts'

export const PMAPVERS = 2
export const RPCBVERS = 3
export const RPCBVERS4 = 4

/** The registered port of program 100000, on every transport. */
export const PMAP_PORT = 111

/** PMAP version 2 (RFC 1833 §3.2). */
export const PMAPPROC_SET = 1
export const PMAPPROC_UNSET = 2
export const PMAPPROC_GETPORT = 3
export const PMAPPROC_DUMP = 4

/** rpcbind version 3 (RFC 1833 §2.2.1); version 4 has all of these too. */
export const RPCBPROC_SET = 1
export const RPCBPROC_UNSET = 2
export const RPCBPROC_GETADDR = 3
export const RPCBPROC_DUMP = 4
export const RPCBPROC_GETTIME = 6
export const RPCBPROC_UADDR2TADDR = 7
export const RPCBPROC_TADDR2UADDR = 8

/** What rpcbind version 4 adds (RFC 1833 §2.2.2). */
export const RPCBPROC_GETVERSADDR = 9
export const RPCBPROC_GETADDRLIST = 11
export const RPCBPROC_GETSTAT = 12

/** `RPCBSTAT_HIGHPROC`: procedures of version 4, NULL included (RFC 1833 §2.1). */
export const RPCBSTAT_HIGHPROC = 13
/** `RPCBVERS_STAT`: versions that GETSTAT reports on: 2, 3 and 4. */
export const RPCBVERS_STAT = 3

/** Longest netid, universal address or owner that is taken, in bytes. rpcbind's own are shorter. */
export const RPCB_STRING_BYTES_MAX = 128
/** Most elements that a list of registrations from another portmapper may have. */
export const RPCB_LIST_LENGTH_MAX = 4096

/** string<>, at most RPCB_STRING_BYTES_MAX bytes. Netids, addresses and owners are ASCII. */
export const rpcbString = string(RPCB_STRING_BYTES_MAX)

export const mapping = struct({ prog: uint32, vers: uint32, prot: uint32, port: uint32 })
export type mapping = Infer<typeof mapping>
export const pmaplist = list(mapping, RPCB_LIST_LENGTH_MAX)

export const rpcb = struct({
  r_prog: uint32,
  r_vers: uint32,
  r_netid: rpcbString,
  r_addr: rpcbString,
  r_owner: rpcbString,
})
export type rpcb = Infer<typeof rpcb>
export const rpcblist = list(rpcb, RPCB_LIST_LENGTH_MAX)

/** A transport address in the server's own form. */
export const netbuf = struct({ maxlen: uint32, buf: opaque(RPCB_STRING_BYTES_MAX) })
export type netbuf = Infer<typeof netbuf>

/** `nc_semantics` of a netconfig entry: datagrams, and a stream with orderly release. */
export const NC_TPI_CLTS = 1
export const NC_TPI_COTS_ORD = 3

export const rpcb_entry = struct({
  r_maddr: rpcbString,
  r_nc_netid: rpcbString,
  r_nc_semantics: uint32,
  r_nc_protofmly: rpcbString,
  r_nc_proto: rpcbString,
})
export type rpcb_entry = Infer<typeof rpcb_entry>
export const rpcb_entry_list = list(rpcb_entry, RPCB_LIST_LENGTH_MAX)

const rpcbs_addrlist = struct({
  prog: uint32,
  vers: uint32,
  success: uint32,
  failure: uint32,
  netid: rpcbString,
})
const rpcbs_rmtcalllist = struct({
  prog: uint32,
  vers: uint32,
  proc: uint32,
  success: uint32,
  failure: uint32,
  indirect: uint32,
  netid: rpcbString,
})

/** type[size] (RFC 4506 §4.12): no length on the wire. */
function fixedArray<T>(of: Codec<T>, size: number): Codec<ArrayLike<T>> {
  return {
    encode(w, values) {
      for (const value of Array.from(values)) of.encode(w, value)
    },
    decode: (r) => Array.from({ length: size }, () => of.decode(r)),
  }
}

const rpcb_stat = struct({
  info: fixedArray(uint32, RPCBSTAT_HIGHPROC),
  setinfo: uint32,
  unsetinfo: uint32,
  addrinfo: list(rpcbs_addrlist, RPCB_LIST_LENGTH_MAX),
  rmtinfo: list(rpcbs_rmtcalllist, RPCB_LIST_LENGTH_MAX),
})
export type rpcb_stat = Infer<typeof rpcb_stat>
/** The counts of versions 2, 3 and 4, in this order. */
export const rpcb_stat_byvers = fixedArray(rpcb_stat, RPCBVERS_STAT)
