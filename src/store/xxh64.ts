/**
 * XXH64 (seed 0) of blocks of 4096 bytes, as a WebAssembly module that is put together here: more
 * than twice as fast as the CRC-32 of node:zlib, which has to be called for each block.
 *
 *   memory      65,536 bytes for the sums (int32, in order), and behind them room for blocks
 *   sum(at, n)  sums n blocks from byte `at` on, 1 to 16,384 of them; they may lie askew
 *
 * XXH64 runs four lanes over stripes of 32 bytes, merges them, adds the length and mixes the bits.
 * Of the 64 bits the low 32 are kept. Nothing is shared between steps as a function: an engine
 * that does not inline them would spend four times as long.
 */
import { BLOCK_BYTES } from './records.ts'

/** A page of WebAssembly's memory, in bytes. */
const PAGE_BYTES = 65_536
/** Blocks that are summed in one go. */
export const SUM_BLOCKS_MAX = PAGE_BYTES / 4

const PRIME1 = 0x9e3779b185ebca87n
const PRIME2 = 0xc2b2ae3d27d4eb4fn
const PRIME3 = 0x165667b19e3779f9n
const PRIME4 = 0x85ebca77c2b2ae63n

// Instructions (WebAssembly Core Specification, §5.4), each as its bytes. Operands come first.

type Code = readonly number[]

const get = (local: number): Code => [0x20, local]
const set = (local: number): Code => [0x21, local]
const tee = (local: number): Code => [0x22, local]
const I64_ADD = 0x7c
const I64_MUL = 0x7e
const I64_XOR = 0x85
const I64_SHR_U = 0x88
const I64_ROTL = 0x89
const I32_ADD = 0x6a
const I32_SUB = 0x6b
const I32_LT_U = 0x49
const I32_WRAP_I64 = 0xa7
const LOOP = [0x03, 0x40]
const BR_IF = [0x0d, 0]
const END = 0x0b

/** A number as signed LEB128, of 64 bits at most. */
function leb128(value: bigint): Code {
  const bytes: number[] = []
  for (let rest = BigInt.asIntN(64, value); ; rest >>= 7n) {
    const low = Number(rest & 0x7fn)
    const last = rest >> 6n === 0n || rest >> 6n === -1n
    bytes.push(last ? low : low | 0x80)
    if (last) return bytes
  }
}

const i32 = (value: number): Code => [0x41, ...leb128(BigInt(value))]
const i64 = (value: bigint): Code => [0x42, ...leb128(value)]
/** Loads 8 bytes from an offset (below 128) behind the address in a local, which may lie askew. */
const load = (local: number, offset: number): Code => [...get(local), 0x29, 0, offset]
const store32 = (value: Code, local: number): Code => [...get(local), ...value, 0x36, 0, 0]

// The locals of `sum`: its parameters, two of type i32, five of type i64.

const AT = 0
const LEFT = 1
const STOP = 2
const OUT = 3
const LANES = [4, 5, 6, 7]
const HASH = 8
/** What the lanes begin with. */
const SEEDS = [PRIME1 + PRIME2, PRIME2, 0n, -PRIME1]
/** By how much the lanes are rotated before they are added up. */
const ROTATIONS = [1n, 7n, 12n, 18n]

/** lane = rotl(lane + input * PRIME2, 31) * PRIME1 */
const round = (lane: Code, input: Code): Code => [
  ...[...lane, ...input, ...i64(PRIME2), I64_MUL, I64_ADD],
  ...[...i64(31n), I64_ROTL, ...i64(PRIME1), I64_MUL],
]
const stripe = (offset: number): Code =>
  LANES.flatMap((lane, i) => [...round(get(lane), load(AT, offset + 8 * i)), ...set(lane)])
