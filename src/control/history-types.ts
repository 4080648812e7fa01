/** The types of lists about the past (history.ts), in RFC 4506's terms, and their procedures. */
import { FileType } from '../fs/filesystem.ts'
import {
  array,
  bool,
  type Codec,
  enumeration,
  optional,
  struct,
  uint32,
  uint64,
} from '../xdr/codec.ts'
import type { DiffEntry, DiffKind, DiffRequest } from './history.ts'
import type { StreamPage } from './streams.ts'
import { ownOpaque, PAGE_LENGTH, PATH_BYTES_MAX, snapshotName, word } from './types.ts'

/** Each `begin` answers a number, which `next` is asked by until there is no more. */
export const HISTORYPROC = {
  END: 40,
  DIFF: 41,
  DIFF_NEXT: 42,
} as const

export const streamNumber = uint32

function page<T>(item: Codec<T>): Codec<StreamPage<T>> {
  return struct({ items: array(item, PAGE_LENGTH), more: bool })
}

const path = ownOpaque(PATH_BYTES_MAX)
const type = enumeration(...Object.values(FileType))

export const diffRequest: Codec<DiffRequest> = struct({
  from: snapshotName,
  to: optional(snapshotName),
})

export const diffEntry: Codec<DiffEntry> = struct({
  kind: word<DiffKind>('added', 'removed', 'changed', 'renamed', 'linked', 'unlinked'),
  type,
  path,
  from: optional(path),
  content: bool,
  attributes: bool,
  replaced: bool,
  size: uint64,
})
export const diffPage = page(diffEntry)
