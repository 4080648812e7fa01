/** What was written between snapshots, against what two trees have that follow one another. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkStore } from '../../src/check/check.ts'
import { chunksOf } from '../../src/fs/chunks.ts'
import { writtenIn } from '../../src/snapshot/written.ts'
import { Kind, kindRange, parseKey } from '../../src/store/keys.ts'
import { BLOCK_BYTES, CHUNK_BYTES, FileType } from '../../src/store/records.ts'
import { bytes } from '../fs/client.ts'
import { Random } from '../model/random.ts'
import { afterCrash, blocks, put, type Subject, withRestarts } from './harness.ts'

const test = suite('snapshot/written')

/** All inos that the store has had. */
async function inosOf({ store }: Subject): Promise<Set<number>> {
  await store.checkpoint()
  const inos = new Set<number>()
  for (const kind of [Kind.INODE, Kind.HISTORY]) {
    for await (const { key } of store.database.scan(kindRange(store.dataset.id, kind))) {
      const name = String(parseKey(key).key)
      if (kind === Kind.INODE) inos.add(Number(name))
      else if (name.startsWith(Kind.INODE)) inos.add(Number(name.slice(1, name.indexOf('@'))))
    }
  }
  return inos
}

/** What the files hold at an epoch, by where it is and what it is, with its bytes. */
function dataAt({ store }: Subject, inos: ReadonlySet<number>, epoch: number): Map<string, number> {
  const { dataset } = store
  const reader = epoch === dataset.epoch ? dataset : dataset.at(epoch)
  const found = new Map<string, number>()
  for (const ino of inos) {
    const inode = reader.inodes.get(ino)
    if (inode?.type !== FileType.REG) continue
    for (const [index, { inline, address }] of chunksOf(reader, inode.content, inode.size)) {
      const at = `${inode.content}/${index}`
      if (inline !== undefined) found.set(`${at}/${Buffer.from(inline)}`, inline.length)
      for (const [slot, block] of address.entries()) {
        if (block !== 0) found.set(`${at}/${slot}/${block}`, BLOCK_BYTES)
      }
    }
  }
  return found
}

/** Compares all accounts with what each tree has that the one before it does not. */
async function compare(subject: Subject): Promise<void> {
  subject.live.data.settleAll()
  subject.reclaim()
  const inos = await inosOf(subject)
  const { dataset } = subject.store
  const told = writtenIn(dataset)
  const all = subject.snapshots.list()
  const states = [...all.map(({ id, epoch }) => ({ id, epoch })), { id: 0, epoch: dataset.epoch }]
  let before = new Map<string, number>()
  for (const { id, epoch } of states) {
    const data = dataAt(subject, inos, epoch)
    let expected = 0
    for (const [what, size] of data) if (!before.has(what)) expected += size
    assert.is(id === 0 ? told.live : told.snapshots.get(id), expected, `snapshot ${id}`)
    before = data
  }
  assert.is(told.snapshots.size, all.length)
}

async function sound({ store }: Subject): Promise<void> {
  assert.equal((await checkStore(store, () => undefined)).problems, [])
}

/** In blocks: of each snapshot, oldest first, and of the live files. */
function told({ store, snapshots }: Subject): number[] {
  const { live, snapshots: of } = writtenIn(store.dataset)
  return [...snapshots.list().map(({ id }) => of.get(id) ?? 0), live].map((n) => n / BLOCK_BYTES)
}

test('writing, overwriting, cutting and removing', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    await put(client, 'f', 0, blocks(10, 1))
    assert.equal(told(subject), [10])
    await put(client, 'f', 0, blocks(4, 2))
    assert.equal(told(subject), [10], 'nothing holds what was written over')
    snapshots.create('a')
    assert.equal(told(subject), [10, 0])
    await put(client, 'f', 0, blocks(3, 3))
    await put(client, 'g', 0, blocks(2, 4))
    assert.equal(told(subject), [10, 5])
    client.set('f', { size: BLOCK_BYTES })
    assert.equal(told(subject), [10, 3])
    client.remove('f')
    assert.equal(told(subject), [10, 2])
    await compare(subject)
    await sound(subject)
  }))

test('a large file counts until the background has taken it apart', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    const count = (3 * CHUNK_BYTES) / BLOCK_BYTES
    await put(client, 'large', 0, blocks(count, 1))
    client.remove('large')
    snapshots.create('a')
    subject.reclaim()
    assert.equal(told(subject), [0, 0])
    await put(client, 'large', 0, blocks(count, 2))
    snapshots.create('b')
    client.remove('large')
    subject.reclaim()
    assert.equal(told(subject), [0, count, 0])
    await sound(subject)
  }))

test('what a restore brings back is written anew', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    await put(client, 'f', 0, blocks(6, 1))
    snapshots.create('a')
    client.remove('f')
    snapshots.create('b')
    await subject.restore('a', 'f')
    const { length } = snapshots.list()
    assert.equal(told(subject), [6, ...Array(length - 1).fill(0), 6])
    await compare(subject)
  }))

test('what is left of a deleted snapshot is on the next one, or on the live files', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) {
      await put(client, 'f', i * 2 * BLOCK_BYTES, blocks(4, i + 1))
      await put(client, name, 0, bytes(`little ${name}`))
      snapshots.create(name)
    }
    const little = 8 / BLOCK_BYTES
    assert.equal(told(subject), [...Array(4).fill(4 + little), 0])
    await snapshots.delete('b')
    assert.equal(told(subject), [4 + little, 6 + 2 * little, 4 + little, 0])
    await snapshots.delete('d')
    assert.equal(told(subject), [4 + little, 6 + 2 * little, 4 + little])
    await compare(subject)
    await snapshots.deleteAll(snapshots.list())
    assert.equal(told(subject), [10 + 4 * little])
    await sound(subject)
  }))

/** One random step; `seed` makes data that no other step has. */
async function step(subject: Subject, random: Random, seed: number): Promise<void> {
  const { client, snapshots } = subject
  const path = `f${random.below(6)}`
  const all = snapshots.list()
  const name = all[random.below(all.length)]?.name
  switch (random.below(12)) {
    case 0:
      snapshots.create(`s${seed}`)
      break
    case 1:
      if (name !== undefined) await snapshots.delete(name)
      break
    case 2:
      if (name !== undefined) await snapshots.deleteAll(all.filter((_, i) => i % 2 === seed % 2))
      break
    case 3:
      if (client.has(path)) client.set(path, { size: random.below(9 * BLOCK_BYTES) })
      break
    case 4:
      if (client.has(path)) client.remove(path)
      break
    case 5:
      if (name !== undefined) await subject.restore(name, '')
      break
    case 6:
      await put(client, path, random.below(600) * BLOCK_BYTES, blocks(1, seed))
      break
    case 7:
      await put(client, `small${path}`, 0, bytes(`number ${seed}`))
      break
    default:
      await put(client, path, random.below(6) * BLOCK_BYTES, blocks(1 + random.below(4), seed))
  }
  if (random.oneIn(3)) subject.reclaim()
}

for (const seed of [1, 2, 3, 4]) {
  test(`random changes, snapshots, restores and deletions: seed ${seed}`, () => {
    const random = new Random(seed)
    const part = (from: number) => async (subject: Subject, directory: string) => {
      await subject.resume()
      for (let i = from; i < from + 60; i++) {
        await step(subject, random, i)
        if (i % 6 === 0) await compare(subject)
      }
      await sound(subject)
      await subject.store.flush()
      await afterCrash(directory, async (copy) => {
        await copy.resume()
        await compare(copy)
      })
    }
    return withRestarts(part(1), part(61))
  })
}

test.run()
