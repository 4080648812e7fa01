/** Trees of many files, made and changed in process: what snapshots are measured on. */
import { tmpdir } from 'node:os'
import { type Cred, type FileId, StableHow } from '../src/fs/filesystem.ts'
import type { Disk } from '../src/store/disk.ts'
import { nodeDisk } from '../src/store/node-disk.ts'
import { Volume } from '../src/volume.ts'

export const ROOT: Cred = { uid: 0, gid: 0, gids: [] }
export const FILES_PER_DIRECTORY = 1000
const OPERATIONS_PER_FLUSH = 10_000

export const name = (text: string): Uint8Array => Buffer.from(text)
const report = (message: string, error: unknown): void => console.error(message, error)

/** Where a benchmark makes its stores, unless told otherwise. */
export const DEFAULT_DIR = tmpdir()

export function opened(directory: string, disk: Disk = nodeDisk): Promise<Volume> {
  return Volume.open({ directory, create: true, command: 'bench', report, disk })
}

export interface TreeShape {
  readonly files: number
  /** Bytes of each file. */
  readonly bytes: number
}

/** `d0/f0` to `d0/f999`, `d1/f1000` and so on. */
export async function makeTree(
  volume: Volume,
  { files, bytes }: TreeShape,
  top: FileId = volume.fs.root(),
): Promise<void> {
  const { fs, store } = volume
  let dir = top
  for (let i = 0; i < files; i++) {
    if (i % FILES_PER_DIRECTORY === 0) {
      dir = fs.mkdir(ROOT, top, name(`d${i / FILES_PER_DIRECTORY}`), { mode: 0o755 }).id
    }
    const how = { mode: 'GUARDED', attributes: { mode: 0o644 } } as const
    const { id } = fs.create(ROOT, dir, name(`f${i}`), how)
    if (bytes > 0) await put(volume, id, 0, bytes, i)
    if (i % OPERATIONS_PER_FLUSH === 0) await store.flush()
  }
  await store.flush()
}

/** Writes bytes that tell file and round apart, and makes them part of the next commit. */
export async function put(
  { fs }: Volume,
  id: FileId,
  offset: number,
  bytes: number,
  seed: number,
): Promise<void> {
  const data = Buffer.alloc(bytes, seed % 251)
  if (bytes >= 4) data.writeUInt32BE(seed >>> 0)
  await fs.write(ROOT, id, offset, data, StableHow.UNSTABLE)
  fs.commit(ROOT, id)
}

/** A file of the root directory, beside the tree. */
export function newFile({ fs }: Volume, named: string): FileId {
  const how = { mode: 'GUARDED', attributes: { mode: 0o644 } } as const
  return fs.create(ROOT, fs.root(), name(named), how).id
}

/** A file of the tree, by its number: its directory and its name. */
export function spotOf(
  { fs }: Volume,
  file: number,
  top: FileId = fs.root(),
): { dir: FileId; file: Uint8Array } {
  const at = name(`d${Math.floor(file / FILES_PER_DIRECTORY)}`)
  return { dir: fs.lookup(ROOT, top, at).id, file: name(`f${file}`) }
}

export function fileOf(volume: Volume, file: number): FileId {
  const { dir, file: named } = spotOf(volume, file)
  return volume.fs.lookup(ROOT, dir, named).id
}

/** So many files, all over the tree. */
export function* spread(files: number, changes: number): Generator<number> {
  const count = Math.min(files, changes)
  for (let i = 0; i < count; i++) yield Math.floor((i * files) / count)
}

/**
 * In turn: gone, renamed, other attributes, and a new one.
 *
 * @param offset which file of each group of neighbours: others can be changed later
 */
export async function changeNames(
  volume: Volume,
  files: number,
  changes: number,
  { offset = 0, top = volume.fs.root() } = {},
): Promise<void> {
  const { fs, store } = volume
  let i = 0
  for (const first of spread(files, changes)) {
    const file = first + offset
    const { dir, file: old } = spotOf(volume, file, top)
    if (i % 4 === 0) fs.remove(ROOT, dir, old)
    else if (i % 4 === 1) fs.rename(ROOT, dir, old, dir, name(`r${file}`))
    else if (i % 4 === 2) fs.setattr(ROOT, fs.lookup(ROOT, dir, old).id, { mode: 0o600 })
    else fs.create(ROOT, dir, name(`n${file}`), { mode: 'GUARDED', attributes: {} })
    i++
  }
  await store.flush()
}

/** 4 KiB into each of so many files. */
export async function changeData(
  volume: Volume,
  files: number,
  changes: number,
  seed: number,
): Promise<void> {
  let i = 0
  for (const file of spread(files, changes)) {
    await put(volume, fileOf(volume, file), 0, 4096, seed + file)
    if (++i % OPERATIONS_PER_FLUSH === 0) await volume.store.flush()
  }
  await volume.store.flush()
}
