/**
 * Declared XDR types (RFC 4506 §4): one declaration gives the TypeScript type, the encoder and the
 * decoder. Structs are unrolled at load into straight-line calls, which halves their cost.
 */
import assert from 'node:assert/strict'
import { XdrError, type XdrReader } from './reader.ts'
import type { XdrWriter } from './writer.ts'

const LIMIT = 'a value exceeds the limits of its XDR type'

/** One XDR type: how to write a `T`, and how to read one back. */
export interface Codec<T> {
  encode(w: XdrWriter, value: T): void
  decode(r: XdrReader): T
}

/** The type a codec carries: `type fattr3 = Infer<typeof fattr3>`. */
export type Infer<C> = C extends Codec<infer T> ? T : never

// Any: a field's type is inferred from its own codec below; here it only must be some codec.
// biome-ignore lint/suspicious/noExplicitAny: see the sentence above
type Fields = Record<string, Codec<any>>

/** struct (§4.14). Field names are literals of our own source, so no outside text is compiled. */
export function struct<F extends Fields>(
  fields: F,
): Codec<{ readonly [K in keyof F]: Infer<F[K]> }> {
  const names = Object.keys(fields)
  const params = names.map((_, i) => `c${i}`)
  const codecs = Object.values(fields)
  const unroll = (body: string) => new Function(...params, `return ${body}`)(...codecs)
  return {
    encode: unroll(
      `(w, v) => { ${names.map((name, i) => `c${i}.encode(w, v.${name})`).join(';')} }`,
    ),
    decode: unroll(`(r) => ({ ${names.map((name, i) => `${name}: c${i}.decode(r)`).join()} })`),
  }
}

/** unsigned int (§4.2). */
export const uint32: Codec<number> = {
  encode: (w, value) => w.uint32(value),
  decode: (r) => r.uint32(),
}

/** int (§4.1). */
export const int32: Codec<number> = {
  encode: (w, value) => w.uint32(value),
  decode: (r) => r.int32(),
}

/** unsigned hyper (§4.5) as a number: exact below 2^53, which is where every limit of ours lies. */
export const uint64: Codec<number> = {
  encode: (w, value) => w.uint64(value),
  decode: (r) => r.uint64(),
}

/** bool (§4.4). */
export const bool: Codec<boolean> = {
  encode: (w, value) => w.uint32(value ? 1 : 0),
  decode: (r) => r.bool(),
}

/** void (§4.16). */
export const voidType: Codec<void> = {
  encode: () => undefined,
  decode: () => undefined,
}

/** enum (§4.3) that admits only the values listed. */
export function enumeration<T extends number>(...values: readonly T[]): Codec<T> {
  const known = new Set<number>(values)
  return {
    encode: (w, value) => w.uint32(value),
    decode: (r) => {
      const at = r.position
      const value = r.uint32()
      if (!known.has(value)) throw new XdrError(`${value} is not a value of the enum`, at)
      return value as T
    },
  }
}

/** opaque<max> (§4.10). What is decoded is a view of the input, not a copy. */
export function opaque(max: number): Codec<Uint8Array> {
  return {
    encode(w, value) {
      assert(value.length <= max, LIMIT)
      w.opaque(value)
    },
    decode: (r) => r.opaque(max),
  }
}

/** opaque<max> whose bytes are sent by reference (see XdrWriter.opaqueByReference). */
export function opaqueByReference(max: number): Codec<Uint8Array> {
  return {
    encode(w, value) {
      assert(value.length <= max, LIMIT)
      w.opaqueByReference(value)
    },
    decode: (r) => r.opaque(max),
  }
}

/** opaque[size] (§4.9). */
export function opaqueFixed(size: number): Codec<Uint8Array> {
  return {
    encode(w, value) {
      assert(value.length === size, LIMIT)
      w.opaqueFixed(value)
    },
    decode: (r) => r.opaqueFixed(size),
  }
}

/** string<max> (§4.11) read as UTF-8 text: for names of our own, not for file names (bytes). */
export function string(max: number): Codec<string> {
  return {
    encode(w, value) {
      const bytes = Buffer.from(value)
      assert(bytes.length <= max, LIMIT)
      w.opaque(bytes)
    },
    decode: (r) => Buffer.from(r.opaque(max)).toString(),
  }
}

/** optional-data (§4.19): undefined where absent. */
export function optional<T>(of: Codec<T>): Codec<T | undefined> {
  return {
    encode(w, value) {
      w.uint32(value === undefined ? 0 : 1)
      if (value !== undefined) of.encode(w, value)
    },
    decode: (r) => (r.bool() ? of.decode(r) : undefined),
  }
}

/** Variable-length array (§4.13) of at most `max` elements. */
export function array<T>(of: Codec<T>, max: number): Codec<readonly T[]> {
  return {
    encode(w, values) {
      assert(values.length <= max, LIMIT)
      w.uint32(values.length)
      for (const value of values) of.encode(w, value)
    },
    decode(r) {
      const at = r.position
      const count = r.uint32()
      // Each element takes at least one byte here, so a forged count allocates nothing.
      if (count > max || count > r.remaining) {
        throw new XdrError(`${count} elements exceed ${Math.min(max, r.remaining)}`, at)
      }
      const values: T[] = []
      for (let i = 0; i < count; i++) values.push(of.decode(r))
      return values
    },
  }
}

/** A linked list by optional-data (as MOUNT's and portmap's lists are), read into an array. */
export function list<T>(of: Codec<T>, max: number): Codec<readonly T[]> {
  return {
    encode(w, values) {
      for (const value of values) {
        w.uint32(1)
        of.encode(w, value)
      }
      w.uint32(0)
    },
    decode(r) {
      const values: T[] = []
      while (r.bool()) {
        if (values.length === max) throw new XdrError(`list exceeds ${max} elements`, r.position)
        values.push(of.decode(r))
      }
      return values
    },
  }
}
