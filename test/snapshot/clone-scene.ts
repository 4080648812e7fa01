/** What tests of clones have in common: volumes, files in datasets, whole trees read back. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Errno, FsError } from '../../src/fs/error.ts'
import { type FileId, FileType, StableHow } from '../../src/fs/filesystem.ts'
import type { OpenDataset } from '../../src/snapshot/open-dataset.ts'
import type { Disk } from '../../src/store/disk.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import { Volume } from '../../src/volume.ts'
import { assertSound } from '../check/assert-sound.ts'

export const ROOT = { uid: 0, gid: 0, gids: [] }
export const OWNER = { uid: 1000, gid: 100 }
export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

export async function inFolder(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'zerofs-clones-'))
  try {
    await body(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

export function openVolume(directory: string, disk: Disk = nodeDisk): Promise<Volume> {
  const report = (message: string, error: unknown) => {
    throw new Error(message, { cause: error })
  }
  return Volume.open({ directory, create: true, command: 'test', report, disk })
}

export async function open<T>(
  directory: string,
  body: (volume: Volume) => Promise<T>,
  disk: Disk = nodeDisk,
): Promise<T> {
  const volume = await openVolume(directory, disk)
  try {
    return await body(volume)
  } finally {
    await volume.close()
  }
}

export const withVolume = (body: (volume: Volume) => Promise<void>): Promise<void> =>
  inFolder((directory) => open(directory, body))

export async function sound({ store }: Volume): Promise<void> {
  await assertSound(store)
}

export const refusal = (promise: Promise<unknown>): Promise<FsError | undefined> =>
  promise.then(
    () => undefined,
    (error: unknown) => (error instanceof FsError ? error : undefined),
  )

export function code(body: () => unknown): Errno | undefined {
  try {
    body()
  } catch (error) {
    if (error instanceof FsError) return error.code
    throw error
  }
  return undefined
}

/** The file or directory of a path, from the dataset's root. */
export function at({ fs }: OpenDataset, path: string): FileId {
  let id = fs.root()
  for (const name of path.split('/')) {
    if (name !== '') id = fs.lookup(ROOT, id, bytes(name)).id
  }
  return id
}

const above = (path: string): [dir: string, name: Uint8Array] => {
  const slash = path.lastIndexOf('/')
  return [path.slice(0, Math.max(0, slash)), bytes(path.slice(slash + 1))]
}

export function mkdir(of: OpenDataset, path: string): void {
  const [dir, name] = above(path)
  of.fs.mkdir(ROOT, at(of, dir), name, {})
}

/** Makes a file, or writes into it. */
export function write(of: OpenDataset, path: string, data: Uint8Array, offset = 0): void {
  const [dir, name] = above(path)
  const how = { mode: 'UNCHECKED', attributes: {} } as const
  const { id } = of.fs.create(ROOT, at(of, dir), name, how)
  of.fs.write(ROOT, id, offset, data, StableHow.UNSTABLE)
}

export function truncate(of: OpenDataset, path: string, size: number): void {
  of.fs.setattr(ROOT, at(of, path), { size })
}

export function remove(of: OpenDataset, path: string): void {
  const [dir, name] = above(path)
  of.fs.remove(ROOT, at(of, dir), name)
}

export function rename(of: OpenDataset, from: string, to: string): void {
  const [fromDir, fromName] = above(from)
  const [toDir, toName] = above(to)
  of.fs.rename(ROOT, at(of, fromDir), fromName, at(of, toDir), toName)
}

export function link(of: OpenDataset, from: string, to: string): void {
  const [dir, name] = above(to)
  of.fs.link(ROOT, at(of, from), at(of, dir), name)
}

export function listing({ fs }: OpenDataset, dir: FileId): string[] {
  const names: string[] = []
  fs.readdir(ROOT, dir, 0, false, (entry) => {
    names.push(Buffer.from(entry.name).toString('latin1'))
    return true
  })
  return names.filter((one) => one !== '.' && one !== '..').sort()
}

export async function content({ fs }: OpenDataset, id: FileId): Promise<Buffer> {
  const { size } = fs.getattr(id)
  const parts: Buffer[] = []
  for (let offset = 0; offset < size; offset += 1_048_576) {
    const { data, release } = await fs.read(ROOT, id, offset, Math.min(1_048_576, size - offset))
    parts.push(Buffer.from(data))
    release?.()
  }
  return Buffer.concat(parts)
}

/** All of a tree: for each path its type, its links and its bytes. */
export async function treeOf(of: OpenDataset, root: FileId = of.fs.root()): Promise<string[]> {
  const found: string[] = []
  const walk = async (dir: FileId, path: string): Promise<void> => {
    for (const name of listing(of, dir)) {
      const { id, attributes } = of.fs.lookup(ROOT, dir, bytes(name))
      const told = `${path}/${name} ${attributes.mode.toString(8)} ${attributes.nlink}`
      if (attributes.type === FileType.DIR) {
        found.push(`${told} directory`)
        await walk(id, `${path}/${name}`)
      } else {
        const data = await content(of, id)
        found.push(`${told} ${data.length} ${data.toString('base64')}`)
      }
    }
  }
  await walk(root, '')
  return found
}

/** The tree of a snapshot, entered by way of `.snapshots`. */
export function snapshotTree(of: OpenDataset, name: string): Promise<string[]> {
  return treeOf(of, at(of, `.snapshots/${name}`))
}

/** Waits until what was removed is freed, and everything is in the database. */
export async function settled({ datasets, store }: Volume): Promise<void> {
  datasets.settleAll()
  const waits = () => datasets.all.some(({ reclaimer }) => reclaimer.pending > 0)
  while (waits()) await new Promise((resolve) => setTimeout(resolve, 1))
  await store.checkpoint()
}

/** Bytes that differ from block to block. */
export function data(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 12) * 31 + seed) & 0xff)
}

/** Removes all that is in a directory of a dataset. */
export function removeAll(of: OpenDataset, dir: FileId = of.fs.root()): void {
  for (const name of listing(of, dir)) {
    const { id, attributes } = of.fs.lookup(ROOT, dir, bytes(name))
    if (attributes.type !== FileType.DIR) {
      of.fs.remove(ROOT, dir, bytes(name))
      continue
    }
    removeAll(of, id)
    of.fs.rmdir(ROOT, dir, bytes(name))
  }
}