/** hash = (hash ^ round(0, lane)) * PRIME1 + PRIME4 */
const merge = (lane: number): Code => [
  ...[...get(HASH), ...round(i64(0n), get(lane)), I64_XOR],
  ...[...i64(PRIME1), I64_MUL, ...i64(PRIME4), I64_ADD, ...set(HASH)],
]
/** hash ^ hash >> bits */
const folded = (bits: bigint): Code => [
  ...[...get(HASH), ...get(HASH), ...i64(bits), I64_SHR_U, I64_XOR],
]
const mix = (bits: bigint, prime: bigint): Code => [
  ...[...folded(bits), ...i64(prime), I64_MUL, ...set(HASH)],
]
const advance = (local: number, bytes: number): Code => [
  ...[...get(local), ...i32(bytes), I32_ADD, ...tee(local)],
]

const BLOCK: Code = [
  ...LANES.flatMap((lane, i) => [...i64(SEEDS[i] ?? 0n), ...set(lane)]),
  ...[...get(AT), ...i32(BLOCK_BYTES), I32_ADD, ...set(STOP)],
  ...LOOP,
  ...[...stripe(0), ...stripe(32), ...advance(AT, 64), ...get(STOP), I32_LT_U, ...BR_IF, END],
  ...merged(),
]

/** The hash from the ends of the lanes; the length is added after the merge. */
function merged(): Code {
  const sum = LANES.flatMap((lane, i) => [
    ...[...get(lane), ...i64(ROTATIONS[i] ?? 0n), I64_ROTL],
    ...(i === 0 ? [] : [I64_ADD]),
  ])
  return [
    ...[...sum, ...set(HASH), ...LANES.flatMap(merge)],
    ...[...get(HASH), ...i64(BigInt(BLOCK_BYTES)), I64_ADD, ...set(HASH)],
    ...[...mix(33n, PRIME2), ...mix(29n, PRIME3)],
  ]
}

const SUM: Code = [
  ...LOOP,
  ...[...BLOCK, ...store32([...folded(32n), I32_WRAP_I64], OUT)],
  ...[...get(OUT), ...i32(4), I32_ADD, ...set(OUT)],
  ...[...get(LEFT), ...i32(1), I32_SUB, ...tee(LEFT), ...BR_IF, END],
  END,
]

// The module (§5.5).

/** Bytes behind their length, which is below 2^28. */
function sized(bytes: Code): Code {
  const length: number[] = []
  for (let rest = bytes.length; ; rest >>>= 7) {
    length.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80)
    if (rest < 0x80) return [...length, ...bytes]
  }
}
const section = (id: number, bytes: Code): Code => [id, ...sized(bytes)]
const name = (text: string): Code => sized([...Buffer.from(text)])

const moduleCode = (pages: number): Code => [
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  /** One type: a function of two i32, without a result. */
  ...section(1, [1, 0x60, 2, 0x7f, 0x7f, 0]),
  ...section(3, [1, 0]),
  /** One memory of a fixed size. */
  ...section(5, [1, 1, ...leb128(BigInt(pages)), ...leb128(BigInt(pages))]),
  ...section(7, [2, ...name('memory'), 2, 0, ...name('sum'), 0, 0]),
  ...section(10, [1, ...sized([2, 2, 0x7f, 5, 0x7e, ...SUM])]),
]

export interface Summer {
  /** Room for blocks, `PAGE_BYTES` behind the beginning of its buffer. Takes no memory until used. */
  readonly room: Uint8Array
  /** Where the sums are. */
  readonly sums: Uint32Array
  /** @param at of the first block, in bytes from the beginning of the room's buffer */
  readonly sum: (at: number, blocks: number) => void
}

/** @param bytes of room, at least */
export function newSummer(bytes: number): Summer {
  const pages = 1 + Math.ceil(bytes / PAGE_BYTES)
  const module = new WebAssembly.Module(new Uint8Array(moduleCode(pages)))
  const { memory, sum } = new WebAssembly.Instance(module).exports as {
    memory: WebAssembly.Memory
    sum: Summer['sum']
  }
  return {
    room: new Uint8Array(memory.buffer, PAGE_BYTES),
    sums: new Uint32Array(memory.buffer, 0, SUM_BLOCKS_MAX),
    sum,
  }
}
