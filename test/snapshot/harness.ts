/** A store with the whole file system on it, snapshots included, put together as volume.ts does. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { FileData } from '../../src/fs/data.ts'
import { ReadBuffers } from '../../src/fs/data-buffers.ts'
import type { FileId } from '../../src/fs/filesystem.ts'
import { Live } from '../../src/fs/live.ts'
import { LiveFileSystem } from '../../src/fs/livefs.ts'
import { Reclaimer } from '../../src/fs/reclaim.ts'
import type { OpenDataset } from '../../src/snapshot/open-dataset.ts'
import { Restore } from '../../src/snapshot/restore.ts'
import type { RestoreRequest, RestoreSummary } from '../../src/snapshot/restore-request.ts'
import { Rollback } from '../../src/snapshot/rollback.ts'
import type { RollbackProgress, RollbackSummary } from '../../src/snapshot/rollback-request.ts'
import { SnapFileSystem } from '../../src/snapshot/snapfs.ts'
import { Snapshots } from '../../src/snapshot/snapshots.ts'
import type { Disk, DiskFile, OpenOptions } from '../../src/store/disk.ts'
import { Kind, kindRange, parseKey } from '../../src/store/keys.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import { BLOCK_BYTES } from '../../src/store/records.ts'
import type { Store } from '../../src/store/store.ts'
import { bytes, Client } from '../fs/client.ts'
import { openTestStore, type TestStoreOptions, withFolder } from '../store/open-store.ts'

/** A dataset in its parts. */
export type SubjectParts = Pick<OpenDataset, 'live' | 'snapshots' | 'fs' | 'reclaimer'>

function rootParts(store: Store): SubjectParts {
  const { dataset } = store
  const buffers = new ReadBuffers()
  const reclaimer = new Reclaimer(store, dataset, {
    failed: (content, error) => {
      throw new Error(`content ${content} cannot be freed`, { cause: error })
    },
  })
  const orphaned = (content: number) => reclaimer.add(content)
  const data = new FileData(store, dataset, { buffers, orphaned })
  const live = new Live(store, dataset, data, store.fsid(dataset.id))
  const snapshots = new Snapshots(store, dataset, () => data.settleAll())
  const fs = new SnapFileSystem(new LiveFileSystem(live), store, snapshots, buffers)
  return { live, snapshots, fs, reclaimer }
}

export class Subject {
  readonly store: Store
  readonly live: Live
  readonly snapshots: Snapshots
  readonly fs: SnapFileSystem
  readonly root: FileId
  readonly client: Client
  readonly reclaimer: Reclaimer

  /** @param parts those of the root dataset, put together anew, unless told otherwise */
  constructor(store: Store, parts = rootParts(store)) {
    this.store = store
    this.live = parts.live
    this.snapshots = parts.snapshots
    this.fs = parts.fs
    this.reclaimer = parts.reclaimer
    this.root = this.fs.root()
    this.client = new Client(this.fs, this.root)
  }

  /** Blocks with a reference. */
  get used(): number {
    return this.store.spaceMap.usedBlocks
  }

  /** Takes up what a crash or a stop has interrupted, orphans first. */
  async resume(): Promise<void> {
    const { database } = this.store
    const { dataset } = this.live
    for await (const { key } of database.scan(kindRange(dataset.id, Kind.ORPHAN))) {
      this.reclaimer.add(Number(parseKey(key).key))
    }
    this.reclaim()
    await this.snapshots.resume()
  }

  /** Frees what waits for it in the background. */
  reclaim(): void {
    while (this.reclaimer.step());
  }

  /** @param at paths relative to the root directory */
  restore(
    snapshot: string,
    at: string | readonly string[],
    more: Partial<RestoreRequest> = {},
    progress: (summary: unknown) => void = () => undefined,
  ): Promise<RestoreSummary> {
    const paths = [at].flat().map(bytes)
    const request = { snapshot, paths, to: undefined, overwrite: 'if-changed' as const, ...more }
    return new Restore(this.live, this.snapshots, request, progress).run()
  }

