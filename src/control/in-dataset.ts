/**
 * Calls about one dataset: its name goes ahead of what the procedure takes.
 *
 *     in_dataset<A>   dataset string | given A
 *
 * Whoever polls a job, or asks for the next page of a list, names none: that was begun in one.
 */
import type { Procedure } from '../rpc/program.ts'
import { type Codec, voidType } from '../xdr/codec.ts'
import type { RemoteCalls } from './calls.ts'
import type { Operations } from './operations.ts'
import type { Answer, Table } from './program.ts'
import type { StreamPage } from './streams.ts'
import { type Poll, snapshotName } from './types.ts'

/** Asks for nothing but whether there is such a dataset. */
export const DATASET_FIND = 79

interface InDataset<A> {
  /** Empty for the root dataset. */
  readonly dataset: string
  readonly given: A
}

export function inDataset<A>(given: Codec<A>): Codec<InDataset<A>> {
  return {
    encode(w, value) {
      snapshotName.encode(w, value.dataset)
      given.encode(w, value.given)
    },
    decode: (r) => ({ dataset: snapshotName.decode(r), given: given.decode(r) }),
  }
}

/** As Answer, and what runs is told the operations of the dataset that the call names. */
export type AnswerIn = <A, R>(
  args: Codec<A>,
  results: Codec<R>,
  run: (operations: Operations, args: A) => Promise<R>,
) => Procedure<InDataset<A>>

/** @param operations of any dataset of the store */
export function answerIn(operations: Operations, answer: Answer): AnswerIn {
  return (args, results, run) =>
    answer(inDataset(args), results, async ({ dataset, given }) =>
      run(await operations.in(dataset), given),
    )
}

export function findProcedure(answer: AnswerIn): Table {
  return { [DATASET_FIND]: answer(voidType, voidType, async () => undefined) }
}

/** The calls of one dataset, over a connection that others share. */
export class DatasetCalls {
  readonly dataset: string
  readonly #calls: RemoteCalls

  constructor(calls: RemoteCalls, dataset: string) {
    this.#calls = calls
    this.dataset = dataset
  }

  call<A, R>(proc: number, args: Codec<A>, given: A, results: Codec<R>): Promise<R> {
    const { dataset } = this
    return this.#calls.call(proc, inDataset(args), { dataset, given }, results)
  }

  /** As RemoteCalls.follow. */
  follow<P, R, I>(
    proc: number,
    job: number,
    poll: Codec<Poll<P, R, I>>,
    report: (progress: P) => void,
  ): Promise<{ readonly value: R; readonly items: readonly I[] }> {
    return this.#calls.follow(proc, job, poll, report)
  }

  /** As RemoteCalls.stream. */
  stream<A, T>(
    proc: number,
    args: Codec<A>,
    given: A,
    next: number,
    page: Codec<StreamPage<T>>,
  ): AsyncGenerator<T> {
    const { dataset } = this
    return this.#calls.stream(proc, inDataset(args), { dataset, given }, next, page)
  }
}
