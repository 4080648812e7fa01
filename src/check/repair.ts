/**
 * Repairs a store that nobody has open: what can be put right without guessing (repairs.ts).
 *
 * It is checked, what may be done is done, and it is checked again, until nothing is left to be
 * done: some things can be told only when others are right.
 */
import { join } from 'node:path'
import { Database } from '../store/database.ts'
import { closeStore, type OpenOptions, openStore } from '../store/open.ts'
import { checkStore } from './check.ts'
import type { Problems } from './problems.ts'
import { apply } from './repairs.ts'

/** An inode's counters first, then what adds them up; and many of a kind in several passes. */
const PASSES_MAX = 8

export interface RepairReport {
  /** What was found in the beginning, a sentence each. */
  readonly found: readonly string[]
  /** What was done. */
  readonly repaired: readonly string[]
  /** What is left, which nothing was done about. */
  readonly problems: readonly string[]
}

/**
 * @param progress is told what is done, a line at a time
 * @throws StoreError BUSY (a server, or a command, has it), FORMAT, MISSING, DAMAGED; FsError IO
 */
export async function repairStore(
  options: OpenOptions,
  progress: (done: string) => void,
): Promise<RepairReport> {
  let found: readonly string[] | undefined
  let problems: readonly string[] = []
  const repaired: string[] = []
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const checked = await checkOnce(options, progress)
    problems = checked.problems
    found ??= problems
    const done = await applyAll(options.directory, checked)
    if (done.length === 0) break
    repaired.push(...done)
  }
  return { found: found ?? [], repaired, problems }
}

interface Checked {
  readonly problems: readonly string[]
  readonly planned: Problems['repairs']
  /** What was done already when the store was closed. */
  readonly done: readonly string[]
}

async function checkOnce(options: OpenOptions, progress: (done: string) => void): Promise<Checked> {
  const { store } = await openStore(options)
  let planned: Problems['repairs'] = []
  try {
    const take = (problems: Problems): void => {
      planned = problems.repairs
    }
    const { problems } = await checkStore(store, progress, { found: take })
    const slots = store.replies.mend()
    const done = slots.map((slot) => `kept reply ${slot}, which cannot be read, was forgotten`)
    return { problems, planned, done }
  } finally {
    await closeStore(store)
  }
}

async function applyAll(directory: string, { planned, done }: Checked): Promise<readonly string[]> {
  if (planned.length === 0) return done
  const database = await Database.open(join(directory, 'meta'))
  try {
    return [...done, ...(await apply(database, planned))]
  } finally {
    await database.close()
  }
}
