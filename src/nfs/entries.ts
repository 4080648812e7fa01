/**
 * Entries of a listing on the wire, each behind the flag that says that there is one. Listings are
 * the replies with the most fields, so an entry is written in one go, into room claimed once:
 *
 *     entry3       1 · fileid · name · cookie
 *     entryplus3   the same, then 1 · fattr3 · 1 · handle, or 0 · 0 where neither is known
 */
import type { DirectoryEntry } from '../fs/filesystem.ts'
import { putUint64, type XdrWriter } from '../xdr/writer.ts'
import { FATTR3_BYTES, putFattr3 } from './attributes.ts'
import { type FileHandles, HANDLE_BYTES } from './fhandle.ts'

/** Bytes of an entry3 without its name: the flag before it, fileid, the name's length, cookie. */
const ENTRY_BYTES = 4 + 8 + 4 + 8
/** What entryplus3 adds: two flags; attributes; the handle with its length. */
const FLAGS_BYTES = 4 + 4
const PLUS_BYTES = FLAGS_BYTES + FATTR3_BYTES + 4 + HANDLE_BYTES

/** Bytes of an entry3. */
export function entryBytes({ name }: DirectoryEntry): number {
  return ENTRY_BYTES + name.length + (-name.length & 3)
}

/** Bytes of an entryplus3. */
export function entryPlusBytes(entry: DirectoryEntry): number {
  return entryBytes(entry) + (entry.found === undefined ? FLAGS_BYTES : PLUS_BYTES)
}

/** What READDIRPLUS's `dircount` counts of an entry: fileid, name and cookie. */
export function directoryBytes(entry: DirectoryEntry): number {
  return entryBytes(entry) - 4
}

/** The same of an entryplus3 that has attributes and a handle, by its length. */
export function directoryBytesOf(entryPlus: number): number {
  return entryPlus - PLUS_BYTES - 4
}

export function writeEntry(w: XdrWriter, entry: DirectoryEntry): void {
  const at = w.claim(entryBytes(entry))
  putEntry(w, at, entry)
}

export function writeEntryPlus(w: XdrWriter, entry: DirectoryEntry, handles: FileHandles): void {
  const { found } = entry
  const at = w.claim(entryPlusBytes(entry))
  const end = putEntry(w, at, entry)
  const { view } = w
  if (found === undefined) {
    putUint64(view, end, 0)
    return
  }
  view.setUint32(end, 1)
  putFattr3(view, end + 4, found.attributes)
  const handle = end + 4 + FATTR3_BYTES
  view.setUint32(handle, 1)
  view.setUint32(handle + 4, HANDLE_BYTES)
  w.bytes.set(handles.encode(found.id), handle + 8)
}

/** @returns the offset behind it */
function putEntry(w: XdrWriter, at: number, { fileid, name, cookie }: DirectoryEntry): number {
  const padded = name.length + (-name.length & 3)
  const { view } = w
  view.setUint32(at, 1)
  putUint64(view, at + 4, fileid)
  view.setUint32(at + 12, name.length)
  // The last word first: so what the name does not fill of it is zero.
  if (padded > 0) view.setUint32(at + 12 + padded, 0)
  w.bytes.set(name, at + 16)
  putUint64(view, at + 16 + padded, cookie)
  return at + ENTRY_BYTES + padded
}
