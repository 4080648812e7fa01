/** What people note about snapshots: a comment, tags, holds. */
import { FsError } from '../fs/error.ts'
import {
  COMMENT_BYTES_MAX,
  HOLDS_MAX,
  type SnapshotNotes,
  type SnapshotRecord,
  TAGS_MAX,
  WORD_BYTES_MAX,
} from '../store/records.ts'
import { requireName, toCopy } from './object-names.ts'

/** What shall be different about a snapshot; what is undefined, or an empty list, stays. */
export interface SnapshotChange {
  readonly name: string | undefined
  readonly comment: string | undefined
  /** A tag `key=value` takes the place of the one with that key. */
  readonly addTags: readonly string[]
  /** Whole tags, or keys. */
  readonly removeTags: readonly string[]
  readonly hold: string | undefined
  readonly release: string | undefined
}

export const NO_CHANGE: SnapshotChange = {
  ...{ name: undefined, comment: undefined, addTags: [], removeTags: [] },
  ...{ hold: undefined, release: undefined },
}

/** What is noted about a new snapshot. @throws FsError INVAL */
export function newNotes(comment: string, tags: readonly string[]): SnapshotNotes {
  checkComment(comment)
  return { comment, tags: addedTags([], tags), holds: [] }
}

/**
 * The record with the change.
 *
 * @throws FsError INVAL (a name, comment, tag or hold that cannot be one), EXIST (the hold), NOENT
 *   (a tag or hold to be taken away)
 */
export function changedRecord(record: SnapshotRecord, change: SnapshotChange): SnapshotRecord {
  const { name = record.name, comment = record.comment } = change
  requireName(name, 'snapshot')
  checkComment(comment)
  const tags = addedTags(removedTags(record, change.removeTags), change.addTags)
  return { ...record, name, comment, tags, holds: changedHolds(record, change) }
}

/** Whether a snapshot has a tag, named whole or by its key. */
export function hasTag({ tags }: Pick<SnapshotNotes, 'tags'>, tag: string): boolean {
  return tags.some((other) => other === tag || keyOf(other) === tag)
}

/**
 * @param dataset the name of the snapshot's dataset, empty for the root dataset
 * @throws FsError ACCES where the snapshot has a hold
 */
export function requireNoHold(
  dataset: string,
  { name, holds }: Pick<SnapshotRecord, 'name' | 'holds'>,
): void {
  const [first] = holds
  if (first === undefined) return
  const held = `snapshot '${name}' is held by ${holds.map((hold) => `'${hold}'`).join(', ')}`
  const copied = `${toCopy(name, 'NAME')} ${toCopy(first, 'HOLD')}`
  const where = dataset === '' ? '' : ` --dataset ${toCopy(dataset, 'DATASET')}`
  const release = `'zerofs-nfs snapshot release ${copied}${where}' lets go of it`
  throw new FsError('ACCES', `${held}, and cannot be deleted; ${release}`)
}

function checkComment(comment: string): void {
  if (Buffer.byteLength(comment) > COMMENT_BYTES_MAX) {
    throw new FsError('INVAL', `a comment has at most ${COMMENT_BYTES_MAX} bytes`)
  }
  if (/\p{Cc}|\p{Cs}/u.test(comment)) {
    throw new FsError('INVAL', 'a comment is one line of text, without control characters')
  }
}

/** @param what `a tag` or `a hold` */
function checkWord(word: string, what: string): void {
  const bytes = Buffer.byteLength(word)
  if (bytes === 0 || bytes > WORD_BYTES_MAX) {
    throw new FsError('INVAL', `${what} has 1 to ${WORD_BYTES_MAX} bytes`)
  }
  if (/[\p{Cc}\p{Cs}\s,]/u.test(word)) {
    throw new FsError('INVAL', `${what} is a word, without spaces, commas and control characters`)
  }
}

/** What stands before `=`; of a tag that is a word alone, undefined. */
function keyOf(tag: string): string | undefined {
  const at = tag.indexOf('=')
  return at < 0 ? undefined : tag.slice(0, at)
}

function addedTags(there: readonly string[], more: readonly string[]): readonly string[] {
  let tags = [...there]
  for (const tag of more) {
    checkWord(tag, 'a tag')
    const key = keyOf(tag)
    tags = tags.filter((other) => other !== tag && (key === undefined || keyOf(other) !== key))
    tags.push(tag)
  }
  if (tags.length > TAGS_MAX) throw new FsError('INVAL', `a snapshot has at most ${TAGS_MAX} tags`)
  return tags
}

function removedTags(record: SnapshotRecord, gone: readonly string[]): readonly string[] {
  const { name, tags } = record
  for (const tag of gone) {
    if (hasTag(record, tag)) continue
    const there = tags.length === 0 ? 'it has none' : `it has: ${tags.join(', ')}`
    throw new FsError('NOENT', `snapshot '${name}' has no tag '${tag}'; ${there}`)
  }
  return tags.filter((tag) => !gone.includes(tag) && !gone.includes(keyOf(tag) ?? tag))
}

function changedHolds(record: SnapshotRecord, change: SnapshotChange): readonly string[] {
  const { name, holds } = record
  const { hold, release } = change
  if (release !== undefined && !holds.includes(release)) {
    const there = holds.length === 0 ? 'it has none' : `it has: ${holds.join(', ')}`
    throw new FsError('NOENT', `snapshot '${name}' has no hold '${release}'; ${there}`)
  }
  const left = holds.filter((other) => other !== release)
  if (hold === undefined) return left
  checkWord(hold, 'a hold')
  if (left.includes(hold)) {
    throw new FsError('EXIST', `snapshot '${name}' has a hold '${hold}' already`)
  }
  if (left.length >= HOLDS_MAX) {
    throw new FsError('INVAL', `a snapshot has at most ${HOLDS_MAX} holds`)
  }
  return [...left, hold]
}
