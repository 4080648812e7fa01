/** What tests of restores have in common. */
import type { Test } from 'uvu'
import { type Attributes, FileType } from '../../src/fs/filesystem.ts'
import type { Snapshot } from '../../src/store/dataset.ts'
import { assertSound } from '../check/assert-sound.ts'
import type { Client } from '../fs/client.ts'
import { checkTree } from '../fs/invariants.ts'
import { audit } from './audit.ts'
import { type Subject, withRestarts } from './harness.ts'

/** Everything that must hold between the records of a store does. */
export async function requireSound(subject: Subject): Promise<void> {
  subject.live.data.settleAll()
  subject.reclaim()
  // What goes on in the background comes to its end.
  await subject.snapshots.resume()
  checkTree(subject.live)
  await audit(subject.store)
  await assertSound(subject.store)
}

/** Adds tests that run on a store of their own, which has to be sound when they have ended. */
export function sound(test: Test) {
  return (name: string, body: (subject: Subject) => Promise<void>): void =>
    test(name, () =>
      withRestarts(async (subject) => {
        await body(subject)
        await requireSound(subject)
      }),
    )
}

/** What comes back of a file; its ctime tells of the restore itself. */
export function kept({ type, mode, uid, gid, size, used, rdev, atime, mtime }: Attributes) {
  return { type, mode, uid, gid, size, used, rdev, atime, mtime }
}

/** The snapshots that restores made to go back to. */
export function safeties({ snapshots }: Subject): readonly Snapshot[] {
  return snapshots.list().filter(({ name }) => name.startsWith('pre-restore-'))
}

/** Removes a directory with all that is in it. */
export function removeTree(client: Client, path: string): void {
  for (const name of client.names(path)) {
    const child = `${path}/${name}`
    if (client.stat(child).type === FileType.DIR) removeTree(client, child)
    else client.remove(child)
  }
  client.rmdir(path)
}
