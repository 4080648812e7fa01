/** A live file system over a real store in a folder of its own. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileData } from '../../src/fs/data.ts'
import type { FileId } from '../../src/fs/filesystem.ts'
import { Live } from '../../src/fs/live.ts'
import { LiveFileSystem } from '../../src/fs/livefs.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import { type OpenOptions, openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import type { Clock } from '../../src/store/time.ts'

export interface LiveSubject {
  readonly fs: LiveFileSystem
  readonly root: FileId
  readonly live: Live
  readonly store: Store
}

const wallClock: Clock = () => {
  const ms = Date.now()
  return { seconds: Math.floor(ms / 1000), nseconds: (ms % 1000) * 1_000_000 }
}

/** Opens the store of a folder, made where there is none. */
export async function openLive(
  directory: string,
  clock: Clock = wallClock,
  options: Pick<OpenOptions, 'cacheBytesMax' | 'limits'> = {},
): Promise<LiveSubject> {
  const { store } = await openStore({
    ...options,
    directory,
    disk: nodeDisk,
    wallClock: clock,
    randomBytes: (count) => new Uint8Array(randomBytes(count)),
    report: (message, error) => console.error(message, error),
    owner: { pid: process.pid, command: 'test' },
    rootOwner: { uid: 0, gid: 0 },
    create: true,
  })
  const { dataset } = store
  const live = new Live(store, dataset, new FileData(store, dataset), store.fsid(dataset.id))
  const fs = new LiveFileSystem(live)
  return { fs, root: fs.root(), live, store }
}

export async function withFolder(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'zerofs-nfs-fs-'))
  try {
    await body(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Runs `body` on a new, empty file system, and closes it. */
export async function withLive(
  body: (subject: LiveSubject) => Promise<void>,
  clock?: Clock,
): Promise<void> {
  await withFolder(async (directory) => {
    const subject = await openLive(directory, clock)
    try {
      await body(subject)
    } finally {
      await subject.store.close()
    }
  })
}
