import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Kind } from '../../src/store/keys.ts'
import { BLOCK_BYTES, CHUNK_BYTES } from '../../src/store/records.ts'
import type { Client } from '../fs/client.ts'
import { audit, countOf } from './audit.ts'
import { blocks, freedBy, put, withRestarts } from './harness.ts'

const test = suite('snapshot/delete: what is freed')

test('deleting one frees nothing that is still in use', () =>
  withRestarts(async ({ snapshots, client, store, used }) => {
    await put(client, 'f', 0, blocks(300, 1))
    for (const name of ['a', 'b', 'c']) snapshots.create(name)
    const before = store.spaceMap.usedBlocks
    assert.is(before, used + 300)
    for (const name of ['b', 'a', 'c']) {
      await snapshots.delete(name)
      assert.is(store.spaceMap.usedBlocks, before)
      await audit(store)
    }
    assert.is(Buffer.compare(await client.read('f'), blocks(256, 1)), 0)
  }))

/** Every order of the numbers below `count`. */
function orders(count: number): number[][] {
  if (count === 0) return [[]]
  return orders(count - 1).flatMap((rest) =>
    Array.from({ length: count }, (_, at) => rest.toSpliced(at, 0, count - 1)),
  )
}

/**
 * A file's history over three snapshots: each step changes it, then a snapshot is made.
 * Blocks are told by letters: what each snapshot holds, and the live file at the end.
 */
interface Story {
  readonly name: string
  readonly steps: readonly ((client: Client) => Promise<void> | void)[]
  /** What the snapshots and at last the live file hold. */
  readonly held: readonly [string, string, string, string]
}

const write =
  (slot: number, count = 1) =>
  (client: Client) =>
    put(client, 'f', slot * BLOCK_BYTES, blocks(count, slot + count))
const cut = (slots: number) => (client: Client) => client.set('f', { size: slots * BLOCK_BYTES })
const remove = (client: Client) => client.remove('f')
const nothing = () => undefined

const STORIES: readonly Story[] = [
  {
    name: 'unchanged',
    steps: [write(0, 3), nothing, nothing, nothing],
    held: ['abc', 'abc', 'abc', 'abc'],
  },
  {
    name: 'rewritten',
    steps: [write(0, 3), write(1), write(1), write(1)],
    held: ['abc', 'adc', 'aec', 'afc'],
  },
  {
    name: 'growing',
    steps: [write(0), write(1), write(2), write(3)],
    held: ['a', 'ab', 'abc', 'abcd'],
  },
  { name: 'cut', steps: [write(0, 4), cut(3), cut(2), cut(1)], held: ['abcd', 'abc', 'ab', 'a'] },
  {
    name: 'cut and written again',
    steps: [write(0, 2), cut(1), write(1), cut(0)],
    held: ['ab', 'a', 'ac', ''],
  },
  { name: 'removed', steps: [write(0, 3), nothing, remove, nothing], held: ['abc', 'abc', '', ''] },
  { name: 'made late', steps: [nothing, nothing, write(0, 2), remove], held: ['', '', 'ab', ''] },
  {
    name: 'removed and made again',
    steps: [write(0, 2), remove, write(0, 3), write(0)],
    held: ['ab', '', 'cde', 'fde'],
  },
  {
    name: 'rewritten many times between',
    steps: [
      write(0, 2),
      async (client) => {
        for (let i = 0; i < 3; i++) await write(1)(client)
      },
      nothing,
      async (client) => {
        remove(client)
        await write(0)(client)
        remove(client)
      },
    ],
    held: ['ab', 'ac', 'ac', ''],
  },
  {
    name: 'over several chunks',
    steps: [
      (client) => put(client, 'f', 0, blocks(1, 1)),
      (client) => put(client, 'f', 5 * CHUNK_BYTES, blocks(1, 2)),
      cut(0),
      (client) => put(client, 'f', 3 * CHUNK_BYTES, blocks(2, 2)),
    ],
    held: ['a', 'ab', '', 'cd'],
  },
]

for (const { name, steps, held } of STORIES) {
  test(`deletions in any order free exactly what only the deleted held: a file ${name}`, () =>
    withRestarts(async (subject) => {
      const { snapshots, client, store } = subject
      for (const order of orders(3)) {
        const base = subject.used
        const expect = (parts: Iterable<string>) => {
          subject.reclaim()
          assert.is(subject.used - base, new Set([...parts].join('')).size, `in order ${order}`)
        }
        const left = new Map<number, string>()
        for (const [i, step] of steps.entries()) {
          await step(client)
          if (i === 3) continue
          snapshots.create(`s${i}`)
          left.set(i, held[i] ?? '')
        }
        expect([...left.values(), held[3]])
        for (const i of order) {
          const before = subject.used
          const told = await freedBy(subject, [`s${i}`])
          await snapshots.delete(`s${i}`)
          left.delete(i)
          expect([...left.values(), held[3]])
          assert.is(told, before - subject.used, `what s${i} was said to free, in order ${order}`)
          await audit(store)
        }
        if (client.has('f')) client.remove('f')
        expect([])
      }
      for (const kind of [Kind.HISTORY, Kind.VERSIONS, Kind.DEAD, Kind.ORPHAN]) {
        assert.is(await countOf(store, kind), 0, kind)
      }
    }))
}

test('what the live file lets go of during a deletion is freed once', () =>
  withRestarts(async (subject) => {
    const { snapshots, client, store } = subject
    for (const older of [false, true]) {
      await put(client, 'f', 0, blocks(4, 1))
      if (older) snapshots.create('older')
      snapshots.create('s')
      await put(client, 'f', 0, blocks(1, 2))
      const deleted = snapshots.delete('s')
      // The snapshot's version has the block still, and nobody sees it any more.
      await put(client, 'f', 4096, blocks(1, 3))
      client.set('f', { size: 3 * 4096 })
      await deleted
      assert.is(subject.used, older ? 6 : 3)
      await audit(store)
      client.remove('f')
    }
    await snapshots.delete('older')
    assert.is(subject.used, 0)
    await audit(store)
  }))

test.run()
