/** A record's bytes on disk: birth, record, checksum (drawn in records.ts). */
import { crc32 } from 'node:zlib'
import type { Codec } from '../xdr/codec.ts'
import { XdrReader } from '../xdr/reader.ts'
import { XdrWriter } from '../xdr/writer.ts'
import { FsError } from './error.ts'
import { parseKey } from './keys.ts'
import type { Entry } from './table.ts'

const writer = new XdrWriter(4096)

/**
 * Birth and record, without the checksum: the form in which a record stands in the intent log.
 *
 * @returns bytes in one shared buffer: valid until the next call
 */
export function encodeRecord<V>(codec: Codec<V>, birth: number, value: V): Uint8Array {
  writer.reset()
  writer.uint32(birth)
  codec.encode(writer, value)
  return writer.written()
}

/** The same with its checksum, in a buffer of its own: the form in which the database has it. */
export function sealRecord(key: Uint8Array, record: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(record.length + 4)
  sealed.set(record)
  sealed.writeUInt32BE(crc32(record, crc32(key)), record.length)
  return sealed
}

/** As `sealRecord` of `encodeRecord`, in the buffer that the latter shares. */
export function encodeSealed<V>(
  key: Uint8Array,
  codec: Codec<V>,
  birth: number,
  value: V,
): Uint8Array {
  const record = encodeRecord(codec, birth, value)
  writer.uint32(crc32(record, crc32(key)))
  return writer.written()
}

/**
 * The inverse of `sealRecord`: birth and record as a view of `sealed`.
 *
 * @throws FsError IO where the checksum does not match
 */
export function openRecord(key: Buffer, sealed: Buffer): Uint8Array {
  if (isSealed(key, sealed)) return sealed.subarray(0, -4)
  const { dataset, kind, key: name } = parseKey(key)
  throw new FsError('IO', `record ${kind} ${name} of dataset ${dataset} fails its checksum`)
}

/** Whether a record matches the checksum behind it. */
export function isSealed(key: Buffer, sealed: Buffer): boolean {
  const end = sealed.length - 4
  return end >= 4 && crc32(sealed.subarray(0, end), crc32(key)) === sealed.readUInt32BE(end)
}

const BIRTH_BYTES = 4

/** A tombstone as it stands in the intent log, in a buffer of its own. */
export function encodeTombstone(birth: number): Uint8Array {
  const record = Buffer.alloc(BIRTH_BYTES)
  record.writeUInt32BE(birth)
  return record
}

/** Whether a record with versions says that there is none. */
export function isTombstone(record: Uint8Array): boolean {
  return record.length === BIRTH_BYTES
}

/** Reads what `encodeRecord` wrote. */
export function decodeRecord<V>(codec: Codec<V>, record: Uint8Array): { birth: number; value: V } {
  const reader = new XdrReader(record)
  return { birth: reader.uint32(), value: codec.decode(reader) }
}

/**
 * Birth and record as the intent log and the database have the entry; undefined where they have
 * none. The bytes may be shared, as those of `encodeRecord`.
 */
export function entryRecord(entry: Entry<unknown>): Uint8Array | undefined {
  const { value, birth, table, hides } = entry
  if (value !== undefined) return encodeRecord(table.spec.codec, birth, value)
  return hides ? encodeTombstone(birth) : undefined
}
