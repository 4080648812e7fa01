/** A worker's restores from snapshots, of single files and of trees. */
import { FileType } from '../../src/fs/filesystem.ts'
import type { Found } from './expect.ts'
import { type History, isNoSpace } from './history.ts'
import { NfsError } from './nfs.ts'
import { type Entry, newNode, ROOT_NODE } from './tree.ts'
import type { Worker } from './worker.ts'

/** Where trees are restored to: a directory of a worker's home. */
const RESTORED = 'restored'

/** A path as a snapshot has it; undefined where it is not in it, or the snapshot is gone. */
async function past(worker: Worker, history: History, name: string, path: string) {
  try {
    const { nfs } = worker
    const handle = await nfs.walk(history.root, `.snapshots/${name}/${worker.home}/${path}`)
    return await nfs.look(handle)
  } catch (error) {
    if (error instanceof NfsError && /NOENT|NOTDIR|STALE/.test(error.status)) return undefined
    throw error
  }
}

function sameKind(worker: Worker, { id }: Entry, found: Found): boolean {
  const { type } = worker.tree.node(id)
  return type === FileType.REG && found.attributes.type === FileType.REG
}

/** Puts a file back as it was, in its place or beside it. */
export async function restoreFile(worker: Worker, history: History): Promise<void> {
  const { files, random, home } = worker
  const { names } = history
  if (files.length === 0 || names.length === 0) return
  const file = random.pick(files)
  const snapshot = random.pick(names)
  const path = worker.tree.path(file.id)
  const found = await past(worker, history, snapshot, path)
  if (found === undefined || !sameKind(worker, file, found)) return
  const { data, attributes } = found
  if (typeof data === 'string') throw new Error(`${path} of ${snapshot} cannot be read: ${data}`)
  const { mode, mtime } = attributes
  const body = { mode, mtime, stable: data, edits: [] }
  if (worker.tree.links(file.id) === 1 && random.oneIn(2)) {
    worker.pending = (tree) => tree.change(file.id, body)
    if (await history.restore(snapshot, `${home}/${path}`)) worker.pending(worker.tree)
    worker.pending = undefined
    return
  }
  const name = `r${random.below(4)}`
  if (worker.tree.node(ROOT_NODE).names.has(name)) return
  const id = worker.tree.newNumber()
  worker.pending = (tree) => tree.add(ROOT_NODE, name, id, newNode(FileType.REG, body))
  if (await history.restore(snapshot, `${home}/${path}`, `${home}/${name}`)) {
    worker.pending(worker.tree)
    const handle = await worker.nfs.walk(worker.handle(ROOT_NODE), name)
    worker.handles.set(id, Buffer.from(handle).toString('hex'))
  }
  worker.pending = undefined
}

/** Brings a directory of a snapshot back, beside what is there. */
export async function restoreTree(worker: Worker, history: History): Promise<void> {
  const { random, tree } = worker
  const { names } = history
  const directories = worker.directories.filter((id) => id !== ROOT_NODE)
  if (directories.length === 0 || names.length === 0) return
  if (tree.node(ROOT_NODE).names.has(RESTORED)) return removeRestored(worker)
  const path = tree.path(random.pick(directories))
  const snapshot = random.pick(names)
  if ((await past(worker, history, snapshot, path)) === undefined) return
  const at = { dir: ROOT_NODE, name: RESTORED }
  const attributes = { mode: 0o755 }
  const node = newNode(FileType.DIR, { ...attributes })
  const where = worker.where(at)
  const id = await worker.make(at, node, () => worker.nfs.mkdir({ where, attributes }))
  worker.tree.change(id, { unknown: true })
  worker.restoring = { snapshot, path, id }
  await finishRestore(worker, history)
}

/** Does the worker's restore, or does it again where it was interrupted. */
export async function finishRestore(worker: Worker, history: History): Promise<void> {
  const { restoring, home } = worker
  if (restoring === undefined) return
  const { snapshot, path, id } = restoring
  const before = await worker.nfs.look(worker.handle(id))
  const wanted = await past(worker, history, snapshot, path)
  const name = path.slice(path.lastIndexOf('/') + 1)
  let done = false
  if (wanted !== undefined) {
    // What an interrupted restore has brought back is whole, file by file.
    const partial = before.names.get(name)
    if (partial !== undefined) expectPart(`${home}/${RESTORED}/${name}`, partial, wanted)
    done = await history
      .restore(snapshot, `${home}/${path}`, `${home}/${RESTORED}`)
      .catch((error: unknown) => {
        if (isNoSpace(error)) return false
        throw error
      })
  }
  const after = await worker.nfs.look(worker.handle(id))
  const restored = after.names.get(name)
  if (done && wanted !== undefined && restored !== undefined) {
    expectPart(`${home}/${RESTORED}/${name}`, wanted, restored)
    expectPart(`${home}/${RESTORED}/${name}`, restored, wanted)
  }
  worker.tree.change(id, { unknown: false })
  for (const [child, found] of after.names) worker.import(id, child, found)
  worker.restoring = undefined
}

/** Every name of `part` is in `whole` too, as the same file. */
function expectPart(path: string, part: Found, whole: Found): void {
  const { type, mode, size, mtime } = part.attributes
  const same =
    type === whole.attributes.type &&
    (type === FileType.DIR ||
      (mode === whole.attributes.mode &&
        size === whole.attributes.size &&
        mtime.seconds === whole.attributes.mtime.seconds &&
        mtime.nseconds === whole.attributes.mtime.nseconds))
  if (!same || part.target !== whole.target) throw new Error(`${path} came back as something else`)
  if (!sameData(part.data, whole.data)) throw new Error(`${path} came back with other data`)
  for (const [name, child] of part.names) {
    const other = whole.names.get(name)
    if (other === undefined) throw new Error(`${path}/${name} is on one side only`)
    expectPart(`${path}/${name}`, child, other)
  }
}

function sameData(a: Uint8Array | string, b: Uint8Array | string): boolean {
  if (typeof a === 'string' || typeof b === 'string') return false
  return Buffer.compare(a, b) === 0
}

/** Takes what was restored away again: all its names, the deepest first. */
async function removeRestored(worker: Worker): Promise<void> {
  const { tree } = worker
  const top = tree.entries().find(({ dir, name }) => dir === ROOT_NODE && name === RESTORED)
  if (top === undefined) return
  for (const entry of [...tree.entries(top.id).reverse(), top]) {
    const object = worker.where(entry)
    const directory = worker.tree.node(entry.id).type === FileType.DIR
    await worker.take(entry, () =>
      directory ? worker.nfs.rmdir({ object }) : worker.nfs.remove({ object }),
    )
  }
}
