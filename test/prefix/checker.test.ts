import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { concurrent, problemOf } from './checker.ts'
import { type LaneHistory, Moments, Recorder, type Taken } from './history.ts'

const test = suite('prefix: the checker')

/** `sent`-`answered` of each operation, whose states are a, b, c ...; `!x` puts x. */
function lane(name: string, ...operations: readonly string[]): LaneHistory {
  const states = ['', ...operations.map((_, i) => String.fromCharCode(97 + i))]
  return {
    ...{ name, states },
    operations: operations.map((text, i) => {
      const [times = '', put] = text.split('!')
      const [sent = 0, answered = 0] = times.split('-').map(Number)
      return { what: `${name}${i + 1}`, sent, answered, put }
    }),
  }
}

/** A snapshot that shows each lane as `views` says, in order. */
function taken(lanes: readonly LaneHistory[], times: string, views: string, last?: string): Taken {
  const [sent = 0, answered = 0] = times.split('-').map(Number)
  const shown = views.split(',')
  const all = new Map(lanes.map(({ name }, i) => [name, shown[i] ?? '']))
  return { name: 'one', sent, answered, views: all, last }
}

function right(lanes: readonly LaneHistory[], snapshot: Taken): void {
  assert.is(problemOf(lanes, snapshot), undefined)
}

function wrong(lanes: readonly LaneHistory[], snapshot: Taken, why: RegExp): void {
  assert.match(problemOf(lanes, snapshot) ?? 'nothing is wrong', why)
}

test('what was answered before is in it, what was sent after is not, what was under way may be', () => {
  const lanes = [lane('x', '1-2', '3-10', '11-12')]
  right(lanes, taken(lanes, '5-8', 'a'))
  right(lanes, taken(lanes, '5-8', 'b'))
  wrong(lanes, taken(lanes, '5-8', ''), /no instant between 5 and 8/)
  wrong(lanes, taken(lanes, '5-8', 'c'), /no instant between 5 and 8/)
  wrong(lanes, taken(lanes, '5-8', 'something else'), /x shows what it never was/)
})

test('an operation that was sent while the snapshot was made may be in it', () => {
  const lanes = [lane('x', '1-2', '6-7', '8-9')]
  right(lanes, taken(lanes, '5-10', 'a'))
  right(lanes, taken(lanes, '5-10', 'c'))
  wrong(lanes, taken(lanes, '5-10', ''), /no instant/)
})

test('two lanes are seen at one instant: B only with A, if B was sent after the answer to A', () => {
  const lanes = [lane('x', '2-4'), lane('y', '5-7')]
  right(lanes, taken(lanes, '1-9', ','))
  right(lanes, taken(lanes, '1-9', 'a,'))
  right(lanes, taken(lanes, '1-9', 'a,a'))
  wrong(lanes, taken(lanes, '1-9', ',a'), /no instant between 1 and 9/)
})

test('operations at the same time may be seen in any order', () => {
  const lanes = [lane('x', '2-6'), lane('y', '3-7')]
  for (const views of [',', 'a,', ',a', 'a,a']) right(lanes, taken(lanes, '1-9', views))
})

test('each pair of lanes can be right without an instant that is right for three', () => {
  const lanes = [lane('x', '2-8'), lane('y', '4-5'), lane('z', '6-7')]
  right(lanes, taken(lanes, '1-9', 'a,a,'))
  wrong(lanes, taken(lanes, '1-9', 'a,,a'), /no instant/)
  wrong(lanes, taken(lanes, '1-9', ',,a'), /no instant/)
})

test('of several under way in one lane, a later one is never there without an earlier one', () => {
  // The second is answered first: with it the first one is done.
  const lanes = [lane('x', '1-10', '2-3')]
  wrong(lanes, taken(lanes, '5-8', ''), /no instant/)
  wrong(lanes, taken(lanes, '5-8', 'a'), /no instant/)
  right(lanes, taken(lanes, '5-8', 'b'))
})

test('a state that was there twice is taken for whichever of the two is right', () => {
  const [x] = [lane('x', '1-2', '3-4', '7-8')]
  const again = { ...x, states: ['', 'a', '', 'a'] }
  right([again], taken([again], '5-6', ''))
  wrong([again], taken([again], '5-6', 'a'), /no instant/)
})

test('the shared name holds what was put there last', () => {
  const lanes = [lane('x', '1-2!one', '20-21'), lane('y', '3-6!two'), lane('z', '5-8!three')]
  right(lanes, taken(lanes, '10-12', 'a,a,a', 'two'))
  right(lanes, taken(lanes, '10-12', 'a,a,a', 'three'))
  wrong(lanes, taken(lanes, '10-12', 'a,a,a', 'one'), /no instant/)
  wrong(lanes, taken(lanes, '10-12', 'a,a,a'), /no instant/)
  wrong(lanes, taken(lanes, '10-12', 'a,a,a', 'four'), /holds four, which nobody wrote/)
})

test('what the shared name holds has left the lane that it came from', () => {
  const lanes = [lane('x', '1-9!one')]
  right(lanes, taken(lanes, '4-6', ''))
  right(lanes, taken(lanes, '4-6', 'a', 'one'))
  wrong(lanes, taken(lanes, '4-6', '', 'one'), /no instant/)
  wrong(lanes, taken(lanes, '4-6', 'a'), /no instant/)
})

test('a recorder notes when operations were sent and answered, and how many are under way', async () => {
  const moments = new Moments()
  const recorder = new Recorder('x', moments, 'empty')
  let answer: (value: number) => void = () => undefined
  const asked = recorder.send('first', 'one', () => new Promise<number>((done) => (answer = done)))
  const sent = moments.next()
  const views = new Map([['x', 'one']])
  const one = { name: 'one', sent, answered: moments.next(), views, last: undefined }
  assert.is(concurrent([recorder], one), 1)
  right([recorder], one)
  answer(7)
  assert.is(await asked, 7)
  assert.equal(recorder.states, ['empty', 'one'])
  assert.equal(recorder.operations, [{ what: 'first', sent: 1, answered: 4, put: undefined }])
  wrong(
    [recorder],
    { ...one, sent: 5, answered: 7, views: new Map([['x', 'empty']]) },
    /no instant/,
  )
})

test.run()
