import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  common,
  difference,
  pieces,
  type Span,
  Tally,
  union,
  without,
} from '../../src/check/spans.ts'
import { LIVE, Timeline } from '../../src/check/timeline.ts'
import { Random } from '../model/random.ts'

const test = suite('check/spans')

const STATES = 12
const s = (from: number, to: number): Span => ({ from, to })
const states = (spans: readonly Span[]): number[] =>
  Array.from({ length: STATES }, (_, i) => i).filter((i) =>
    spans.some(({ from, to }) => from <= i && i < to),
  )

test('a list of spans is in order, and its spans neither overlap nor touch', () => {
  assert.equal(union([s(5, 7), s(0, 2), s(2, 3), s(6, 9), s(4, 4)]), [s(0, 3), s(5, 9)])
  assert.equal(union([s(3, 3)]), [])
})

test('sets of spans are what sets of states are', () => {
  const random = new Random(1)
  const some = (): Span[] =>
    Array.from({ length: random.below(4) }, () => s(random.below(STATES), random.below(STATES)))
  for (let i = 0; i < 500; i++) {
    const [a, b] = [union(some()), union(some())]
    const [inA, inB] = [states(a), states(b)]
    assert.equal(
      states(common(a, b)),
      inA.filter((state) => inB.includes(state)),
    )
    assert.equal(
      states(without(a, b)),
      inA.filter((state) => !inB.includes(state)),
    )
    const one = inA.filter((state) => !inB.includes(state))
    const other = inB.filter((state) => !inA.includes(state))
    assert.equal(
      states(difference(a, b)),
      [...one, ...other].sort((x, y) => x - y),
    )
    assert.equal(union([...a, ...b]), union(pieces([...a, ...b])))
  }
})

test('what is taken away may come in many pieces: a file that went and came back', () => {
  const often = Array.from({ length: 60 }, (_, i) => s(2 * i, 2 * i + 1))
  assert.equal(without([s(10, 11)], often), [])
  assert.equal(without([s(0, 120)], often).length, 60)
})

test('pieces end wherever a span begins or ends', () => {
  assert.equal(pieces([s(0, 5), s(2, 3), s(8, 9)]), [s(0, 2), s(2, 3), s(3, 5), s(8, 9)])
  assert.equal(pieces([s(4, 4)]), [])
  assert.equal(pieces([]), [])
})

test('a tally tells each state its sum', () => {
  const tally = new Tally()
  tally.add(s(0, 4), 1)
  tally.add(s(2, 6), 2)
  tally.add(s(4, 4), 9)
  assert.equal(tally.within(s(1, 7)), [
    { span: s(1, 2), count: 1 },
    { span: s(2, 4), count: 3 },
    { span: s(4, 6), count: 2 },
    { span: s(6, 7), count: 0 },
  ])
  assert.equal(tally.within(s(2, 3)), [{ span: s(2, 3), count: 3 }])
  assert.equal(new Tally().within(s(0, 2)), [{ span: s(0, 2), count: 0 }])
})

test('a version is seen by the snapshots between its birth and its end, not by deleted ones', () => {
  const created = { seconds: 0, nseconds: 0 }
  const referenced = { bytes: 0, inodes: 0 }
  const snapshot = (name: string, epoch: number, deleting = false) => ({
    ...{ dataset: 1, name, epoch, deleting, created, referenced },
    ...{ comment: '', tags: [], holds: [] },
  })
  const timeline = new Timeline([snapshot('c', 7), snapshot('a', 2), snapshot('b', 5, true)])
  assert.is(timeline.live, 2)
  assert.equal(timeline.span(1, LIVE), s(0, 3))
  assert.equal(timeline.span(3, LIVE), s(1, 3))
  assert.equal(timeline.span(8, LIVE), s(2, 3))
  assert.equal(timeline.span(1, 2), s(0, 0))
  assert.equal(timeline.span(2, 3), s(0, 1))
  assert.equal(
    [timeline.isKept(4, 6), timeline.isKept(3, 5), timeline.isKept(3, 8)],
    [...[true, false, true]],
  )
  assert.equal(
    [s(0, 3), s(2, 3), s(0, 2), s(1, 2)].map((span) => timeline.place(span)),
    [', also in 2 snapshots', '', " in snapshot 'a' and 1 later one", " in snapshot 'c'"],
  )
})

test.run()
