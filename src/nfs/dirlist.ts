/**
 * The list of entries in READDIR's and READDIRPLUS's replies, filled to the byte that the client
 * allows: an entry is encoded, the length looked at, and an entry that does not fit is taken back.
 */
import { FsError } from '../fs/error.ts'
import type { DirectoryEntry, ReaddirResult } from '../fs/filesystem.ts'
import { bool, type Codec, list } from '../xdr/codec.ts'
import { XdrWriter } from '../xdr/writer.ts'

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

  /** Encodes what READDIR and READDIRPLUS have in common, and then what `rest` adds. */
  add(entry: DirectoryEntry, rest?: (w: XdrWriter, entry: DirectoryEntry) => void): boolean {
    const w = scratch
    const start = w.position
    w.uint32(1)
    w.uint64(entry.fileid)
    w.opaque(entry.name)
    w.uint64(entry.cookie)
    rest?.(w, entry)
    if (w.length > this.#bytesMax) {
      w.rewind(start)
      this.#full = true
      return false
    }
    this.#count++
    return true
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
