/** What a worker does: one operation after the other, chosen by his random numbers. */
import { FileType, StableHow } from '../../src/fs/filesystem.ts'
import { type Entry, newNode, ROOT_NODE } from './tree.ts'
import type { Worker } from './worker.ts'

/** From so many names on a worker rather removes one. */
const NAMES_MAX = 32
/** Names are few, so that they come again. */
const NAMES = 24
const FILE_BYTES_MAX = 2_000_000
const DEPTH_MAX = 4

type Operation = (worker: Worker) => Promise<void>

/** A name that is free in a directory; undefined where chance found none. */
function place(worker: Worker): { dir: number; name: string } | undefined {
  const { random, tree } = worker
  const dir = random.pick(worker.directories)
  const name = `n${random.below(NAMES)}`
  return tree.node(dir).names.has(name) ? undefined : { dir, name }
}

function depth(worker: Worker, dir: number): number {
  return dir === ROOT_NODE ? 1 : worker.tree.path(dir).split('/').length + 1
}

function someFile(worker: Worker): Entry | undefined {
  const { files } = worker
  return files.length === 0 ? undefined : worker.random.pick(files)
}

async function create(worker: Worker): Promise<void> {
  const at = place(worker)
  if (at === undefined) return
  const mode = worker.random.pick([0o644, 0o600, 0o755])
  const how = worker.random.pick(['UNCHECKED', 'GUARDED', 'EXCLUSIVE'] as const)
  const where = worker.where(at)
  if (how !== 'EXCLUSIVE') {
    const node = newNode(FileType.REG, { mode })
    await worker.make(at, node, () =>
      worker.nfs.create({ where, how: { mode: how, attributes: { mode } } }),
    )
    return
  }
  const verifier = worker.random.bytes(8)
  const node = newNode(FileType.REG, { mode: EXCLUSIVE_MODE })
  await worker.make(at, node, () => worker.nfs.create({ where, how: { mode: how, verifier } }))
}
/** What a file has whose creation could carry no attributes. */
const EXCLUSIVE_MODE = 0

async function mkdir(worker: Worker): Promise<void> {
  const at = place(worker)
  if (at === undefined || depth(worker, at.dir) > DEPTH_MAX) return
  const mode = 0o750
  const where = worker.where(at)
  const node = newNode(FileType.DIR, { mode })
  await worker.make(at, node, () => worker.nfs.mkdir({ where, attributes: { mode } }))
}

async function symlink(worker: Worker): Promise<void> {
  const at = place(worker)
  if (at === undefined) return
  const target = `to/${'x'.repeat(worker.random.below(300))}${worker.random.uint32()}`
  const data = { symlink_attributes: {}, symlink_data: Buffer.from(target) }
  const node = newNode(FileType.LNK, { mode: 0o777, target })
  const where = worker.where(at)
  await worker.make(at, node, () => worker.nfs.symlink({ where, symlink: data }))
}

async function link(worker: Worker): Promise<void> {
  const file = someFile(worker)
  const at = place(worker)
  if (at === undefined || file === undefined) return
  const args = { file: worker.handle(file.id), link: worker.where(at) }
  await worker.ask(
    (tree) => tree.name(at.dir, at.name, file.id),
    () => worker.nfs.link(args),
  )
}

async function rename(worker: Worker): Promise<void> {
  const { random, tree } = worker
  const entries = tree.entries()
  if (entries.length === 0) return
  const from = random.pick(entries)
  const dir = random.pick(worker.directories)
  const name = `n${random.below(NAMES)}`
  const directory = tree.node(from.id).type === FileType.DIR
  if (directory && (tree.within(from.id, dir) || depth(worker, dir) > DEPTH_MAX)) return
  const target = tree.node(dir).names.get(name)
  if (target !== undefined && !replaceable(worker, directory, target)) return
  const last = target !== undefined && target !== from.id && tree.links(target) === 1
  await worker.ask(
    (after) => after.rename(from, dir, name),
    () => worker.nfs.rename({ from: worker.where(from), to: worker.where({ dir, name }) }),
  )
  if (last) worker.forget(target)
}

function replaceable({ tree }: Worker, byDirectory: boolean, id: number): boolean {
  const { type, names } = tree.node(id)
  return byDirectory ? type === FileType.DIR && names.size === 0 : type !== FileType.DIR
}

export async function remove(worker: Worker): Promise<void> {
  const { tree, random } = worker
  const files = tree.entries().filter(({ id }) => tree.node(id).type !== FileType.DIR)
  if (files.length === 0) return
  const entry = random.pick(files)
  await worker.take(entry, () => worker.nfs.remove({ object: worker.where(entry) }))
}

