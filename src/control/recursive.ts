/** Snapshots of all datasets together, and how they go over the control program. */
import { FsError } from '../fs/error.ts'
import type { Time } from '../fs/filesystem.ts'
import type { Freeing } from '../snapshot/delete.ts'
import { array, type Infer, struct, uint32, uint64 } from '../xdr/codec.ts'
import type { RemoteCalls } from './calls.ts'
import { type JobCount, Jobs } from './jobs.ts'
import type { DeletionRequest } from './operations.ts'
import type { Answer, Table, ToError } from './program.ts'
import { deletionRequest, SELECTION_MAX, snapshotNew, WORDS_MAX } from './snapshot-types.ts'
import { freeing, poll, pollArgs, snapshotName, text, time } from './types.ts'

/** One of the snapshots that were made, or are deleted, together. */
export interface DatasetSnapshot {
  /** Its dataset's name; empty for the root dataset. */
  readonly dataset: string
  readonly id: number
  readonly name: string
}

/** Snapshots of one name and one instant, of all datasets. */
export interface RecursiveSnapshot {
  readonly name: string
  readonly created: Time
  readonly comment: string
  readonly tags: readonly string[]
  /** The root dataset's first. */
  readonly snapshots: readonly DatasetSnapshot[]
}

export interface RecursiveDeletion {
  /** Dataset by dataset, oldest first. */
  readonly snapshots: readonly DatasetSnapshot[]
  /** Bytes that are free now, or would be; 0 where they are freed in the background. */
  readonly bytes: number
}

export interface RecursiveOperations {
  /** @throws FsError EXIST, INVAL (the name, the comment, a tag), NOSPC: none is made then */
  create(name: string, comment: string, tags: readonly string[]): Promise<RecursiveSnapshot>
  /**
   * @param request its words are looked for in every dataset
   * @throws FsError as Operations.deleteSnapshots: none is deleted then
   */
  delete(
    request: DeletionRequest,
    progress: (progress: Freeing) => void,
  ): Promise<RecursiveDeletion>
}

/** As many datasets as a store has, and more. */
const DATASETS_MAX = 4096

const item = struct({ dataset: snapshotName, id: uint64, name: snapshotName })
const made = struct({
  name: snapshotName,
  created: time,
  comment: text,
  tags: array(text, WORDS_MAX),
  snapshots: array(item, DATASETS_MAX),
})
const freed = struct({ bytes: uint64 })
const deletePoll = poll(freeing, freed, item)

/** The procedures' numbers, apart from those in types.ts. */
const [CREATE, DELETE, DELETE_POLL] = [70, 71, 72] as const

/** The procedures, by number. */
export function recursiveProcedures(
  recursive: RecursiveOperations,
  answer: Answer,
  count: JobCount,
  toError: ToError,
): Table {
  const deletions = new Jobs<Freeing, Infer<typeof freed>, DatasetSnapshot>(count, toError)
  return {
    [CREATE]: answer(snapshotNew, made, ({ name, comment, tags }) =>
      recursive.create(name, comment, tags),
    ),
    [DELETE]: answer(deletionRequest, uint32, async (request) =>
      deletions.start(async (report) => {
        const { snapshots, bytes } = await recursive.delete(request, report)
        return { value: { bytes }, items: snapshots }
      }),
    ),
    [DELETE_POLL]: answer(pollArgs, deletePoll, (args) => deletions.poll(args)),
  }
}

export class RemoteRecursive implements RecursiveOperations {
  readonly #calls: RemoteCalls

  constructor(calls: RemoteCalls) {
    this.#calls = calls
  }

  async create(name: string, comment: string, tags: readonly string[]): Promise<RecursiveSnapshot> {
    requireFew(tags, WORDS_MAX, 'tags')
    return this.#calls.call(CREATE, snapshotNew, { name, comment, tags }, made)
  }

  async delete(
    request: DeletionRequest,
    progress: (progress: Freeing) => void,
  ): Promise<RecursiveDeletion> {
    requireFew(request.words, SELECTION_MAX, 'snapshots or patterns')
    const job = await this.#calls.call(DELETE, deletionRequest, request, uint32)
    const { value, items } = await this.#calls.follow(DELETE_POLL, job, deletePoll, progress)
    return { snapshots: items, bytes: value.bytes }
  }
}

/** @throws FsError INVAL */
function requireFew(words: readonly string[], most: number, what: string): void {
  if (words.length > most) throw new FsError('INVAL', `give at most ${most} ${what} at a time`)
}
