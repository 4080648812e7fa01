/**
 * Sums of blocks of 4096 bytes, as a WebAssembly module that is put together here: several times as
 * fast as the CRC-32 of node:zlib, which has to be called for each block.
 *
 *   memory      32,768 bytes for the sums (int32, in order), the key (1024 words), and from byte
 *               65,536 on room for blocks
 *   sum(at, n)  sums n blocks from byte `at` on, 1 to 8192 of them; they may lie askew
 *
 * The sum is NH, the core of UMAC (RFC 4418, §5.2.2), of the block as 1024 little-endian words m
 * and as many words k of a key that never changes (SHAKE256 of "block"):
 *
 *   64 bits = sum of (m[i] + k[i]) * (m[i + 4] + k[i + 4])    i = 0..3 of each group of 8
 *             words are added modulo 2^32, products and sum modulo 2^64
 *
 * These are mixed, as XXH64 does at its end, and the low 32 bits are kept. Of two blocks that
 * differ, in whatever way, at most one key in 2^32 gives the same 64 bits: where a word differs,
 * only one value of its partner's key makes up for all other differences. That holds for flipped
 * bits and bursts as for blocks or parts of them that changed places, since each word has a key of
 * its own. Keeping half of the bits misses another one in 2^32. No 32 bits do much better on all
 * errors; those of a CRC find some of the short ones for certain. Nobody is kept from making
 * collisions on purpose.
 *
 * It is fast because products of words side by side are what SIMD has: four at a time, while XXH64
 * has to wait for each of its multiplications.
 */
import { createHash } from 'node:crypto'
import { BLOCK_BYTES } from './records.ts'

/** A page of WebAssembly's memory, in bytes. */
const PAGE_BYTES = 65_536
/** Where the key is, in bytes. */
const KEY_AT = PAGE_BYTES / 2
/** Blocks that are summed in one go. */
export const SUM_BLOCKS_MAX = KEY_AT / 4

const PRIME2 = 0xc2b2ae3d27d4eb4fn
const PRIME3 = 0x165667b19e3779f9n

/** The key, as bytes. Words that are multiples of others would not tell all flipped bits apart. */
const KEY = createHash('shake256', { outputLength: BLOCK_BYTES }).update('block').digest()

// Instructions (WebAssembly Core Specification, §5.4), each as its bytes. Operands come first.

type Code = readonly number[]

const get = (local: number): Code => [0x20, local]
const set = (local: number): Code => [0x21, local]
const tee = (local: number): Code => [0x22, local]
const I64_ADD = 0x7c
const I64_MUL = 0x7e
const I64_XOR = 0x85
const I64_SHR_U = 0x88
const I32_ADD = 0x6a
const I32_SUB = 0x6b
const I32_LT_U = 0x49
const I32_WRAP_I64 = 0xa7
const DROP = 0x1a
const I32X4_ADD = [0xfd, 0xae, 1]
const I64X2_ADD = [0xfd, 0xce, 1]
/** The 64-bit products of the first two, and of the last two, of four words each. */
const I64X2_EXTMUL_LOW_U = [0xfd, 0xde, 1]
const I64X2_EXTMUL_HIGH_U = [0xfd, 0xdf, 1]
const ZEROS = [0xfd, 12, ...new Array<number>(16).fill(0)]
const LOOP = [0x03, 0x40]
const BR_IF = [0x0d, 0]
const END = 0x0b
const I32 = 0x7f
const I64 = 0x7e
const V128 = 0x7b

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

/** A number below 2^31 as unsigned LEB128. */
function uleb128(value: number): Code {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    bytes.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80)
    if (rest < 0x80) return bytes
  }
}

