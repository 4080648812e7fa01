/** LevelDB's checksum: CRC-32C (Castagnoli), rotated and shifted, so that it can be summed itself. */

const POLYNOMIAL = 0x82f6_3b78
const MASK_DELTA = 0xa282_ead8

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
  return crc >>> 0
})

/** The masked checksum, as it stands in the files. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (let at = 0; at < bytes.length; at++) {
    crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[at] ?? 0)) & 255] ?? 0)
  }
  const sum = ~crc >>> 0
  return (((sum >>> 15) | (sum << 17)) + MASK_DELTA) >>> 0
}
