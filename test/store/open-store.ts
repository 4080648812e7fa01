/** A store in a folder of its own, for tests; opened again as often as they like. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Disk } from '../../src/store/disk.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import { closeStore, type Opened, openStore } from '../../src/store/open.ts'
import type { Loop } from '../../src/store/pace.ts'
import type { Clock } from '../../src/store/time.ts'

/** A clock that moves a microsecond with every look. */
export function countingClock(): Clock {
  let ticks = 0
  return () => {
    ticks++
    return { seconds: 1_700_000_000 + Math.floor(ticks / 1e6), nseconds: (ticks % 1e6) * 1000 }
  }
}

/** Bytes that are different every time and the same in every run. */
function countingBytes(): (count: number) => Uint8Array {
  let calls = 0
  return (count) => new Uint8Array(count).map((_, i) => (++calls * 31 + i * 7) & 0xff)
}

export const testClock = countingClock()
const randomBytes = countingBytes()

export interface TestStoreOptions {
  readonly disk?: Disk
  readonly cacheBytesMax?: number
  readonly loop?: Loop
  readonly report?: (message: string, error: unknown) => void
}

export function openTestStore(directory: string, options: TestStoreOptions = {}): Promise<Opened> {
  return openStore({
    directory,
    disk: nodeDisk,
    wallClock: testClock,
    randomBytes,
    report: (message, error) => {
      throw new Error(message, { cause: error })
    },
    owner: { pid: process.pid, command: 'test' },
    rootOwner: { uid: 0, gid: 0 },
    create: true,
    ...options,
  })
}

export async function withFolder<T>(body: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'zerofs-store-'))
  try {
    return await body(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Opens the store of a folder, and closes it whatever happens. */
export async function withStore<T>(
  directory: string,
  body: (opened: Opened) => Promise<T>,
  options: TestStoreOptions = {},
): Promise<T> {
  const opened = await openTestStore(directory, options)
  try {
    return await body(opened)
  } finally {
    await closeStore(opened.store)
  }
}

/** The folder as a crash at this moment would leave it, in a folder of its own. */
export async function crashed(
  directory: string,
  body: (copy: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const copy = join(folder, 'store')
    await cp(directory, copy, { recursive: true })
    await body(copy)
  })
}
