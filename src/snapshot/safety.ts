/** The snapshot that is made before anything is put back: the way to go back from there. */
import type { Snapshot } from '../store/dataset.ts'
import type { Time } from '../store/time.ts'
import type { Snapshots } from './snapshots.ts'

/**
 * Makes one called `PREFIX-20261122-201455`, with `-2` and so on behind where there is one.
 *
 * @throws FsError NOSPC
 */
export function makeSafety(snapshots: Snapshots, prefix: string, now: Time): Snapshot {
  const base = `${prefix}-${timestamp(now)}`
  let name = base
  for (let i = 2; snapshots.find(name) !== undefined; i++) name = `${base}-${i}`
  return snapshots.create(name)
}

/** `20261122-201455`, in UTC. */
function timestamp({ seconds }: Time): string {
  const iso = new Date(seconds * 1000).toISOString()
  return `${iso.slice(0, 10).replaceAll('-', '')}-${iso.slice(11, 19).replaceAll(':', '')}`
}
