/** What is kept of a call's reply (docs/architecture.md, "Exactly once"), and its bytes. */
import { strict as assert } from 'node:assert'
import { type Codec, string, struct, uint32 } from '../xdr/codec.ts'
import { type Time, timeCodec } from './time.ts'

/** Slots for replies, which are used again and again. */
export const REPLY_SLOTS = 16_384
/** Longest results of a call that are kept, in bytes. */
export const REPLY_BYTES_MAX = 512
/** Longest address of a client, in bytes: an IPv6 address with a zone. */
export const REPLY_CLIENT_BYTES_MAX = 64

/** What a call that must not run twice was answered, kept for when it comes again. */
export interface ReplyRecord {
  /** When, by the clock of transactions: of two records for one call the later one holds. */
  readonly at: Time
  /** The numeric address that it came from. */
  readonly client: string
  readonly xid: number
  readonly prog: number
  readonly vers: number
  readonly proc: number
  /** Of its arguments and of who asked. */
  readonly checksum: number
  /** The results as they were encoded. */
  readonly results: Uint8Array
}

export const replyCodec: Codec<ReplyRecord> = struct({
  at: timeCodec,
  client: string(REPLY_CLIENT_BYTES_MAX),
  xid: uint32,
  prog: uint32,
  vers: uint32,
  proc: uint32,
  checksum: uint32,
  results: {
    encode(w, bytes) {
      assert(bytes.length <= REPLY_BYTES_MAX, 'what is done once is answered in few bytes')
      w.opaque(bytes)
    },
    decode: (r) => new Uint8Array(r.opaque(REPLY_BYTES_MAX)),
  },
})

/** Bytes that were encoded before, as they are. */
export const encodedCodec: Codec<Uint8Array> = {
  encode: (w, bytes) => w.opaqueFixed(bytes),
  decode: (r) => new Uint8Array(r.opaqueFixed(r.remaining)),
}
