/**
 * The list of entries in READDIR's and READDIRPLUS's replies, filled to the byte that the client
 * allows. Entries come one by one, or out of a run that was packed before (fs/packed-listing.ts).
 */
import assert from 'node:assert/strict'
import { FsError } from '../fs/error.ts'
import type { DirectoryEntry, Packing, ReaddirResult } from '../fs/filesystem.ts'
import { bool, type Codec, list } from '../xdr/codec.ts'
import { XdrWriter } from '../xdr/writer.ts'
import {
  directoryBytes,
  directoryBytesOf,
  entryBytes,
  entryPlusBytes,
  writeEntry,
  writeEntryPlus,
} from './entries.ts'
import type { FileHandles } from './fhandle.ts'

/** Bytes that a reply holds at most, whatever the client allows. */
const REPLY_BYTES_MAX = 1024 * 1024
/** Bytes of resok around the entries: attributes, verifier, the list's end and eof. */
const AROUND_BYTES = 4 + 84 + 8 + 4 + 4
/** Most entries that a reply is believed to hold: an entry of READDIR takes 28 bytes at least. */
const ENTRIES_MAX = Math.floor(REPLY_BYTES_MAX / 28)

/** Entries as they lie on the wire, each behind its `1`, without the `0` at the end. */
export class PackedEntries {
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** dirlist3 and dirlistplus3: the server has packed its entries already, a client reads them. */
export interface DirectoryList<E> {
  readonly entries: readonly E[] | PackedEntries
  readonly eof: boolean
}

export function directoryList<E>(entry: Codec<E>): Codec<DirectoryList<E>> {
  const entries = list(entry, ENTRIES_MAX)
  return {
    encode(w, value) {
      if (value.entries instanceof PackedEntries) {
        w.opaqueFixed(value.entries.bytes)
        w.uint32(0)
      } else entries.encode(w, value.entries)
      bool.encode(w, value.eof)
    },
    decode: (r) => ({ entries: entries.decode(r), eof: bool.decode(r) }),
  }
}

/** One for all calls: what it holds is copied into the reply in the same turn. */
const scratch = new XdrWriter(64 * 1024)
/** What a run is packed in, while a reply may be under way in the other one. */
const packed = new XdrWriter(16 * 1024)

/** Entries of READDIRPLUS, each with its attributes and handle, as they lie on the wire. */
class PackedRun {
  readonly bytes: Uint8Array
  /** Where each entry ends. */
  readonly ends: readonly number[]

  constructor(bytes: Uint8Array, ends: readonly number[]) {
    this.bytes = bytes
    this.ends = ends
  }

  get length(): number {
    return this.bytes.length
  }
}

/** One reply's entries on their way into a budget of bytes. */
export class EntryPacker implements Packing {
  readonly #handles: FileHandles
  readonly #bytesMax: number
  readonly #dirBytesMax: number
  #dirBytes = 0
  #count = 0
  #full = false

  /**
   * @param count what the client allows the whole resok structure, in bytes
   * @param dircount what it allows the fileids, names and cookies in it, but for the first ones
   */
  constructor(handles: FileHandles, count: number, dircount = Infinity) {
    this.#handles = handles
    this.#bytesMax = Math.min(count, REPLY_BYTES_MAX) - AROUND_BYTES
    this.#dirBytesMax = dircount
    scratch.reset()
  }

  /** Takes an entry of READDIR. @returns false where it does not fit */
  add(entry: DirectoryEntry): boolean {
    if (!this.#admits(0, entryBytes(entry), directoryBytes(entry))) return false
    writeEntry(scratch, entry)
    return true
  }

  /** Takes an entry of READDIRPLUS. @returns false where it does not fit */
  addPlus(entry: DirectoryEntry): boolean {
    if (!this.#admits(0, entryPlusBytes(entry), directoryBytes(entry))) return false
    writeEntryPlus(scratch, entry, this.#handles)
    return true
  }

  /** Entries look the same wherever handles do. */
  get owner(): FileHandles {
    return this.#handles
  }

  pack(entries: readonly DirectoryEntry[]): PackedRun {
    packed.reset()
    const ends = entries.map((entry) => {
      writeEntryPlus(packed, entry, this.#handles)
      return packed.length
    })
    return new PackedRun(packed.finish().slice(), ends)
  }

  take(run: object, from: number): number {
    assert(run instanceof PackedRun, 'what is taken was packed here')
    const { bytes, ends } = run
    const start = from === 0 ? 0 : (ends[from - 1] ?? 0)
    let end = start
    let at = from
    for (; at < ends.length; at++) {
      const size = (ends[at] ?? 0) - end
      if (!this.#admits(end - start, size, directoryBytesOf(size))) break
      end += size
    }
    if (end > start) scratch.opaqueFixed(bytes.subarray(start, end))
    return at - from
  }

  /**
   * Counts an entry, where there is room for it.
   *
   * @param ahead bytes that were admitted and are still to be written
   */
  #admits(ahead: number, bytes: number, dirBytes: number): boolean {
    this.#dirBytes += dirBytes
    if (this.#dirBytes > this.#dirBytesMax && this.#count > 0) return false
    if (scratch.length + ahead + bytes > this.#bytesMax) {
      this.#full = true
      return false
    }
    this.#count++
    return true
  }

  /** @throws FsError TOOSMALL where there was an entry and not even one fitted */
  finish({ eof }: ReaddirResult): DirectoryList<never> {
    // An empty list without eof would have the client ask for the same again, and never end.
    if (this.#full && this.#count === 0) throw new FsError('TOOSMALL')
    return { entries: new PackedEntries(scratch.finish()), eof }
  }
}
