import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { endStream, STREAMS_MAX, Streams, streamCount } from '../../src/control/streams.ts'
import { PAGE_LENGTH } from '../../src/control/types.ts'
import { FsError } from '../../src/fs/error.ts'

const test = suite('control/streams')

/** Numbers up to `end`, and whether anybody still wants more. */
function numbers(end: number) {
  const state = { made: 0, ended: false }
  async function* source(): AsyncGenerator<number> {
    try {
      while (state.made < end) yield state.made++
    } finally {
      state.ended = true
    }
  }
  return { state, source: source() }
}

async function code(run: () => unknown): Promise<string> {
  try {
    await run()
  } catch (error) {
    if (error instanceof FsError) return error.code
    throw error
  }
  return 'no error'
}

const streams = (bytes = 1) => {
  const count = streamCount()
  return { count, streams: new Streams<number>(count, () => bytes) }
}

test('answers in pages, made as they are asked for, and forgets a list with its last page', async () => {
  const { streams: all, count } = streams()
  const { state, source } = numbers(PAGE_LENGTH + 5)
  const number = all.begin(source)
  assert.is(state.made, 0)
  const first = await all.next(number)
  assert.equal([first.items.length, first.more, state.made], [PAGE_LENGTH, true, PAGE_LENGTH])
  const second = await all.next(number)
  assert.equal(second.items, [256, 257, 258, 259, 260])
  assert.equal([second.more, count.open.size], [false, 0])
  assert.is(await code(() => all.next(number)), 'NOENT')
})

test('a page ends early where its entries are large', async () => {
  const { streams: all } = streams(100_000)
  const { items, more } = await all.next(all.begin(numbers(10).source))
  assert.equal([items, more], [[0, 1, 2], true])
})

test('a page does not wait for entries that are long in coming', async () => {
  const { streams: all } = streams()
  let go: () => void = () => undefined
  async function* slow(): AsyncGenerator<number> {
    yield 1
    await new Promise<void>((resolve) => {
      go = resolve
    })
    yield 2
  }
  const number = all.begin(slow())
  assert.equal(await all.next(number), { items: [1], more: true })
  assert.equal(await all.next(number), { items: [], more: true })
  go()
  assert.equal(await all.next(number), { items: [2], more: false })
})

test('an error ends it, after a page with what came before', async () => {
  const { streams: all, count } = streams()
  async function* failing(): AsyncGenerator<number> {
    yield 1
    throw new FsError('IO', 'damaged')
  }
  const number = all.begin(failing())
  assert.equal(await all.next(number), { items: [1], more: true })
  assert.is(await code(() => all.next(number)), 'IO')
  assert.is(count.open.size, 0)
})

test('whoever wants no more ends the work', async () => {
  const { streams: all, count } = streams()
  const { state, source } = numbers(10_000)
  const number = all.begin(source)
  await all.next(number)
  endStream(count, number)
  await Promise.resolve()
  assert.equal([state.ended, count.open.size], [true, 0])
  endStream(count, number)
})

test('of too many lists, the one asked longest ago is ended', async () => {
  const { streams: all } = streams()
  const made = Array.from({ length: STREAMS_MAX }, () => all.begin(numbers(1000).source))
  await all.next(made[0] ?? 0)
  all.begin(numbers(1).source)
  assert.is((await all.next(made[0] ?? 0)).more, true)
  assert.is(await code(() => all.next(made[1] ?? 0)), 'NOENT')
})

test.run()
