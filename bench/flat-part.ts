/** What bench/flat.ts measures at one size. */
import { join } from 'node:path'
import { RemoteOperations } from '../src/control/client.ts'
import { FileHandles } from '../src/nfs/fhandle.ts'
import { Database } from '../src/store/database.ts'
import { keyBytes } from '../src/store/keys.ts'
import { decodeRecord } from '../src/store/record.ts'
import { superblockSpec } from '../src/store/tables.ts'
import { type BulkDirectory, type BulkTree, fileName, NAMES_PER_DIRECTORY } from './bulk.ts'
import { residentOf, startMeasured } from './flat-server.ts'
import { type Flooded, flood, type Operation, randomOf, type Target } from './flood.ts'
import { median } from './report.ts'

/** Files of some directories, for clients that work on a part of a large tree. */
export const WORKING_SET = 10_000
const SNAPSHOTS = 20
const SEED = 0x2545_f491

export interface Sized {
  readonly inodes: number
  readonly coldMs: number
  readonly warmMs: number
  readonly figures: Readonly<Record<string, Flooded>>
  /** Milliseconds, the median. */
  readonly snapshotMs: number
  /** Bytes. */
  readonly resident: { readonly now: number; readonly peak: number; readonly mapped: number }
}

export interface FlatOptions {
  readonly seconds: number
  readonly serve: readonly string[]
}

/** Handles as the server makes them. */
export async function handlesOf(data: string): Promise<FileHandles> {
  const database = await Database.open(join(data, 'meta'))
  try {
    const record = database.get(Buffer.from(keyBytes(0, superblockSpec.kind, 0)))
    if (record === undefined) throw new Error('the store has no superblock')
    return new FileHandles(decodeRecord(superblockSpec.codec, record).value.handleKey)
  } finally {
    await database.close()
  }
}

/** Which files of a tree are asked for, by random. */
export class Targets {
  readonly #handles: FileHandles
  readonly #tree: BulkTree
  readonly #random = randomOf(SEED)
  readonly #few: readonly (readonly [directory: number, file: number])[]
  #made = 0

  constructor(handles: FileHandles, tree: BulkTree) {
    this.#handles = handles
    this.#tree = tree
    const few = Array.from({ length: WORKING_SET / NAMES_PER_DIRECTORY }, () => this.#any()[0])
    this.#few = few.flatMap((directory) => {
      const { files } = this.#directory(directory)
      return Array.from({ length: files }, (_, file) => [directory, file] as const)
    })
  }

  #any(): readonly [directory: number, file: number] {
    const directory = this.#random(this.#tree.directories.length - 2)
    return [directory, this.#random(this.#directory(directory).files)]
  }

  #directory(index: number): BulkDirectory {
    const directory = this.#tree.directories.at(index)
    if (directory === undefined) throw new Error(`there is no directory ${index}`)
    return directory
  }

  #handle(ino: number): Uint8Array {
    const { generation } = this.#tree
    return this.#handles.encode({ dataset: 1, snapshot: 0, snapdir: false, ino, generation })
  }

  /** @param all whether of all files or of the few */
  of(operation: 'getattr' | 'lookup', all: boolean): () => Target {
    const pick = () => (all ? undefined : this.#few[this.#random(this.#few.length)]) ?? this.#any()
    return () => {
      const [at, file] = pick()
      const { ino, firstFile } = this.#directory(at)
      if (operation === 'getattr') return { handle: this.#handle(firstFile + file) }
      return { handle: this.#handle(ino), name: fileName(file) }
    }
  }

  /** New names. @param directory the last but one is empty, the last one wide */
  fresh(directory: -1 | -2): () => Target {
    const handle = this.#handle(this.#directory(directory).ino)
    const run = Date.now().toString(36)
    return () => ({ handle, name: `${run}-${this.#made++}` })
  }
}

/** @param cold whether the store has been taken out of the page cache */
export async function measureSize(
  data: string,
  tree: BulkTree,
  { seconds, serve }: FlatOptions,
  dropCache: () => void,
): Promise<Sized> {
  const targets = new Targets(await handlesOf(data), tree)
  dropCache()
  const first = await startMeasured(data, serve)
  await first.stop()
  const server = await startMeasured(data, serve)
  try {
    const figures: Record<string, Flooded> = {}
    const run = async (name: string, operation: Operation, next: () => Target) => {
      console.error(`${tree.inodes} inodes: ${name}`)
      const load = { connections: 4, inFlight: 16, seconds }
      figures[name] = await flood({ ...server, ...load, operation, next })
      console.error(figures[name], residentOf(server.pid))
    }
    for (const operation of ['getattr', 'lookup'] as const) {
      await run(`${operation} of ${WORKING_SET} files`, operation, targets.of(operation, false))
      await run(`${operation} of all files`, operation, targets.of(operation, true))
    }
    await run('create in the empty directory', 'create', targets.fresh(-2))
    await run('create in the wide directory', 'create', targets.fresh(-1))
    const snapshotMs = await snapshots(data)
    const resident = residentOf(server.pid)
    const { readyMs: warmMs } = server
    return { inodes: tree.inodes, coldMs: first.readyMs, warmMs, figures, snapshotMs, resident }
  } finally {
    await server.stop()
  }
}

/** Making one, by the control socket. */
async function snapshots(data: string): Promise<number> {
  const operations = await RemoteOperations.connect(data)
  try {
    const times: number[] = []
    for (let i = 0; i < SNAPSHOTS; i++) {
      const started = performance.now()
      await operations.createSnapshot(`flat-${started}`)
      times.push(performance.now() - started)
    }
    return median(times)
  } finally {
    await operations.close()
  }
}
