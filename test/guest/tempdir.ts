import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made = new Set<string>()

function remove(dir: string): void {
  made.delete(dir)
  rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
}

function removeAtExit(): void {
  process.once('exit', () => {
    for (const dir of made) remove(dir)
  })
  // Without these the signal would end the process with no `exit` event.
  process.once('SIGINT', () => process.exit(130))
  process.once('SIGTERM', () => process.exit(143))
}

/** Runs `use` with a new directory, which is gone afterwards, also when the process is stopped. */
export async function withTempDir<T>(use: (dir: string) => Promise<T>): Promise<T> {
  if (made.size === 0 && process.listenerCount('SIGTERM') === 0) removeAtExit()
  const dir = mkdtempSync(join(tmpdir(), 'zerofs-nfs-'))
  made.add(dir)
  try {
    return await use(dir)
  } finally {
    remove(dir)
  }
}