  rollback(
    snapshot: string,
    dryRun = false,
    progress: (progress: RollbackProgress) => void = () => undefined,
  ): Promise<RollbackSummary> {
    return new Rollback(this.live, this.snapshots, { snapshot, dryRun }, progress).run()
  }

  /** As a server that is stopped. */
  async close(): Promise<void> {
    this.reclaimer.stop()
    await this.snapshots.stop()
    if (this.store.failure === undefined) this.live.data.settleAll()
    await this.store.close()
  }
}

/** Opens a folder's store, with nothing resumed yet, and closes it whatever happens. */
export async function withOpened<T>(
  directory: string,
  body: (subject: Subject) => Promise<T>,
  options: TestStoreOptions = {},
): Promise<T> {
  const { store } = await openTestStore(directory, options)
  const subject = new Subject(store)
  try {
    return await body(subject)
  } finally {
    await subject.close()
  }
}

/** Runs one part after the other on one new folder, with a restart in between. */
export async function withRestarts(
  ...parts: readonly ((subject: Subject, directory: string) => Promise<void>)[]
): Promise<void> {
  await withFolder(async (directory) => {
    for (const part of parts) await withOpened(directory, (subject) => part(subject, directory))
  })
}

/**
 * Opens the folder as a crash at this moment would leave it. Nothing may be on its way to the disk
 * meanwhile: it is copied file by file.
 */
export async function afterCrash(
  directory: string,
  body: (subject: Subject) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const copy = join(folder, 'store')
    await cp(directory, copy, { recursive: true })
    await withOpened(copy, body)
  })
}

/** Bytes that fill blocks, different for each `seed`. */
export const blocks = (count: number, seed: number) =>
  new Uint8Array(count * BLOCK_BYTES).fill(seed)

/** Writes and stores a file, made where it is not there. */
export async function put(
  client: Client,
  path: string,
  offset: number,
  data: Uint8Array,
): Promise<void> {
  if (!client.has(path)) client.create(path)
  await client.write(path, offset, data)
  client.fs.commit(client.cred, client.id(path))
}

/** Blocks that deleting the snapshots together is said to free. */
export async function freedBy({ snapshots }: Subject, names: readonly string[]): Promise<number> {
  let told = 0
  await snapshots.measure([names.map((name) => snapshots.get(name))], (bytes) => {
    told = bytes / BLOCK_BYTES
  })
  return told
}

/** The real disk, with an eye on what goes to it. */
export class WatchedDisk implements Disk {
  /** How often files of blocks were read, and written. */
  reads = 0
  writes = 0
  /** Is called before each write to the intent log, which waits for it. */
  beforeCommit: () => Promise<void> = async () => undefined

  async open(path: string, options?: OpenOptions): Promise<DiskFile> {
    const file = await nodeDisk.open(path, options)
    return path.includes('/blocks/') ? this.#counting(file) : this.#waiting(file)
  }

  #counting(file: DiskFile): DiskFile {
    return {
      ...others(file),
      read: (into, position) => {
        this.reads++
        return file.read(into, position)
      },
      readSync: (into, position) => {
        this.reads++
        file.readSync(into, position)
      },
      write: (buffers, position) => {
        this.writes++
        return file.write(buffers, position)
      },
      writeSync: (buffers, position) => {
        this.writes++
        file.writeSync(buffers, position)
      },
    }
  }

  #waiting(file: DiskFile): DiskFile {
    return {
      ...others(file),
      write: async (buffers, position) => {
        await this.beforeCommit()
        await file.write(buffers, position)
      },
    }
  }

  syncDirectory(path: string): Promise<void> {
    return nodeDisk.syncDirectory(path)
  }

  space(path: string): { readonly total: number; readonly free: number } {
    return nodeDisk.space(path)
  }
}

function others(file: DiskFile): DiskFile {
  return {
    read: (into, position) => file.read(into, position),
    readSync: (into, position) => file.readSync(into, position),
    write: (buffers, position) => file.write(buffers, position),
    writeSync: (buffers, position) => file.writeSync(buffers, position),
    datasync: () => file.datasync(),
    truncate: (length) => file.truncate(length),
    size: () => file.size(),
    close: () => file.close(),
  }
}
