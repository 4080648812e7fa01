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
  const results = (call: CallKey) => {
    const one = cache.find(call)
    return one?.answered ? cache.results(one) : undefined
  }
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
  assert.not(one.answered)
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
  const contents = new Map<number, Uint8Array>()
  const store = {
    run(work: () => Uint8Array, _: CallKey, slot: () => number) {
      const results = work()
      const kept = slot()
      slots.push(kept)
      contents.set(kept, results)
    },
    results: (slot: number) => contents.get(slot) ?? new Uint8Array(0),
  }
  return { slots, contents, store }
}

test('slots are used again when what was in them is forgotten, so there are never more', () => {
  const { slots, store } = slotted()
  const { cache } = setUp({ clientCallsMax: 4, callsMax: 6, store })
  for (let xid = 0; xid < 100; xid++) {
    const one = cache.begin(key(xid, { client: xid % 2 === 0 ? 'a' : 'b' }), undefined)
    cache.run(one, () => bytes(xid))
    cache.finish(one)
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

test('who is forgotten while under way is answered with its own, whatever its slot holds', () => {
  const { slots, store } = slotted()
  const { cache } = setUp({ clientCallsMax: 2, store })
  const begun = [1, 2, 3, 4].map((xid) => {
    const one = cache.begin(key(xid), undefined)
    cache.run(one, () => bytes(xid))
    return one
  })
  assert.equal(slots, [0, 1, 0, 1])
  assert.equal(
    begun.map((one) => cache.results(one)[3]),
    [1, 2, 3, 4],
  )
  // Finished late, they are not found, and what stands for them is not mistaken for others.
  for (const one of begun) cache.finish(one)
  for (const xid of [5, 6]) {
    const one = cache.begin(key(xid), undefined)
    cache.run(one, () => bytes(xid))
    cache.finish(one)
  }
  const found = [1, 2, 3, 4, 5, 6].map((xid) => {
    const one = cache.find(key(xid))
    return one && cache.results(one)[3]
  })
  assert.equal(found, [undefined, undefined, undefined, undefined, 5, 6])
  assert.is(cache.count, 2)
})

test('an answer other than what was kept is the one that holds', () => {
  const { store } = slotted()
  const { cache, results } = setUp({ store })
  const one = cache.begin(key(1), undefined)
  cache.run(one, () => bytes(1))
  cache.finish(one, bytes(5))
  assert.equal(results(key(1)), bytes(5))
})

test('what the store kept is found; of the same call the later one', () => {
  const { slots, contents, store } = slotted()
  const kept = [
    { ...key(1), slot: 3 },
    { ...key(2), slot: 0 },
    { ...key(1), slot: 5 },
  ]
  for (const [slot, n] of [
    [3, 1],
    [0, 2],
    [5, 9],
  ] as const) {
    contents.set(slot, bytes(n))
  }
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
  const kept = Array.from({ length: 20 }, (_, n) => ({ ...key(n), slot: n }))
  const { contents, store } = slotted()
  for (const { slot } of kept) contents.set(slot, bytes(slot))
  const { cache, results } = setUp({ clientCallsMax: 5, store }, kept)
  assert.is(cache.count, 5)
  assert.equal(
    kept.map(({ xid }) => results(key(xid))?.[3]).filter((n) => n !== undefined),
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