async function rmdir(worker: Worker): Promise<void> {
  const { tree, random } = worker
  const empty = tree.entries().filter(({ id }) => replaceable(worker, true, id))
  if (empty.length === 0) return
  const entry = random.pick(empty)
  await worker.take(entry, () => worker.nfs.rmdir({ object: worker.where(entry) }))
}

async function chmod(worker: Worker): Promise<void> {
  const { tree, random } = worker
  const entries = tree.entries().filter(({ id }) => tree.node(id).type !== FileType.LNK)
  if (entries.length === 0) return
  const { id } = random.pick(entries)
  const mode = 0o500 + random.below(64)
  // Whatever a SETATTR changes, it stores the file's data too.
  const count = tree.node(id).edits.length
  const args = { object: worker.handle(id), new_attributes: { mode }, guard: undefined }
  await worker.ask(
    (after) => after.change(id, { mode }),
    () => worker.nfs.setattr(args),
  )
  tree.settle(id, count)
}

async function utimes(worker: Worker): Promise<void> {
  const file = someFile(worker)
  if (file === undefined) return
  const { id } = file
  const mtime = { seconds: 1_000_000_000 + worker.random.below(1e6), nseconds: 7 }
  const count = worker.tree.node(id).edits.length
  const args = { object: worker.handle(id), new_attributes: { mtime }, guard: undefined }
  await worker.ask(
    (after) => {
      after.settle(id, count)
      after.change(id, { mtime })
    },
    () => worker.nfs.setattr(args),
  )
}

async function truncate(worker: Worker): Promise<void> {
  const file = someFile(worker)
  if (file === undefined) return
  const most = worker.random.pick([1, 2000, 20_000, 200_000, FILE_BYTES_MAX])
  await worker.resize(file.id, worker.random.below(most))
}

/** Where a write goes, and how much it is: inline, within blocks, too much for a log entry. */
function extent(worker: Worker): { offset: number; length: number } {
  const { random } = worker
  const [offsets, lengths] = random.pick([
    [1, 2000],
    [2000, 500],
    [20_000, 9000],
    [65_536, 16_384],
    [131_072, 40_000],
    [300_000, 150_000],
    [1_300_000, 600_000],
  ] as const)
  const aligned = random.oneIn(3) ? 4096 : 1
  const offset = Math.floor(random.below(offsets) / aligned) * aligned
  return {
    offset,
    length: Math.max(aligned, Math.floor(random.below(lengths) / aligned) * aligned),
  }
}

/** Some WRITEs, none of which waits for the one before, and mostly a COMMIT behind them. */
async function writeUnstable(worker: Worker): Promise<void> {
  const file = someFile(worker)
  if (file === undefined) return
  const sent: Promise<void>[] = []
  for (let left = 1 + worker.random.below(5); left > 0; left--) {
    const { offset, length } = extent(worker)
    sent.push(worker.write(file.id, offset, worker.bytes(length), StableHow.UNSTABLE))
  }
  if (!worker.random.oneIn(3)) sent.push(worker.commit(file.id))
  for (const { reason } of (await Promise.allSettled(sent)).filter(isFailure)) throw reason
}

const isFailure = (one: PromiseSettledResult<void>): one is PromiseRejectedResult =>
  one.status === 'rejected'

async function writeStable(worker: Worker): Promise<void> {
  const file = someFile(worker)
  if (file === undefined) return
  const { offset, length } = extent(worker)
  const stable = worker.random.pick([StableHow.FILE_SYNC, StableHow.FILE_SYNC, StableHow.DATA_SYNC])
  await worker.write(file.id, offset, worker.bytes(length), stable)
}

async function commit(worker: Worker): Promise<void> {
  const file = someFile(worker)
  if (file !== undefined) await worker.commit(file.id)
}

async function read(worker: Worker): Promise<void> {
  const file = someFile(worker)
  if (file !== undefined) await worker.verify(file.id)
}

const OPERATIONS: readonly (readonly [weight: number, operation: Operation])[] = [
  [12, create],
  [4, mkdir],
  [4, symlink],
  [5, link],
  [10, rename],
  [8, remove],
  [3, rmdir],
  [4, chmod],
  [3, utimes],
  [8, truncate],
  [20, writeUnstable],
  [14, writeStable],
  [4, commit],
  [6, read],
]
const TOTAL = OPERATIONS.reduce((sum, [weight]) => sum + weight, 0)

export async function workOnce(worker: Worker): Promise<void> {
  if (worker.tree.entries().length > NAMES_MAX) {
    return worker.random.oneIn(4) ? rmdir(worker) : remove(worker)
  }
  let at = worker.random.below(TOTAL)
  for (const [weight, operation] of OPERATIONS) {
    at -= weight
    if (at < 0) return operation(worker)
  }
}
