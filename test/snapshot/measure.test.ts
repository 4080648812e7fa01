import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BLOCK_BYTES } from '../../src/store/records.ts'
import { rejects } from '../fs/client.ts'
import { Random } from '../model/random.ts'
import { blocks, freedBy, put, type Subject, withRestarts } from './harness.ts'
import { requireSound, sound } from './sound.ts'

const test = suite('snapshot/measure')

/** What deleting these together does free, in blocks. */
async function freed(subject: Subject, names: readonly string[]): Promise<number> {
  const before = subject.used
  const gone = names.map((name) => subject.snapshots.get(name))
  const bytes = await subject.snapshots.deleteAll(gone)
  assert.is(bytes, (before - subject.used) * BLOCK_BYTES, 'bytes that the deletion says it freed')
  return before - subject.used
}

sound(test)('blocks that two snapshots share are freed by deleting both', async (subject) => {
  const { client, snapshots } = subject
  await put(client, 'f', 0, blocks(10, 1))
  for (const name of ['a', 'b', 'c']) snapshots.create(name)
  await put(client, 'f', 0, blocks(4, 2))
  snapshots.create('d')
  client.remove('f')
  subject.reclaim()
  for (const name of ['a', 'b', 'c']) assert.is(await freedBy(subject, [name]), 0, name)
  assert.is(await freedBy(subject, ['d']), 4)
  assert.is(await freedBy(subject, ['a', 'c']), 0)
  assert.is(await freedBy(subject, ['a', 'b', 'c']), 4)
  assert.is(await freedBy(subject, ['a', 'b', 'c', 'd']), 14)
  assert.is(await freedBy(subject, []), 0)
  assert.is(await freed(subject, ['c', 'a', 'b']), 4)
  assert.is(await freed(subject, ['d']), 10)
})

sound(test)('a block that a restore shares is freed with its last reference', async (subject) => {
  const { client, snapshots } = subject
  client.mkdir('d')
  await put(client, 'd/f', 0, blocks(300, 1))
  snapshots.create('a')
  for (const to of ['x', 'y']) await subject.restore('a', 'd', { to: Buffer.from(to) })
  snapshots.create('b')
  for (const path of ['x/f', 'y/f', 'd/f']) client.remove(path)
  subject.reclaim()
  assert.is(subject.used, 300)
  // Of b they are three files with the same blocks, which a holds once more.
  assert.is(await freedBy(subject, ['b']), 0)
  assert.is(await freedBy(subject, ['a', 'b']), 300)
  assert.is(await freed(subject, ['a']), 0)
  assert.is(await freedBy(subject, ['b']), 300)
  assert.is(await freed(subject, ['b']), 300)
})

test('measuring counts what a deletion under way will leave', () =>
  withRestarts(
    async (subject) => {
      const { client, snapshots } = subject
      await put(client, 'f', 0, blocks(10, 1))
      for (const name of ['a', 'b']) snapshots.create(name)
      client.remove('f')
      subject.reclaim()
      const deleting = snapshots.deleteAll([snapshots.get('a')])
      await snapshots.stop()
      await deleting
    },
    async (subject) => {
      assert.is(subject.store.dataset.snapshots.length, 2, 'a is not freed yet')
      assert.is(await freedBy(subject, ['b']), 10)
      await subject.resume()
      assert.is(await freed(subject, ['b']), 10)
      await requireSound(subject)
    },
  ))

test('measuring ends when the store is about to be closed', () =>
  withRestarts(async (subject) => {
    const { snapshots } = subject
    snapshots.create('a')
    const groups = Array.from({ length: 1000 }, () => [snapshots.get('a')])
    let told = 0
    const measuring = snapshots.measure(groups, () => told++)
    const refused = rejects('JUKEBOX', () => measuring)
    await snapshots.stop()
    await refused
    assert.ok(told < 1000)
  }))

/** Changes a few files at random, then makes a snapshot. */
async function step(subject: Subject, random: Random, name: string): Promise<void> {
  const { client, snapshots } = subject
  for (let i = 0; i < 6; i++) {
    const path = `f${random.below(4)}`
    if (random.oneIn(6)) {
      if (client.has(path)) client.remove(path)
    } else if (random.oneIn(5) && client.has(path)) {
      client.set(path, { size: random.below(8) * BLOCK_BYTES })
    } else {
      const at = random.below(8) * BLOCK_BYTES
      await put(client, path, at, blocks(1 + random.below(3), random.below(255)))
    }
  }
  const made = snapshots.list()
  if (random.oneIn(3) && made.length > 0) {
    const from = random.pick(made).name
    const path = `f${random.below(4)}`
    if (client.has(`.snapshots/${from}/${path}`)) {
      await subject.restore(from, path, { to: Buffer.from(`f${random.below(6)}`) })
    }
  }
  subject.reclaim()
  snapshots.create(name)
}

for (let seed = 1; seed <= 8; seed++) {
  test(`any snapshots of a random history free together what they are said to: seed ${seed}`, () =>
    withRestarts(async (subject) => {
      const random = new Random(seed)
      const { snapshots } = subject
      for (let i = 0; i < 14; i++) await step(subject, random, `s${i}`)
      while (snapshots.list().length > 0) {
        const names = snapshots.list().map(({ name }) => name)
        const some = names.filter(() => random.oneIn(3))
        const chosen = some.length === 0 ? [random.pick(names)] : some
        const told = await freedBy(subject, chosen)
        assert.is(await freed(subject, chosen), told, `${chosen} of ${names}`)
      }
      await requireSound(subject)
    }))
}

test.run()
