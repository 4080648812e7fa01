/**
 * What changed since a snapshot, from the index of the dead: the keys of all records that the
 * snapshot has and a later epoch has not, or not so. Looks at nothing else, whatever the dataset
 * holds.
 */

import type { Database } from '../store/database.ts'
import type { Dataset } from '../store/dataset.ts'
import { deadRange, Kind, parseDeadKey, parseKey } from '../store/keys.ts'
import type { Pause } from './paths-of.ts'

/** What the older tree has and the newer one has not, or not so. */
export interface Superseded {
  /** Inos, each once: 8 bytes of memory for each. */
  readonly inodes: readonly number[]
  /** Numbers of pages by the directory they are of, each once. */
  readonly pages: ReadonlyMap<number, readonly number[]>
  /** Numbers of chunks by the content they are of, each once. */
  readonly chunks: ReadonlyMap<number, readonly number[]>
}

/**
 * The inodes, pages and chunks that were superseded behind epoch `from`, up to epoch `to`. The database must
 * be complete (`Store.checkpoint`).
 *
 * @param from the epoch of a snapshot
 */
export async function scanSuperseded(
  database: Pick<Database, 'scan'>,
  dataset: Dataset,
  from: number,
  to: number,
  pause: Pause,
): Promise<Superseded> {
  const inodes: number[] = []
  const pages = new Map<number, number[]>()
  const chunks = new Map<number, number[]>()
  let end = await firstEnd(database, dataset, from + 1, to)
  while (end !== undefined) {
    // What was born behind the snapshot is not in it: such records come last, and are left out.
    const { gte } = deadRange(dataset.id, end, end)
    const lt = Buffer.concat([gte, Buffer.alloc(4)])
    lt.writeUInt32BE(from + 1, gte.length)
    for await (const { key } of database.scan({ gte, lt })) {
      await pause()
      const dead = parseDeadKey(String(parseKey(key).key))
      if (dead.kind === Kind.INODE) inodes.push(Number(dead.key))
      else if (dead.kind === Kind.PAGE) add(pages, String(dead.key))
      else if (dead.kind === Kind.CHUNK) add(chunks, String(dead.key))
    }
    end = await firstEnd(database, dataset, end + 1, to)
  }
  return { inodes, pages, chunks }
}

/** @param key `owner/number` */
function add(numbers: Map<number, number[]>, key: string): void {
  const [owner, number] = key.split('/').map(Number)
  if (owner === undefined || number === undefined) return
  const known = numbers.get(owner)
  if (known === undefined) numbers.set(owner, [number])
  else known.push(number)
}

/** The first epoch of a range in which any record ended: most of a long range have none. */
async function firstEnd(
  database: Pick<Database, 'scan'>,
  dataset: Dataset,
  from: number,
  to: number,
): Promise<number | undefined> {
  if (from > to) return undefined
  for await (const { key } of database.scan(deadRange(dataset.id, from, to))) {
    return parseDeadKey(String(parseKey(key).key)).end
  }
  return undefined
}
