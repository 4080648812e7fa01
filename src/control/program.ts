/**
 * The control program: Operations served over RPC, on the Unix socket in the data folder.
 *
 * Whoever may connect to the socket (mode 0600: the owner of the store, and root) may do
 * everything; on any other transport every call is refused.
 */
import assert from 'node:assert/strict'
import { FsError } from '../fs/error.ts'
import type { Procedure, Program } from '../rpc/program.ts'
import { type Codec, uint32, voidType } from '../xdr/codec.ts'
import { accountProcedures } from './accounts.ts'
import { backupProcedures } from './backup.ts'
import { datasetProcedures } from './datasets.ts'
import { historyProcedures } from './history-program.ts'
import { type AnswerIn, answerIn, findProcedure } from './in-dataset.ts'
import { type JobCount, Jobs, jobCount } from './jobs.ts'
import type { Operations } from './operations.ts'
import { recursiveProcedures } from './recursive.ts'
import { rollbackProcedures } from './rollback.ts'
import { scheduleProcedures } from './schedule-procedures.ts'
import { scrubProcedures } from './scrub.ts'
import { snapshotProcedures } from './snapshot-program.ts'
import * as wire from './types.ts'

/** Told of every error that is a bug of ours. It must not throw. */
type ReportBug = (error: unknown) => void

/** @param operations not closed here */
export function controlProgram(
  operations: Operations,
  reportBug: ReportBug = () => undefined,
): Program {
  const toError = (error: unknown) => {
    if (error instanceof FsError) return error
    reportBug(error)
    const message = error instanceof Error ? error.message : String(error)
    return new FsError('IO', `the server failed: ${message}`)
  }
  const answer: Answer = (args, results, run) => {
    return procedure(args, results, run, { toError, reportBug })
  }
  const inOne = answerIn(operations, answer)
  const count = jobCount()
  const table = joined([
    { [wire.CONTROLPROC.STATUS]: answer(voidType, wire.status, () => operations.status()) },
    findProcedure(inOne),
    fileProcedures(inOne),
    restoreProcedures(answer, inOne, count, toError),
    checkProcedures(operations, answer, count, toError),
    snapshotProcedures(answer, inOne, toError, count),
    datasetProcedures(operations.datasets, answer, count, toError),
    historyProcedures(answer, inOne),
    accountProcedures(answer, inOne, count, toError),
    recursiveProcedures(operations.recursive, answer, count, toError),
    backupProcedures(operations, answer, count, toError),
    scrubProcedures(operations, answer),
    rollbackProcedures(answer, inOne, count, toError),
    scheduleProcedures(answer, inOne, count, toError),
  ])
  const highest = Math.max(...Object.keys(table).map(Number))
  return {
    prog: wire.CONTROL_PROGRAM,
    vers: wire.CONTROL_VERSION,
    procedures: Array.from({ length: highest + 1 }, (_, number) => table[number]),
  }
}

/** What a call that failed is answered with. */
export type ToError = (error: unknown) => FsError
/** Procedures by number. */
export type Table = Record<number, Procedure<unknown>>
export type Answer = <A, R>(
  args: Codec<A>,
  results: Codec<R>,
  run: (args: A) => Promise<R>,
) => Procedure<A>

function joined(tables: readonly Table[]): Table {
  const numbers = tables.flatMap(Object.keys)
  assert.equal(new Set(numbers).size, numbers.length, 'each procedure has a number of its own')
  return Object.assign({}, ...tables)
}

function fileProcedures(answer: AnswerIn): Table {
  const { STAT, LIST, READ } = wire.CONTROLPROC
  return {
    [STAT]: answer(wire.statArgs, wire.entryInfo, (operations, { snapshot, path }) =>
      operations.stat(snapshot, path),
    ),
    [LIST]: answer(wire.listArgs, wire.listing, (operations, { snapshot, ino, after }) =>
      operations.list(snapshot, ino, after),
    ),
    [READ]: answer(wire.readArgs, wire.piece, (operations, { snapshot, ino, offset, count }) =>
      operations.read(snapshot, ino, offset, count),
    ),
  }
}

function restoreProcedures(
  answer: Answer,
  inOne: AnswerIn,
  count: JobCount,
  toError: ToError,
): Table {
  const { RESTORE, RESTORE_POLL } = wire.CONTROLPROC
  const restores = new Jobs<wire.RestoreProgress, wire.RestoreCounts, wire.RestoreItem>(
    count,
    toError,
  )
  return {
    [RESTORE]: inOne(wire.restoreRequest, uint32, async (operations, request) =>
      restores.start(async (report) => {
        const { failed, plan, ...value } = await operations.restore(request, report)
        return { value, items: [...failed, ...plan] }
      }),
    ),
    [RESTORE_POLL]: answer(wire.pollArgs, wire.restorePoll, (args) => restores.poll(args)),
  }
}

function checkProcedures(
  operations: Operations,
  answer: Answer,
  count: JobCount,
  toError: ToError,
): Table {
  const { CHECK, CHECK_POLL } = wire.CONTROLPROC
  const checks = new Jobs<string, wire.CheckCounts, string>(count, toError)
  return {
    [CHECK]: answer(voidType, uint32, async () =>
      checks.start(async (report) => {
        const { problems, ...value } = await operations.check(report)
        return { value, items: problems }
      }),
    ),
    [CHECK_POLL]: answer(wire.pollArgs, wire.checkPoll, (args) => checks.poll(args)),
  }
}

interface Errors {
  toError(error: unknown): FsError
  reportBug: ReportBug
}

function procedure<A, R>(
  args: Codec<A>,
  results: Codec<R>,
  run: (args: A) => Promise<R>,
  { toError, reportBug }: Errors,
): Procedure<A> {
  const codec = wire.result(results)
  const outcome = async (given: A): Promise<wire.Result<R>> => {
    try {
      return { ok: true, value: await run(given) }
    } catch (error) {
      return { ok: false, error: toError(error) }
    }
  }
  return {
    args,
    handle({ caller }, given, reply) {
      if (caller.transport !== 'unix') {
        reply.fail()
        return
      }
      outcome(given)
        .then((answer) => {
          codec.encode(reply.begin(), answer)
          reply.end()
        })
        .catch((error) => {
          reportBug(error)
          reply.fail()
        })
    },
  }
}
