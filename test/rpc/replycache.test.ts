import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CallKey } from '../../src/rpc/remembered.ts'
import {
  CLIENT_CALLS_MAX,
  type KeptReply,
  ReplyCache,
  type ReplyCacheOptions,
} from '../../src/rpc/replycache.ts'
import { Random } from '../model/random.ts'

const test = suite('rpc/replycache')

const key = (xid: number, more: Partial<CallKey> = {}): CallKey => ({
  ...{ client: '192.0.2.1', xid, prog: 100_003, vers: 3, proc: 9, checksum: 0xfeed },
  ...more,
})
const bytes = (n: number) => Uint8Array.of(0, 0, 0, n & 0xff)

/** A cache whose clock stands still until it is told otherwise. */
function setUp(options: Partial<ReplyCacheOptions> = {}, kept: readonly KeptReply[] = []) {
  const clock = { seconds: 100 }
  const cache = new ReplyCache({ seconds: () => clock.seconds, ...options }, kept)
  const answer = (call: CallKey, n = call.xid) => {
    const one = cache.begin(call, undefined)
    cache.finish(one, bytes(n))
    return one
  }
  const results = (call: CallKey) => cache.find(call)?.results
  return { clock, cache, answer, results }
}

test('a call that was answered is found, with what it was answered', () => {
  const { answer, results } = setUp()
  answer(key(1), 7)
  answer(key(2), 8)
  assert.equal(results(key(1)), bytes(7))
  assert.equal(results(key(2)), bytes(8))
  assert.is(results(key(3)), undefined)
})

test('a call under way is found, and has no results yet', () => {
  const { cache } = setUp()
  const one = cache.begin(key(1), undefined)
  assert.is(cache.find(key(1)), one)
  assert.is(one.results, undefined)
})

for (const [what, other] of [
  ['another address', { client: '192.0.2.2' }],
  ['another xid', { xid: 2 }],
  ['another program', { prog: 100_004 }],
  ['another version', { vers: 2 }],
  ['another procedure', { proc: 10 }],
  ['other arguments', { checksum: 0xbeef }],
  ['another xid and other arguments of the same hash', { xid: 1 ^ 6, checksum: 0xfeed ^ 6 }],
] as const) {
  test(`a call that has ${what} is another one`, () => {
    const { answer, results } = setUp()
    answer(key(1))
    assert.is(results(key(1, other)), undefined)
  })
}

test('two calls of one xid with different arguments are both remembered', () => {
  const { answer, results } = setUp()
  answer(key(1, { checksum: 5 }), 5)
  answer(key(1, { checksum: 6 }), 6)
  assert.equal(results(key(1, { checksum: 5 })), bytes(5))
  assert.equal(results(key(1, { checksum: 6 })), bytes(6))
})

test('calls of the same hash are remembered, forgotten and found each by itself', () => {
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
  ]) {
    const { cache, answer, results } = setUp()
    const calls = [0, 1, 2].map((n) => key(1 ^ n, { checksum: 0xfeed ^ n }))
    const all = calls.map((call, n) => answer(call, n))
    const left = new Set([0, 1, 2])
    for (const n of order) {
      const one = all[n]
      if (one !== undefined) cache.forget(one)
      left.delete(n)
      assert.equal(
        calls.map((call) => results(call)?.[3]),
        [0, 1, 2].map((m) => (left.has(m) ? m : undefined)),
      )
    }
  }
})

test('an answer is forgotten when its time is over, and not before', () => {
  const { clock, cache, answer, results } = setUp({ secondsMax: 60 })
  answer(key(1))
  clock.seconds += 60
  assert.ok(results(key(1)))
  clock.seconds += 1
  assert.is(results(key(1)), undefined)
  assert.is(cache.count, 0)
})

test('a call under way has no time limit', () => {
  const { clock, cache } = setUp({ secondsMax: 60 })
  cache.begin(key(1), undefined)
  clock.seconds += 1000
  assert.ok(cache.find(key(1)))
})

test('of one client the newest calls are remembered', () => {
  const { cache, answer, results } = setUp({ clientCallsMax: 3 })
  for (let xid = 1; xid <= 5; xid++) answer(key(xid))
  assert.equal(
    [1, 2, 3, 4, 5].filter((xid) => results(key(xid))),
    [3, 4, 5],
  )
  assert.is(cache.count, 3)
})

test('a flood of one client takes nothing from another', () => {
  const { cache, answer, results } = setUp({ clientCallsMax: 50, callsMax: 100 })
  const clients = Array.from({ length: 6 }, (_, n) => `192.0.2.${n + 10}`)
  for (const client of clients) for (let xid = 0; xid < 5; xid++) answer(key(xid, { client }))
  for (let xid = 0; xid < 10_000; xid++) {
    answer(key(xid, { client: 'flood' }))
    answer(key(xid, { client: 'another flood' }))
    assert.ok(cache.count <= 100)
  }
  for (const client of clients) {
    for (let xid = 0; xid < 5; xid++) assert.ok(results(key(xid, { client })), client)
  }
  assert.ok(results(key(9_999, { client: 'flood' })))
})

