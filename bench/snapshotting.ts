/** Snapshots of a server that is at work, one a second, as a schedule of someone in a hurry. */
import { RemoteOperations } from '../src/control/client.ts'
import type { Server } from './servers.ts'

const EVERY_MS = 1000

/** Takes snapshots until `work` is done, and deletes them. @returns what it did, and how many */
export async function whileSnapshotting<T>(
  server: Server,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly snapshots: number }> {
  const operations = await RemoteOperations.connect(server.data)
  const names: string[] = []
  const take = () => {
    const name = `second-${names.length + 1}`
    names.push(name)
    return operations.createSnapshot(name)
  }
  let taken: Promise<unknown> = take()
  const timer = setInterval(() => {
    taken = taken.then(take)
  }, EVERY_MS)
  try {
    const result = await work()
    clearInterval(timer)
    await taken
    return { result, snapshots: names.length }
  } finally {
    clearInterval(timer)
    // Resolves when what they held is freed: that is no part of what comes next.
    const words = [...names]
    await operations.deleteSnapshots({ words, dryRun: false, background: false }, () => {})
    await operations.close()
  }
}
