/** Long work among other work: it takes a number of steps, and then lets others have their turn. */
import { FsError } from '../fs/error.ts'
import type { Pause } from './paths-of.ts'
import type { Snapshots } from './snapshots.ts'

const STEPS_PER_TURN = 64

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** @param check is called once a turn, and throws where the work has to end */
export function pauses(check: () => void): Pause {
  let steps = 0
  return () => {
    steps++
    if (steps % STEPS_PER_TURN !== 0) return undefined
    check()
    return nextTurn()
  }
}

/**
 * Entries that are made as they are asked for; the store is not closed, and the dataset not freed,
 * while one is being made.
 *
 * @throws FsError (with an entry) JUKEBOX where the store is about to be closed, NOENT where the
 *   dataset has been deleted since the one before
 */
export async function* tracked<T>(
  snapshots: Snapshots,
  source: AsyncGenerator<T>,
): AsyncGenerator<T> {
  try {
    for (;;) {
      requireGoingOn(snapshots)
      const { done, value } = await snapshots.track(source.next())
      if (done) return
      yield value
    }
  } finally {
    await source.return(undefined)
  }
}

function requireGoingOn(snapshots: Snapshots): void {
  const { deleting, name } = snapshots.dataset.record
  if (deleting) throw new FsError('NOENT', `dataset '${name}' has been deleted`)
  snapshots.requireGoingOn()
}
