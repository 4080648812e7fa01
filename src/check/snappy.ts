/** The inverse of Snappy's compression, in which LevelDB writes blocks. */

/** Lengths of literals from here on stand in the bytes behind the tag. */
const LONG_LITERAL = 60

/** @throws RangeError where the bytes are not what Snappy writes */
export function unsnap(bytes: Buffer): Buffer {
  let at = 0
  let length = 0
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes.readUInt8(at++)
    length += (byte & 127) * factor
    if (byte < 128) break
  }
  const into = Buffer.alloc(length)
  let end = 0
  while (at < bytes.length) {
    const tag = bytes.readUInt8(at++)
    if ((tag & 3) === 0) {
      let count = (tag >>> 2) + 1
      const more = count - LONG_LITERAL
      if (more > 0) count = bytes.readUIntLE(at, more) + 1
      at += Math.max(0, more)
      end += bytes.copy(into, end, at, at + count)
      at += count
      continue
    }
    const isShort = (tag & 3) === 1
    const count = isShort ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1
    const width = isShort ? 1 : (tag & 3) === 2 ? 2 : 4
    const offset = bytes.readUIntLE(at, width) + (isShort ? (tag >>> 5) * 256 : 0)
    at += width
    for (const stop = end + count; end < stop; end++)
      into.writeUInt8(into.readUInt8(end - offset), end)
  }
  return into
}
