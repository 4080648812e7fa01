/**
 * The list of entries in READDIR's and READDIRPLUS's replies, filled to the byte that the client
 * allows. Listings are the replies with the most fields, so an entry's length is known before it is
 * written, and it is written in one go:
 *
 *     entry3       1 · fileid · name · cookie
 *     entryplus3   the same, then 1 · fattr3 · 1 · handle, or 0 · 0 where neither is known
 */
import { FsError } from '../fs/error.ts'
import type { DirectoryEntry, ReaddirResult } from '../fs/filesystem.ts'
import { bool, type Codec, list } from '../xdr/codec.ts'
import { putUint64, XdrWriter } from '../xdr/writer.ts'
import { FATTR3_BYTES, putFattr3 } from './attributes.ts'
import { type FileHandles, HANDLE_BYTES } from './fhandle.ts'

/** Bytes that a reply holds at most, whatever the client allows. */
const REPLY_BYTES_MAX = 1024 * 1024
/** Bytes of resok around the entries: attributes, verifier, the list's end and eof. */
const AROUND_BYTES = 4 + 84 + 8 + 4 + 4
/** Most entries that a reply is believed to hold: an entry of READDIR takes 28 bytes at least. */
const ENTRIES_MAX = Math.floor(REPLY_BYTES_MAX / 28)

/** Bytes of an entry3 without its name: the flag before it, fileid, the name's length, cookie. */
const ENTRY_BYTES = 4 + 8 + 4 + 8
/** What entryplus3 adds: two flags; attributes; the handle with its length. */
const FLAGS_BYTES = 4 + 4
const PLUS_BYTES = FLAGS_BYTES + FATTR3_BYTES + 4 + HANDLE_BYTES

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

/** One reply's entries on their way into a budget of bytes. */
export class EntryPacker {
  readonly #bytesMax: number
  #count = 0
  #full = false

  /** @param count what the client allows the whole resok structure, in bytes */
  constructor(count: number) {
    this.#bytesMax = Math.min(count, REPLY_BYTES_MAX) - AROUND_BYTES
    scratch.reset()
  }

  /** Takes an entry of READDIR. @returns false where it does not fit */
  add(entry: DirectoryEntry): boolean {
    return this.#put(entry, ENTRY_BYTES) >= 0
  }

  /** Takes an entry of READDIRPLUS. @returns false where it does not fit */
  addPlus(entry: DirectoryEntry, handles: FileHandles): boolean {
    const { found } = entry
    const size = ENTRY_BYTES + (found === undefined ? FLAGS_BYTES : PLUS_BYTES)
    const end = this.#put(entry, size)
    if (end < 0) return false
    const { view } = scratch
    if (found === undefined) {
      putUint64(view, end, 0)
      return true
    }
    view.setUint32(end, 1)
    putFattr3(view, end + 4, found.attributes)
    const at = end + 4 + FATTR3_BYTES
    view.setUint32(at, 1)
    view.setUint32(at + 4, HANDLE_BYTES)
    scratch.bytes.set(handles.encode(found.id), at + 8)
    return true
  }

  /**
   * Puts what READDIR and READDIRPLUS have in common.
   *
   * @param size of the whole entry in bytes, without its name
   * @returns the offset of the rest in `scratch`; -1 where the entry does not fit
   */
  #put({ fileid, name, cookie }: DirectoryEntry, size: number): number {
    const padded = name.length + (-name.length & 3)
    if (scratch.length + size + padded > this.#bytesMax) {
      this.#full = true
      return -1
    }
    this.#count++
    const at = scratch.claim(size + padded)
    const { view } = scratch
    view.setUint32(at, 1)
    putUint64(view, at + 4, fileid)
    view.setUint32(at + 12, name.length)
    // The last word first: the name then leaves its padding zero.
    if (padded > 0) view.setUint32(at + 12 + padded, 0)
    scratch.bytes.set(name, at + 16)
    putUint64(view, at + 16 + padded, cookie)
    return at + ENTRY_BYTES + padded
  }

  /** How many entries it took. */
  get count(): number {
    return this.#count
  }

  /** @throws FsError TOOSMALL where there was an entry and not even one fitted */
  finish({ eof }: ReaddirResult): DirectoryList<never> {
    // An empty list without eof would have the client ask for the same again, and never end.
    if (this.#full && this.#count === 0) throw new FsError('TOOSMALL')
    return { entries: new PackedEntries(scratch.finish()), eof }
  }
}
