/**
 * What deleting snapshots would free, in bytes of blocks: worked out from the index of the dead and
 * the versions of chunks, at a cost proportional to what only they hold. No file data is read, and
 * nothing is changed. Records, and small files, which lie in records, are not counted.
 */
import { type Dataset, type Snapshot, seenBy } from '../store/dataset.ts'
import { Kind, parseDeadKey, versionsKey } from '../store/keys.ts'
import { BLOCK_BYTES } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { deadVersions, eachBlock, indexOfVersion, inSteps } from './dead.ts'

/** Blocks whose references are counted side by side: 16 MiB of data take 8 KiB of memory. */
const PAGE_BLOCKS = 4096

/**
 * What deleting groups of snapshots would free, each group together and without the others. Changes
 * that are made meanwhile may count or not.
 *
 * @param pause is waited for between bounded steps, and throws where it shall go no further
 * @param tell is called with the bytes of each group as soon as they are known
 */
export async function measure(
  store: Store,
  dataset: Dataset,
  groups: readonly (readonly Snapshot[])[],
  pause: () => Promise<void>,
  tell: (bytes: number, group: number) => void,
): Promise<void> {
  // What is only in memory is not looked at.
  await store.checkpoint()
  for (const [at, group] of groups.entries()) {
    await pause()
    const references = new References(store)
    await look({ store, dataset, snapshots: group }, references, pause)
    tell(references.freedBytes, at)
  }
}

/** Some snapshots of one dataset. */
export interface Group {
  readonly dataset: Dataset
  readonly snapshots: readonly Snapshot[]
}

/**
 * What deleting snapshots of several datasets would free, all of them together: datasets may share
 * blocks. As `measure` otherwise.
 */
export async function measureTogether(
  store: Store,
  groups: readonly Group[],
  pause: () => Promise<void>,
): Promise<number> {
  await store.checkpoint()
  const references = new References(store)
  for (const group of groups) await look({ store, ...group }, references, pause)
  return references.freedBytes
}

/** Counts what would be let go of without the snapshots. */
async function look(
  { store, dataset, snapshots }: Group & { readonly store: Store },
  references: References,
  pause: () => Promise<void>,
): Promise<void> {
  const ids = new Set(snapshots.map(({ id }) => id))
  const all = dataset.snapshots.filter(({ deleting }) => !deleting)
  const epochs = (gone: boolean) =>
    all.filter(({ id }) => ids.has(id) === gone).map(({ epoch }) => epoch)
  const kept = epochs(false)
  for await (const names of deadVersions(store, dataset, kept, epochs(true))) {
    for (const some of inSteps(names)) {
      for (const name of some) lookAt(dataset, kept, name, references)
      await pause()
    }
  }
}

function lookAt(
  dataset: Dataset,
  kept: readonly number[],
  name: string,
  references: References,
): void {
  const { kind, key, birth, end } = parseDeadKey(name)
  if (kind !== Kind.CHUNK || seenBy(kept, birth, end)) return
  if (dataset.dead.get(name) === undefined) return
  const versions = dataset.versions.get(versionsKey(kind, key)) ?? []
  const at = indexOfVersion(versions, name, end)
  // Those before it that nobody sees go before it does.
  const left = versions.slice(0, at).findLast((version) => seenBy(kept, version.birth, version.end))
  eachBlock(dataset, key, versions, at, left?.end ?? 0, (address, born) => {
    if (dataset.owns(born)) references.release(address)
  })
}

/** References to blocks that would go; a block is freed with its last one. */
class References {
  readonly #store: Store
  /** How many would go, of blocks that have several. */
  readonly #pages = new Map<number, Uint16Array>()
  /** Blocks that would be free. */
  #freed = 0

  constructor(store: Store) {
    this.#store = store
  }

  release(address: number): void {
    const count = this.#store.spaceMap.refcount(address)
    if (count > 1 && this.#released(address) < count) return
    this.#freed++
  }

  get freedBytes(): number {
    return this.#freed * BLOCK_BYTES
  }

  #released(address: number): number {
    const number = Math.floor(address / PAGE_BLOCKS)
    const page = this.#pages.get(number) ?? new Uint16Array(PAGE_BLOCKS)
    this.#pages.set(number, page)
    const released = (page[address % PAGE_BLOCKS] ?? 0) + 1
    page[address % PAGE_BLOCKS] = released
    return released
  }
}
