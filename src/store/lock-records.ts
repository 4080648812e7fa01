/**
 * What the programs beside NFS keep: locks and share reservations, the clients that have them, what
 * the status monitor (NSM) has to remember, and who has mounted what. They belong to the store and
 * not to a dataset, and have no versions: a snapshot does not lock anything.
 */
import {
  array,
  bool,
  type Codec,
  int32,
  optional,
  string,
  struct,
  uint32,
  uint64,
} from '../xdr/codec.ts'
import { Kind } from './keys.ts'
import type { Table, TableSpec } from './table.ts'

/** A lock (`share` undefined) or a share reservation (no range) on one file. */
export interface LockRecord {
  /** The number of its client. */
  readonly client: number
  readonly dataset: number
  /** 0: the live file. */
  readonly snapshot: number
  readonly ino: number
  readonly generation: number
  readonly oh: Uint8Array
  readonly svid: number
  readonly exclusive: boolean
  /** Both ends included. */
  readonly first: bigint
  readonly last: bigint
  readonly share: { readonly deny: number; readonly access: number } | undefined
}

export interface LockClientRecord {
  readonly address: string
  /** Bytes, one character each (latin1). */
  readonly name: string
  readonly state: number
  readonly monitored: boolean
}

/** Where a lock manager of this host listens. */
export interface LockdRecord {
  readonly vers: number
  readonly netid: string
  readonly host: string
  readonly port: number
}

/** What is one of a kind. */
export interface NsmRecord {
  /** Odd while we are up; grows by two with every start. */
  readonly state: number
  /** Which start of this host it was written in. */
  readonly bootId: string
  /** The lock managers of this host's kernel. */
  readonly lockds: readonly LockdRecord[]
}

/** A program of this host that wants to know when another host has restarted. */
export interface MonitorRecord {
  readonly mon_name: string
  readonly my_name: string
  readonly my_prog: number
  readonly my_vers: number
  readonly my_proc: number
  readonly priv: Uint8Array
}

/** An entry of MOUNT's list. */
export interface MountRecord {
  /** A numeric address. */
  readonly hostname: string
  /** Bytes, one character each (latin1). */
  readonly directory: string
}

/** Longest of the protocol's names, in bytes, and of what we write ourselves. */
const NAME_BYTES_MAX = 1024
const OWN_BYTES_MAX = 128
const LOCKDS_MAX = 64

const bytes = (max: number): Codec<Uint8Array> => ({
  encode: (w, value) => w.opaque(value),
  decode: (r) => new Uint8Array(r.opaque(max)),
})

const latin1: Codec<string> = {
  encode: (w, value) => w.opaque(Buffer.from(value, 'latin1')),
  decode: (r) => Buffer.from(r.opaque(NAME_BYTES_MAX)).toString('latin1'),
}

/** unsigned hyper, exact. */
const offset: Codec<bigint> = {
  encode(w, value) {
    w.uint32(Number(value >> 32n))
    w.uint32(Number(value & 0xffff_ffffn))
  },
  decode: (r) => (BigInt(r.uint32()) << 32n) | BigInt(r.uint32()),
}

const shareOf = struct({ deny: uint32, access: uint32 })

export const lockCodec: Codec<LockRecord> = struct({
  ...{ client: uint64, dataset: uint32, snapshot: uint32, ino: uint64, generation: uint32 },
  ...{ oh: bytes(NAME_BYTES_MAX), svid: int32, exclusive: bool, first: offset, last: offset },
  share: optional(shareOf),
})

export const lockClientCodec: Codec<LockClientRecord> = struct({
  address: string(OWN_BYTES_MAX),
  name: latin1,
  state: uint32,
  monitored: bool,
})

const lockd = struct({
  vers: uint32,
  netid: string(OWN_BYTES_MAX),
  host: string(OWN_BYTES_MAX),
  port: uint32,
})

export const nsmCodec: Codec<NsmRecord> = struct({
  state: uint32,
  bootId: string(OWN_BYTES_MAX),
  lockds: array(lockd, LOCKDS_MAX),
})

export const monitorCodec: Codec<MonitorRecord> = struct({
  ...{ mon_name: latin1, my_name: latin1, my_prog: uint32, my_vers: uint32, my_proc: uint32 },
  priv: bytes(NAME_BYTES_MAX),
})

export const mountCodec: Codec<MountRecord> = struct({
  hostname: string(OWN_BYTES_MAX),
  directory: latin1,
})

/** Bytes of memory that any entry takes, and the texts in it. */
const ENTRY_BYTES = 600

const spec = <V>(kind: Kind, codec: Codec<V>): TableSpec<V> => ({
  ...{ kind, codec, versioned: false },
  cost: () => ENTRY_BYTES,
})
const lockSpec = spec(Kind.LOCK, lockCodec)
const lockClientSpec = spec(Kind.LOCK_CLIENT, lockClientCodec)
const nsmSpec = spec(Kind.NSM, nsmCodec)
const monitorSpec = spec(Kind.MONITOR, monitorCodec)
const mountSpec = spec(Kind.MOUNT, mountCodec)

/** All of them, for who goes through a whole store. */
export const lockSpecs = [lockSpec, lockClientSpec, nsmSpec, monitorSpec, mountSpec] as const

export interface LockTables {
  readonly locks: Table<number, LockRecord>
  readonly clients: Table<number, LockClientRecord>
  /** One record, under 0. */
  readonly nsm: Table<number, NsmRecord>
  readonly monitors: Table<number, MonitorRecord>
  readonly mounts: Table<number, MountRecord>
}

/** @param table makes the table of a kind, once */
export function lockTables(table: <V>(spec: TableSpec<V>) => Table<number, V>): LockTables {
  return {
    locks: table(lockSpec),
    clients: table(lockClientSpec),
    nsm: table(nsmSpec),
    monitors: table(monitorSpec),
    mounts: table(mountSpec),
  }
}
