/** Snapshots of all datasets in memory, for tests of the control program and of the command line. */
import type { DeletionRequest, Freeing } from '../../src/control/operations.ts'
import type {
  DatasetSnapshot,
  RecursiveDeletion,
  RecursiveOperations,
  RecursiveSnapshot,
} from '../../src/control/recursive.ts'
import { FsError } from '../../src/fs/error.ts'

const created = { seconds: 1_763_842_445, nseconds: 5000 }

export class FakeRecursive implements RecursiveOperations {
  readonly names: () => readonly string[]
  snapshots: readonly DatasetSnapshot[] = []
  readonly deletions: DeletionRequest[] = []
  deletionSteps: readonly Freeing[] = []

  /** @param names those of the datasets */
  constructor(names: () => readonly string[]) {
    this.names = names
  }

  async create(name: string, comment: string, tags: readonly string[]): Promise<RecursiveSnapshot> {
    const there = this.snapshots.find((snapshot) => snapshot.name === name)
    if (there !== undefined) throw new FsError('EXIST', `in dataset '${there.dataset}': it exists`)
    const snapshots = this.names().map((dataset, i) => ({ dataset, id: 20 + i, name }))
    this.snapshots = [...this.snapshots, ...snapshots]
    return { name, created, comment, tags, snapshots }
  }

  /** Takes names alone. */
  async delete(
    request: DeletionRequest,
    progress: (progress: Freeing) => void,
  ): Promise<RecursiveDeletion> {
    const snapshots = this.snapshots.filter(({ name }) => request.words.includes(name))
    if (snapshots.length === 0) throw new FsError('NOENT', 'no dataset has such a snapshot')
    this.deletions.push(request)
    for (const step of this.deletionSteps) progress(step)
    if (request.dryRun) return { snapshots, bytes: 4096 }
    this.snapshots = this.snapshots.filter((one) => !snapshots.includes(one))
    return { snapshots, bytes: request.background ? 0 : 4096 }
  }
}
