/**
 * Snapshots of all datasets together: made in one instant, marked for deletion in one.
 *
 * The instant is one turn of the event loop. What clients were told is accepted, in whichever
 * dataset, is stored first, and then one transaction makes all the snapshots. So they have one
 * time, no change lies between two of them, and a crash leaves all or none.
 */
import { FsError } from '../fs/error.ts'
import type { Snapshot } from '../store/dataset.ts'
import type { Store } from '../store/store.ts'
import type { Datasets } from './datasets.ts'
import { measureTogether } from './measure.ts'
import { newNotes } from './notes.ts'
import type { OpenDataset } from './open-dataset.ts'

/** Some snapshots of one dataset, oldest first. */
export interface Chosen {
  readonly of: OpenDataset
  readonly snapshots: readonly Snapshot[]
}

/**
 * Makes a snapshot of the same name in each dataset. They are durable after the store's next
 * barrier. Datasets that are being deleted are left out.
 *
 * @returns one for each dataset, the root dataset's first
 * @throws FsError EXIST, NOSPC and whatever storing dirty data throws, with the dataset's name;
 *   INVAL (the name, the comment, a tag): none is made then
 */
export function createEverywhere(
  store: Store,
  datasets: Datasets,
  name: string,
  comment: string,
  tags: readonly string[],
): readonly Chosen[] {
  const notes = newNotes(comment, tags)
  for (const of of datasets.all) telling(of, () => of.snapshots.prepare(name))
  return store.transact((tx) =>
    datasets.all.map((of) => ({ of, snapshots: [of.snapshots.add(tx, name, notes)] })),
  )
}

/**
 * The snapshots that words name (select.ts), dataset by dataset; datasets without any are left out.
 *
 * @throws FsError NOENT where a word names none in any dataset, INVAL
 */
export function chooseEverywhere(datasets: Datasets, words: readonly string[]): readonly Chosen[] {
  const ids = new Set(words.flatMap((word) => [...idsOf(datasets, word)]))
  return datasets.all
    .map((of) => ({ of, snapshots: of.snapshots.list().filter(({ id }) => ids.has(id)) }))
    .filter(({ snapshots }) => snapshots.length > 0)
}

function idsOf(datasets: Datasets, word: string): ReadonlySet<number> {
  const ids = new Set<number>()
  for (const of of datasets.all) {
    try {
      for (const { id } of of.snapshots.select([word])) ids.add(id)
    } catch (error) {
      if (!(error instanceof FsError) || error.code !== 'NOENT') throw inDataset(error, of)
    }
  }
  if (ids.size > 0) return ids
  throw new FsError('NOENT', `no dataset has a snapshot '${word}'`)
}

/** @throws FsError ACCES where one has a hold or is in use, with the dataset's name */
export function requireAllDeletable(chosen: readonly Chosen[]): void {
  for (const { of, snapshots } of chosen) {
    for (const snapshot of snapshots) telling(of, () => of.snapshots.requireDeletable(snapshot))
  }
}

/** What deleting them would free, in bytes. @throws FsError JUKEBOX where the store is closed first */
export function measureEverywhere(store: Store, chosen: readonly Chosen[]): Promise<number> {
  const pause = async () => {
    await new Promise(setImmediate)
    for (const { of } of chosen) of.snapshots.requireGoingOn()
  }
  const groups = chosen.map(({ of, snapshots }) => ({ dataset: of.dataset, snapshots }))
  const measured = measureTogether(store, groups, pause)
  // The store is closed when all of its datasets have no work left.
  for (const { of } of chosen) void of.snapshots.track(measured)
  return measured
}

/**
 * Deletes snapshots of several datasets: at once for everybody who looks, and then what only they
 * held, in steps. When this returns all of them are marked, or, where it throws, none.
 *
 * @returns a promise of the bytes that are free when everything is freed
 * @throws FsError as `requireAllDeletable`
 */
export function deleteEverywhere(store: Store, chosen: readonly Chosen[]): Promise<number> {
  requireAllDeletable(chosen)
  store.transact((tx) => {
    for (const { of, snapshots } of chosen) of.snapshots.mark(tx, snapshots)
  })
  const freed = Promise.all(chosen.map(({ of }) => of.snapshots.freeMarked()))
  return freed.then((bytes) => bytes.reduce((sum, one) => sum + one, 0))
}

/** Runs `act`, and says in which dataset it failed. */
function telling<T>(of: OpenDataset, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw inDataset(error, of)
  }
}

function inDataset(error: unknown, { name }: OpenDataset): unknown {
  if (!(error instanceof FsError)) return error
  const where = name === '' ? 'the root dataset' : `dataset '${name}'`
  return new FsError(error.code, `in ${where}: ${error.message}`)
}
