/**
 * What an NFS file handle holds: a FileId, and the proof that this server made it.
 *
 *   offset  0  kind        u8    FILE, or SNAPDIR: the virtual directory `.snapshots` of `ino`
 *           1  dataset     u24
 *           4  snapshot    u32   0: the live file system
 *           8  ino         u48
 *          14  generation  u16
 *          16  MAC         16 bytes: AES-128 of bytes 0..15 under the store's secret key
 *
 * All numbers are big-endian. Invariants:
 *
 * 1. Equal FileIds have equal handles, before and after a restart: clients compare handles.
 * 2. Nobody makes a handle that he was not given. One block of AES under a secret key is a
 *    pseudorandom function, and the message is exactly one block, so the cipher alone is a MAC: no
 *    chaining, no nonce. Every one of the 2^128 MACs is wrong but one.
 * 3. A handle with any bit changed, any length but 32 or an unknown kind is no handle (BADHANDLE).
 *
 * A call into the cipher costs 0.85 us, a third of a GETATTR's whole protocol path. So the handles
 * used last are kept in a table that both directions look into first; a hit costs 0.1 us at most.
 * New files' come from handle-macs.ts, many with one call.
 */
import assert from 'node:assert/strict'
import { FsError } from '../fs/error.ts'
import type { FileId } from '../fs/filesystem.ts'
import { HandleMacs } from './handle-macs.ts'

/** Bytes of a handle. VMware takes 56 at most, the protocol 64. */
export const HANDLE_BYTES = 32
/** Bytes of the secret key. */
export const HANDLE_KEY_BYTES = 16

const BODY_BYTES = 16
const FILE = 1
const SNAPDIR = 2

/** Handles kept by default, a power of two; about 250 bytes each, 32 MiB in all when full. */
const KEPT_HANDLES = 131_072

interface Kept {
  readonly id: FileId
  readonly bytes: Uint8Array
}

export class FileHandles {
  readonly #macs: HandleMacs
  readonly #body = new Uint8Array(BODY_BYTES)
  readonly #view = new DataView(this.#body.buffer)
  /** By #slotOf: a newer handle takes the slot of the older one, whose bytes stay as they are. */
  readonly #kept: (Kept | undefined)[]

  /**
   * @param key HANDLE_KEY_BYTES random bytes that live and die with the store
   * @param keptMax how many are kept, a power of two
   */
  constructor(key: Uint8Array, keptMax: number = KEPT_HANDLES) {
    assert(key.length === HANDLE_KEY_BYTES, `the handle key is ${key.length} bytes long`)
    this.#kept = new Array(keptMax).fill(undefined)
    this.#macs = new HandleMacs(key)
  }

  /** @returns HANDLE_BYTES bytes, not to be changed: the next call may answer the same ones */
  encode(id: FileId): Uint8Array {
    const slot = this.#slotOf(id.ino, id.snapshot, id.dataset)
    const kept = this.#kept[slot]
    if (kept !== undefined && sameId(kept.id, id)) return kept.bytes

    const view = this.#view
    view.setUint32(0, (id.snapdir ? SNAPDIR : FILE) * 0x100_0000 + id.dataset)
    view.setUint32(4, id.snapshot)
    view.setUint16(8, Math.floor(id.ino / 0x1_0000_0000))
    view.setUint32(10, id.ino >>> 0)
    view.setUint16(14, id.generation)
    const bytes = new Uint8Array(HANDLE_BYTES)
    bytes.set(this.#body)
    bytes.set(this.#macs.ofNext(this.#body), BODY_BYTES)
    this.#kept[slot] = { id, bytes }
    return bytes
  }

  /**
   * The file that the handle of `length` bytes at `at` names, whether it still exists or not.
   *
   * @throws FsError BADHANDLE
   */
  decode(bytes: Uint8Array, at = 0, length = bytes.length): FileId {
    if (length !== HANDLE_BYTES) throw new FsError('BADHANDLE')
    // By hand: a DataView or a subarray of `bytes` would cost more than all the rest of a hit.
    const dataset = (bytes[at + 1] ?? 0) * 0x1_0000 + uint16At(bytes, at + 2)
    const snapshot = uint16At(bytes, at + 4) * 0x1_0000 + uint16At(bytes, at + 6)
    const low = uint16At(bytes, at + 10) * 0x1_0000 + uint16At(bytes, at + 12)
    const ino = uint16At(bytes, at + 8) * 0x1_0000_0000 + low
    const slot = this.#slotOf(ino, snapshot, dataset)
    const kept = this.#kept[slot]
    if (kept !== undefined && differenceOf(kept.bytes, bytes, at) === 0) return kept.id

    this.#body.set(bytes.subarray(at, at + BODY_BYTES))
    const forged = differenceOf(this.#macs.of(this.#body), bytes, at + BODY_BYTES) !== 0
    const kind = bytes[at]
    if (forged || (kind !== FILE && kind !== SNAPDIR)) throw new FsError('BADHANDLE')
    const generation = uint16At(bytes, at + 14)
    const id: FileId = { dataset, snapshot, snapdir: kind === SNAPDIR, ino, generation }
    // A copy: `bytes` may be a receive buffer that is used again.
    this.#kept[slot] = { id, bytes: bytes.slice(at, at + HANDLE_BYTES) }
    return id
  }

  #slotOf(ino: number, snapshot: number, dataset: number): number {
    const mixed = ino ^ Math.imul(snapshot, 0x9e37_79b1) ^ Math.imul(dataset, 0x85eb_ca77)
    return mixed & (this.#kept.length - 1)
  }
}

function uint16At(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

function sameId(a: FileId, b: FileId): boolean {
  return (
    a.ino === b.ino &&
    a.snapshot === b.snapshot &&
    a.dataset === b.dataset &&
    a.generation === b.generation &&
    a.snapdir === b.snapdir
  )
}

/** 0 where `a` is what `b` holds from `from` on. Looks at all of it, so that time tells nothing. */
function differenceOf(a: Uint8Array, b: Uint8Array, from: number): number {
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[from + i] ?? 0)
  return difference
}
