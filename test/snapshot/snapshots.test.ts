import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FsError } from '../../src/fs/error.ts'
import { CHUNK_BYTES } from '../../src/store/records.ts'
import { compareTime } from '../../src/store/time.ts'
import { type Client, fails, rejects } from '../fs/client.ts'
import { audit } from './audit.ts'
import { afterCrash, blocks, put, type Subject, withRestarts } from './harness.ts'

const test = suite('snapshot/snapshots')

const names = ({ snapshots }: Subject) => snapshots.list().map(({ name }) => name)
/** What an error says. */
function message(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (error instanceof FsError) return error.message
    throw error
  }
  return assert.unreachable('nothing was thrown') as never
}

test('a snapshot is listed once it is made, oldest first, also after a restart', () =>
  withRestarts(
    async (subject) => {
      const first = subject.snapshots.create('b')
      const second = subject.snapshots.create('a')
      assert.equal(names(subject), ['b', 'a'])
      assert.ok(second.id > first.id)
      assert.ok(compareTime(second.created, first.created) > 0)
      assert.equal(subject.snapshots.find('a'), second)
      assert.is(subject.snapshots.find('c'), undefined)
    },
    async (subject) => {
      assert.equal(names(subject), ['b', 'a'])
      const third = subject.snapshots.create('c')
      assert.equal(names(subject), ['b', 'a', 'c'])
      assert.ok(third.id > (subject.snapshots.find('a')?.id ?? 0))
    },
  ))

test('names are text as it is given', () => {
  const odd = ['001', '1e3', '0x10', '-', ' ', 'a b', 'Ünï ✓ 🎉', '...', '.hidden', 'x'.repeat(255)]
  return withRestarts(
    async (subject) => {
      for (const name of odd) subject.snapshots.create(name)
      assert.equal(names(subject), odd)
    },
    async (subject) => {
      assert.equal(names(subject), odd)
      for (const name of odd) assert.is(subject.snapshots.get(name).name, name)
      await subject.snapshots.delete('001')
      assert.equal(names(subject), odd.slice(1))
    },
  )
})

test('a name that cannot be one is refused', () =>
  withRestarts(async ({ snapshots }) => {
    const bad = ['', '.', '..', 'a/b', '/', 'a\0', 'a\n', '\x7f', 'x'.repeat(256), '\ud800']
    for (const name of [...bad, 'é'.repeat(128)]) {
      fails('INVAL', () => snapshots.create(name))
    }
    assert.equal(snapshots.list(), [])
  }))

test('a name that is taken is refused, and free again after deletion', () =>
  withRestarts(async ({ snapshots, store }) => {
    const { id } = snapshots.create('a')
    fails('EXIST', () => snapshots.create('a'))
    assert.is(
      message(() => snapshots.create('a')),
      `a snapshot 'a' exists already`,
    )
    await snapshots.delete('a')
    assert.not.equal(snapshots.create('a').id, id)
    await audit(store)
  }))

test('who names a snapshot that is not there is told which are', () =>
  withRestarts(async ({ snapshots }) => {
    assert.is(
      message(() => snapshots.get('x')),
      `no snapshot 'x'; there are none`,
    )
    snapshots.create('001')
    snapshots.create('monday')
    assert.is(
      message(() => snapshots.get('1')),
      `no snapshot '1'; there are: 001, monday`,
    )
    await rejects('NOENT', () => snapshots.delete('1'))
    for (let i = 0; i < 10; i++) snapshots.create(`n${i}`)
    assert.match(
      message(() => snapshots.get('1')),
      /: n0, .*, n9 \(the newest of them\)$/,
    )
  }))

test('making one writes as few records for 200,000 files as for one', () =>
  withRestarts(async ({ snapshots, store, client, fs, root }) => {
    const create = (name: string): number => {
      const before = store.recordsLogged
      snapshots.create(name)
      return store.recordsLogged - before
    }
    client.create('one')
    await store.flush()
    const few = create('few')
    const how = { mode: 'UNCHECKED' as const, attributes: { mode: 0o644 } }
    for (let d = 0; d < 200; d++) {
      const { id } = fs.mkdir(client.cred, root, Buffer.from(`d${d}`), {})
      for (let f = 0; f < 1000; f++) fs.create(client.cred, id, Buffer.from(`f${f}`), how)
      if (d % 20 === 0) await store.flush()
    }
    await store.flush()
    assert.is(create('many'), few)
    assert.ok(few <= 5, `${few} records`)
    assert.is(client.names('.snapshots/many/d199').length, 1000)
    assert.equal(client.names('.snapshots/few'), ['one'])
  }))

test('data that is not stored yet is in it, with its times', () =>
  withRestarts(async ({ snapshots, client, store }, directory) => {
    client.create('small')
    await client.write('small', 0, 'before')
    client.create('large')
    await client.write('large', CHUNK_BYTES - 5, blocks(3, 7))
    const stats = [client.stat('small'), client.stat('large')]
    snapshots.create('s')
    await client.write('small', 0, 'after!')
    client.set('large', { size: 0 })
    await store.flush()
    const look = async (seen: Client) => {
      assert.is(await seen.readText('.snapshots/s/small'), 'before')
      const large = await seen.read('.snapshots/s/large', CHUNK_BYTES - 6)
      assert.is(Buffer.compare(large.subarray(1), blocks(3, 7)), 0)
      assert.is(large[0], 0)
      for (const [i, name] of ['small', 'large'].entries()) {
        const { fsid } = seen.stat('.snapshots/s')
        assert.equal(seen.stat(`.snapshots/s/${name}`), { ...stats[i], fsid })
      }
    }
    await look(client)
    await afterCrash(directory, (subject) => look(subject.client))
  }))

test('a snapshot that a barrier covered is there after a crash, with all before it', () =>
  withRestarts(async ({ snapshots, client, store }, directory) => {
    for (let i = 0; i < 50; i++) {
      await put(client, `f${i}`, 0, blocks(1, i))
      snapshots.create(`s${i}`)
    }
    await store.flush()
    await afterCrash(directory, async ({ client: seen, store: recovered }) => {
      for (let i = 0; i < 50; i++) assert.is(seen.names(`.snapshots/s${i}`).length, i + 1)
      await audit(recovered)
    })
  }))

test.run()