test('more clients than there is room for leave a share to each of the last ones', () => {
  const { cache, answer, results } = setUp({ clientCallsMax: 10, callsMax: 100 })
  for (let n = 0; n < 1000; n++) answer(key(1, { client: `client ${n}` }))
  assert.is(cache.count, 100)
  assert.ok(results(key(1, { client: 'client 999' })))
})

test('as many calls as one client may have waiting are remembered by default', () => {
  const { cache } = setUp()
  for (let xid = 0; xid < CLIENT_CALLS_MAX; xid++) cache.begin(key(xid), undefined)
  assert.ok(cache.find(key(0)))
  cache.begin(key(CLIENT_CALLS_MAX), undefined)
  assert.is(cache.find(key(0)), undefined)
})

test('what is forgotten is not found, and forgetting twice is forgetting once', () => {
  const { cache, answer, results } = setUp()
  const one = answer(key(1))
  answer(key(2))
  cache.forget(one)
  cache.forget(one)
  assert.is(cache.count, 1)
  assert.is(results(key(1)), undefined)
  assert.ok(results(key(2)))
})

test('a follower gets the answer; the one before it is dropped', () => {
  const { cache } = setUp()
  const log: string[] = []
  const follower = (name: string) => ({
    answer: (results: Uint8Array) => log.push(`${name} answered ${results[3]}`),
    drop: () => log.push(`${name} dropped`),
  })
  const one = cache.begin(key(1), undefined)
  cache.follow(one, follower('a'))
  cache.follow(one, follower('b'))
  cache.finish(one, bytes(4))
  assert.equal(log, ['a dropped', 'b answered 4'])
  const other = cache.begin(key(2), undefined)
  cache.follow(other, follower('c'))
  cache.abandon(other)
  assert.equal(log.slice(2), ['c dropped'])
  assert.is(cache.find(key(2)), undefined)
})

/** A store that keeps everything, and notes the slots. */
function slotted() {
  const slots: number[] = []
  const store = {
    run(work: () => Uint8Array, _: CallKey, slot: () => number) {
      const results = work()
      slots.push(slot())
      return results
    },
  }
  return { slots, store }
}

test('slots are used again when what was in them is forgotten, so there are never more', () => {
  const { slots, store } = slotted()
  const { cache } = setUp({ clientCallsMax: 4, callsMax: 6, store })
  for (let xid = 0; xid < 100; xid++) {
    const one = cache.begin(key(xid, { client: xid % 2 === 0 ? 'a' : 'b' }), undefined)
    cache.finish(
      one,
      cache.run(one, () => bytes(xid)),
    )
  }
  assert.is(slots.length, 100)
  assert.ok(Math.max(...slots) < 6)
})

test('a work that throws takes no slot', () => {
  const { slots, store } = slotted()
  const { cache } = setUp({ store })
  const one = cache.begin(key(1), undefined)
  const work = () => {
    throw new Error('NOENT')
  }
  assert.throws(() => cache.run(one, work), 'NOENT')
  assert.equal(slots, [])
})

test('what the store kept is found; of the same call the later one', () => {
  const { slots, store } = slotted()
  const kept = [
    { ...key(1), slot: 3, results: bytes(1) },
    { ...key(2), slot: 0, results: bytes(2) },
    { ...key(1), slot: 5, results: bytes(9) },
  ]
  const { cache, results } = setUp({ store }, kept)
  assert.equal([results(key(1)), results(key(2))], [bytes(9), bytes(2)])
  assert.is(cache.count, 2)
  for (let xid = 10; xid < 15; xid++) {
    const one = cache.begin(key(xid), undefined)
    cache.run(one, () => bytes(0))
  }
  // 0 and 5 are in use; 3 was the superseded one's.
  assert.equal([...slots].sort(), [1, 2, 3, 4, 6])
})

test('more kept replies than may be remembered: the newest are', () => {
  const kept = Array.from({ length: 20 }, (_, n) => ({ ...key(n), slot: n, results: bytes(n) }))
  const { cache, results } = setUp({ clientCallsMax: 5 }, kept)
  assert.is(cache.count, 5)
  assert.equal(
    kept.filter(({ xid }) => results(key(xid))).map(({ xid }) => xid),
    [15, 16, 17, 18, 19],
  )
})

test('whatever comes in whatever order, it answers as a plain list would', () => {
  const random = new Random(20_260_101)
  const limits = { clientCallsMax: 8, callsMax: 1000 }
  const { cache, answer, results } = setUp(limits)
  const clients = ['a', 'b', 'c']
  const lists = new Map(clients.map((client) => [client, [] as CallKey[]]))
  for (let step = 0; step < 5000; step++) {
    const client = clients[random.below(3)] ?? 'a'
    const call = key(random.below(12), { client, checksum: random.below(2) })
    const list = lists.get(client) ?? []
    const at = list.findIndex((one) => one.xid === call.xid && one.checksum === call.checksum)
    assert.is(results(call) !== undefined, at >= 0)
    if (at < 0) {
      answer(call)
      list.push(call)
      if (list.length > limits.clientCallsMax) list.shift()
    } else if (random.oneIn(3)) {
      const one = cache.find(call)
      if (one !== undefined) cache.forget(one)
      list.splice(at, 1)
    }
    assert.is(
      cache.count,
      [...lists.values()].reduce((sum, { length }) => sum + length, 0),
    )
  }
})

test.run()
