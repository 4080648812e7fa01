/**
 * Decides whether a snapshot taken in the midst of work is a state that the tree really had: with
 * all operations that were answered before the snapshot was asked for, with none that was sent
 * after its answer, and of those between with such as could be done by one and the same instant.
 *
 * With `k` operations of a lane done, the instant lies behind the sending of the `k`th, and before
 * the answers of all later ones. The snapshot is right if there is one instant, between its own
 * sending and answer, that does for what it shows of every lane. That is linearizability (Herlihy
 * and Wing): an operation takes effect at an instant between its sending and its answer.
 */
import type { LaneHistory, Operation, Taken } from './history.ts'

/** How many operations of a lane may be done, by what the snapshot shows; and when that was so. */
interface Candidate {
  readonly done: number
  readonly after: number
  readonly before: number
}

/** @returns what is wrong with a snapshot; undefined where nothing is */
export function problemOf(lanes: readonly LaneHistory[], taken: Taken): string | undefined {
  const writer = writerOf(lanes, taken.last)
  if (writer === undefined && taken.last !== undefined) {
    return `${taken.name}: the shared name holds ${taken.last}, which nobody wrote`
  }
  const all = lanes.map((lane) => ({ lane, candidates: candidates(lane, taken.views) }))
  for (const { lane, candidates } of all) {
    if (candidates.length === 0) return neverSo(lane, taken)
  }
  for (let moment = taken.sent + 0.5; moment < taken.answered; moment++) {
    const fits = all.every((one) => one.candidates.some(at(one.lane, moment, writer)))
    if (fits) return undefined
  }
  return noInstant(all, taken)
}

/** How many operations were under way when a snapshot was asked for. */
export function concurrent(lanes: readonly LaneHistory[], taken: Taken): number {
  const all = lanes.flatMap(({ operations }) => operations)
  return all.filter(({ sent, answered }) => sent < taken.sent && answered > taken.sent).length
}

function writerOf(lanes: readonly LaneHistory[], last: string | undefined): Operation | undefined {
  if (last === undefined) return undefined
  return lanes.flatMap(({ operations }) => operations).find(({ put }) => put === last)
}

function candidates(lane: LaneHistory, views: ReadonlyMap<string, string>): Candidate[] {
  const view = views.get(lane.name)
  const found: Candidate[] = []
  let before = Number.POSITIVE_INFINITY
  for (let done = lane.operations.length; done >= 0; done--) {
    const after = lane.operations[done - 1]?.sent ?? 0
    if (lane.states[done] === view) found.unshift({ done, after, before })
    before = Math.min(before, lane.operations[done - 1]?.answered ?? before)
  }
  return found
}

/** Whether a moment is one at which so many operations of a lane may have been done. */
function at(lane: LaneHistory, moment: number, writer: Operation | undefined) {
  return ({ done, after, before }: Candidate): boolean => {
    if (moment <= after || moment >= before) return false
    const isDone = lane.operations.slice(0, done)
    if (writer !== undefined && lane.operations.includes(writer) && !isDone.includes(writer)) {
      return false
    }
    // What is there was not replaced before by what was sent only after its own answer.
    const since = writer?.answered ?? 0
    return !isDone.some(({ put, sent }) => put !== undefined && sent > since)
  }
}

const short = ({ what, sent, answered }: Operation): string => `${what} (${sent} to ${answered})`

/** A lane that shows what it showed at the end of no operation. */
function neverSo(lane: LaneHistory, { name, sent, views }: Taken): string {
  const first = lane.operations.findIndex(({ answered }) => answered > sent)
  const done = first === -1 ? lane.operations.length : first
  const [is, due] = [views.get(lane.name) ?? '', lane.states[done] ?? '']
  const last = lane.operations.slice(Math.max(0, done - 3), done + 5).map(short)
  return [
    `${name}: ${lane.name} shows what it never was; asked for at ${sent}`,
    ...[`operations around that: ${last.join(', ')}`, `after ${done} of them it was`, due],
    ...['and it is', is],
  ].join('\n')
}

/** Lanes that cannot have been as they are shown at one instant. */
function noInstant(
  all: readonly { readonly lane: LaneHistory; readonly candidates: readonly Candidate[] }[],
  { name, sent, answered, last }: Taken,
): string {
  const told = all.map(({ lane, candidates }) => {
    const when = candidates.map(
      ({ done, after, before }) => `${done} operations done, between ${after} and ${before}`,
    )
    return `${lane.name}: ${when.join('; or ')}`
  })
  const head = `${name}: no instant between ${sent} and ${answered} is that of all it shows`
  return [head, ...told, `the shared name: ${last}`].join('\n')
}
