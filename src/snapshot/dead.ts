/**
 * What only some of the snapshots hold: versions of records that none of the others sees, and the
 * blocks that go with them. Deleting snapshots and telling what that would free both go by this.
 *
 * Only versions that ended between such a snapshot and the next one that is kept, and were born
 * after the kept one before, can be seen by nobody else; the index of the dead is ordered so that
 * just these are looked at.
 */
import { strict as assert } from 'node:assert'
import { chunkCodec } from '../store/codecs.ts'
import type { Dataset } from '../store/dataset.ts'
import { deadRange, historyKey, type Key, Kind, parseDeadKey, parseKey } from '../store/keys.ts'
import { decodeRecord } from '../store/record.ts'
import type { Chunk, Version } from '../store/records.ts'
import type { Store } from '../store/store.ts'

/** Work that is done in one turn of the event loop: some milliseconds. */
const STEP_WORK = 128
/** A version of a chunk has up to 256 blocks to look at, any other record none. */
const CHUNK_WORK = 8

/** Versions, by their names, as many at a time as one turn has time for. */
export function* inSteps(names: readonly string[]): Generator<readonly string[]> {
  let from = 0
  let work = 0
  for (const [at, name] of names.entries()) {
    work += parseDeadKey(name).kind === Kind.CHUNK ? CHUNK_WORK : 1
    if (work < STEP_WORK) continue
    yield names.slice(from, at + 1)
    from = at + 1
    work = 0
  }
  if (from < names.length) yield names.slice(from)
}

/** Between two neighbours that are kept: which versions nobody else may see. */
interface Gap {
  /** Epoch of the kept snapshot before them, or 0: the versions were born later. */
  readonly before: number
  /** The epochs in which the versions ended, both included. */
  readonly from: number
  readonly to: number
}

/**
 * The gaps that are left without some snapshots.
 *
 * @param kept epochs of the snapshots that stay, ascending
 * @param gone epochs of those that do not, ascending
 * @param now the dataset's epoch
 */
function gapsOf(kept: readonly number[], gone: readonly number[], now: number): Gap[] {
  const gaps: Gap[] = []
  let next = 0
  for (const epoch of gone) {
    while ((kept[next] ?? Number.POSITIVE_INFINITY) < epoch) next++
    const before = kept[next - 1] ?? 0
    if (gaps.at(-1)?.before === before && gaps.length > 0) continue
    gaps.push({ before, from: epoch + 1, to: kept[next] ?? now })
  }
  return gaps
}

/**
 * The names, in the index of the dead, of all versions that only the snapshots `gone` can see; some
 * at a time, with rests in between. It reads the database: what is only in memory has to be there
 * first (`Store.checkpoint`).
 *
 * @param kept epochs of the snapshots that stay, ascending
 * @param gone epochs of those that do not, ascending
 */
export async function* deadVersions(
  store: Store,
  dataset: Dataset,
  kept: readonly number[],
  gone: readonly number[],
): AsyncGenerator<readonly string[]> {
  const { database, pace } = store
  for (const { before, from, to } of gapsOf(kept, gone, dataset.epoch)) {
    let end = await firstEnd(store, dataset, from, to)
    while (end !== undefined) {
      const { gte, lt } = deadRange(dataset.id, end, end)
      const bound = Buffer.concat([gte, Buffer.alloc(4)])
      bound.writeUInt32BE(before + 1, gte.length)
      for await (const keys of database.keys({ gte: bound, lt })) {
        yield pace.step(() => keys.map((key) => String(parseKey(key).key)))
        await pace.rest()
      }
      end = await firstEnd(store, dataset, end + 1, to)
    }
  }
}

/** The first epoch of a range in which any version ended: most of a long range have none. */
async function firstEnd(
  store: Store,
  dataset: Dataset,
  from: number,
  to: number,
): Promise<number | undefined> {
  if (from > to) return undefined
  const first = await store.database.firstKey(deadRange(dataset.id, from, to))
  return first && parseDeadKey(String(parseKey(first).key)).end
}

/**
 * Tells of each block that a version of a chunk holds and its neighbours in time do not, and in
 * which epoch it came. The version before holds every block that came before it ended; the version
 * behind is asked.
 *
 * @param versions those of the chunk in history, oldest first
 * @param at which of them
 * @param previousEnd the epoch in which the version before ended, 0 where there is none
 * @returns how many bytes the version holds itself
 */
export function eachBlock(
  dataset: Dataset,
  key: Key,
  versions: readonly Version[],
  at: number,
  previousEnd: number,
  tell: (address: number, birth: number) => void,
): number {
  const chunk = versionOf(dataset, key, versions[at])
  const behind = versions[at + 1]
  const next =
    behind === undefined ? dataset.chunks.get(String(key)) : versionOf(dataset, key, behind)
  for (let slot = 0; slot < chunk.address.length; slot++) {
    const address = chunk.address[slot] ?? 0
    const birth = chunk.birth[slot] ?? 0
    if (address === 0 || birth < previousEnd) continue
    if (next?.address[slot] === address && next.birth[slot] === birth) continue
    tell(address, birth)
  }
  return chunk.inline?.length ?? 0
}

/** Where the version that ended in epoch `end` stands in its list. */
export function indexOfVersion(versions: readonly Version[], name: string, end: number): number {
  const at = versions.findIndex((version) => version.end === end)
  assert(at >= 0, `version ${name} is not in its list`)
  return at
}

function versionOf(dataset: Dataset, key: Key, version: Version | undefined): Chunk {
  assert(version, 'a version of the list')
  const record = dataset.history.get(historyKey(Kind.CHUNK, key, version.end))
  assert(record, `version ${key}@${version.end} is listed, but not there`)
  return decodeRecord(chunkCodec, record).value
}
