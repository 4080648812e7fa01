/** The types of the control program that are about snapshots (types.ts has the others). */
import { array, bool, optional, struct, uint64, voidType } from '../xdr/codec.ts'
import { freeing, PAGE_LENGTH, poll, snapshotName, text, time } from './types.ts'

/** As many notes as are taken in, and more than a snapshot has: too many are an error. */
export const WORDS_MAX = 256
const words = array(text, WORDS_MAX)

export const snapshotNew = struct({ name: snapshotName, comment: text, tags: words })
export const snapshotInfo = struct({
  id: uint64,
  name: snapshotName,
  created: time,
  comment: text,
  tags: words,
  holds: words,
})
export const snapshotChange = struct({
  name: snapshotName,
  change: struct({
    name: optional(snapshotName),
    comment: optional(text),
    addTags: words,
    removeTags: words,
    hold: optional(text),
    release: optional(text),
  }),
})
export const snapshotPage = struct({ snapshots: array(snapshotInfo, PAGE_LENGTH), more: bool })

/** Most names, ranges and patterns of one call. */
export const SELECTION_MAX = 4096
export const selection = array(snapshotName, SELECTION_MAX)
export const deletionRequest = struct({ words: selection, dryRun: bool, background: bool })
export const snapshotSize = struct({ id: uint64, unique: uint64 })

export const deletePoll = poll(freeing, struct({ bytes: uint64 }), snapshotName)
export const sizesPoll = poll(voidType, voidType, snapshotSize)