const i32 = (value: number): Code => [0x41, ...leb128(BigInt(value))]
const i64 = (value: bigint): Code => [0x42, ...leb128(value)]
/** Loads four words from an offset behind the address in a local. They may lie askew. */
const load = (local: number, offset: number): Code => [
  ...[...get(local), 0xfd, 0, 0, ...uleb128(offset)],
]
const lane = (local: number, index: number): Code => [...get(local), 0xfd, 0x1d, index]
const store32 = (value: Code, local: number): Code => [...get(local), ...value, 0x36, 0, 0]

// The locals of `sum`: its parameters, two of type i32, one of type i64, four of type v128.

const AT = 0
const LEFT = 1
/** How far into the block, in bytes. */
const DONE = 2
const OUT = 3
const HASH = 4
const FIRST = 5
const SECOND = 6
const LOW = 7
const HIGH = 8
const LOCALS = [3, 2, I32, 1, I64, 4, V128]

/** Bytes of a group: four words and their partners. */
const GROUP_BYTES = 32
/** Groups that are summed before the loop looks whether it is done. */
const GROUPS = 4

/** Four words of the block, each with its key added. */
const keyed = (offset: number): Code => [
  ...[...load(AT, offset), ...load(DONE, KEY_AT + offset), ...I32X4_ADD],
]
const added = (sum: number, products: Code): Code => [
  ...[...get(sum), ...get(FIRST), ...get(SECOND), ...products, ...I64X2_ADD, ...set(sum)],
]
const group = (offset: number): Code => [
  ...[...keyed(offset), ...set(FIRST), ...keyed(offset + GROUP_BYTES / 2), ...set(SECOND)],
  ...[...added(LOW, I64X2_EXTMUL_LOW_U), ...added(HIGH, I64X2_EXTMUL_HIGH_U)],
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
const STEP = GROUPS * GROUP_BYTES

const BLOCK: Code = [
  ...[...ZEROS, ...set(LOW), ...ZEROS, ...set(HIGH), ...i32(0), ...set(DONE)],
  ...LOOP,
  ...Array.from({ length: GROUPS }, (_, i) => group(i * GROUP_BYTES)).flat(),
  ...[...advance(AT, STEP), DROP],
  ...[...advance(DONE, STEP), ...i32(BLOCK_BYTES), I32_LT_U, ...BR_IF, END],
  ...[...get(LOW), ...get(HIGH), ...I64X2_ADD, ...set(LOW)],
  ...[...lane(LOW, 0), ...lane(LOW, 1), I64_ADD, ...set(HASH)],
  ...[...mix(33n, PRIME2), ...mix(29n, PRIME3)],
]

const SUM: Code = [
  ...LOOP,
  ...[...BLOCK, ...store32([...folded(32n), I32_WRAP_I64], OUT)],
  ...[...get(OUT), ...i32(4), I32_ADD, ...set(OUT)],
  ...[...get(LEFT), ...i32(1), I32_SUB, ...tee(LEFT), ...BR_IF, END],
  END,
]

// The module (§5.5).

/** Bytes behind their length. */
const sized = (bytes: Code): Code => [...uleb128(bytes.length), ...bytes]
const section = (id: number, bytes: Code): Code => [id, ...sized(bytes)]
const name = (text: string): Code => sized([...Buffer.from(text)])

const moduleCode = (pages: number): Code => [
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  /** One type: a function of two i32, without a result. */
  ...section(1, [1, 0x60, 2, I32, I32, 0]),
  ...section(3, [1, 0]),
  /** One memory of a fixed size. */
  ...section(5, [1, 1, ...uleb128(pages), ...uleb128(pages)]),
  ...section(7, [2, ...name('memory'), 2, 0, ...name('sum'), 0, 0]),
  ...section(10, [1, ...sized([...LOCALS, ...SUM])]),
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
  new Uint8Array(memory.buffer, KEY_AT, KEY.length).set(KEY)
  return {
    room: new Uint8Array(memory.buffer, PAGE_BYTES),
    sums: new Uint32Array(memory.buffer, 0, SUM_BLOCKS_MAX),
    sum,
  }
}
