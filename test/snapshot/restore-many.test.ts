import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chunkKey, Kind, keyBytes, nameKey } from '../../src/store/keys.ts'
import { CHUNK_BYTES } from '../../src/store/records.ts'
import { bytes, type Client } from '../fs/client.ts'
import { withFolder } from '../store/open-store.ts'
import {
  afterCrash,
  blocks,
  put,
  type Subject,
  WatchedDisk,
  withOpened,
  withRestarts,
} from './harness.ts'
import { removeTree, requireSound, sound } from './sound.ts'

const test = suite('snapshot/restore: many files of a directory together')
const on = sound(test)

const FILES = 300
const contentOf = (i: number): string => `then ${i}`.padEnd(i % 2 === 0 ? 40 : 3000)

/** A directory of which every second file lies in its record. */
async function makeFiles({ client, snapshots }: Subject, count = FILES): Promise<void> {
  client.mkdir('d')
  for (let i = 0; i < count; i++) await put(client, `d/${i}`, 0, bytes(contentOf(i)))
  snapshots.create('s')
}

/** How many of the files are there, each of which is whole. */
async function wholeFiles(client: Client, path: string, count = FILES): Promise<number> {
  let there = 0
  for (let i = 0; i < count; i++) {
    if (!client.has(`${path}/${i}`)) continue
    assert.is(await client.readText(`${path}/${i}`), contentOf(i))
    there++
  }
  return there
}

/** Does something once, when a restore has come so far. */
const once = (at: number, action: () => void) => {
  let calls = 0
  return () => {
    if (++calls === at) action()
  }
}

on('files of every shape come into a new directory as they were', async (subject) => {
  const { client, snapshots } = subject
  client.mkdir('d')
  client.create('d/empty')
  client.create('d/hole')
  client.set('d/hole', { size: 700_000 })
  await put(client, 'd/inline', 0, bytes('inline'))
  await put(client, 'd/mib', 0, blocks(256, 3))
  await put(client, 'd/more', CHUNK_BYTES, bytes('x'))
  await put(client, 'd/tail', 600_000, bytes('x'))
  client.symlink('d/link', 'mib')
  client.mkdir('d/sub')
  client.link('d/mib', 'd/sub/hard')
  await put(client, 'd/last', 0, bytes('last'))
  snapshots.create('s')
  const names = client.names('d')
  const { files, directories } = await subject.restore('s', 'd', { to: bytes('copy') })
  assert.equal([files, directories], [9, 2])
  assert.equal(client.names('copy'), names, 'in their order')
  for (const name of ['empty', 'hole', 'inline', 'mib', 'more', 'tail', 'last']) {
    const { size, used, mtime, nlink } = client.stat(`d/${name}`)
    const copy = client.stat(`copy/${name}`)
    assert.equal([copy.size, copy.used, copy.mtime, copy.nlink], [size, used, mtime, nlink])
    for (const at of [0, 600_000, CHUNK_BYTES]) {
      const [then, now] = [
        await client.read(`d/${name}`, at),
        await client.read(`copy/${name}`, at),
      ]
      assert.is(Buffer.compare(then, now), 0)
    }
  }
  assert.equal(client.id('copy/sub/hard'), client.id('copy/mib'))
})

on('what comes into a directory while it is filled is left alone by never', async (subject) => {
  const { client } = subject
  await makeFiles(subject)
  const meddle = once(3, () => {
    assert.ok(client.has('copy/3') && !client.has('copy/250'))
    client.create('copy/250')
    client.rename('copy/3', 'copy/251')
    client.remove('copy/4')
  })
  const how = { to: bytes('copy'), overwrite: 'never' } as const
  const { files, skipped } = await subject.restore('s', 'd', how, meddle)
  assert.equal([files, skipped], [FILES - 2, 2])
  assert.is(client.stat('copy/250').size, 0)
  assert.is(await client.readText('copy/251'), contentOf(3))
  assert.equal([client.has('copy/3'), client.has('copy/4')], [false, false])
  assert.is(client.names('copy').length, FILES - 2)
})

on('and replaced by if-changed', async (subject) => {
  const { client } = subject
  await makeFiles(subject)
  const meddle = once(3, () => {
    client.create('copy/250')
    client.rename('copy/3', 'copy/251')
  })
  const { files } = await subject.restore('s', 'd', { to: bytes('copy') }, meddle)
  assert.is(files, FILES)
  assert.is(await wholeFiles(client, 'copy'), FILES - 1)
  assert.is(client.has('copy/3'), false)
})

on('a directory that goes while it is filled fails what was still to come', async (subject) => {
  const { client } = subject
  await makeFiles(subject)
  const meddle = once(2, () => removeTree(client, 'copy'))
  const { files, failed } = await subject.restore('s', 'd', { to: bytes('copy') }, meddle)
  assert.is(client.has('copy'), false)
  assert.is(files + failed.length, FILES)
  assert.is(failed[0]?.reason, 'its directory was removed meanwhile')
})

on(
  'where the quota allows only some, those come back, and each other one is told',
  async (subject) => {
    const { client, store } = subject
    await makeFiles(subject)
    const room = 50
    const quota = { bytes: 0, inodes: store.dataset.usage.inodes + 1 + room }
    store.transact((tx) => store.objsets.change(tx, store.dataset, { quota }))
    const { files, failed } = await subject.restore('s', 'd', { to: bytes('copy') })
    assert.equal([files, failed.length], [room, FILES - room])
    assert.is(await wholeFiles(client, 'copy'), room)
  },
)

on('of a directory of which some has changed, the rest is left alone', async (subject) => {
  const { client } = subject
  await makeFiles(subject)
  client.mkdir('d/sub')
  await put(client, 'd/40', 0, bytes('now'))
  client.remove('d/100')
  client.rename('d/200', 'd/elsewhere')
  client.set('d/201', { mode: 0o600 })
  // Accepted, and not stored yet.
  await client.write('d/280', 0, bytes('now'))
  const { files, unchanged } = await subject.restore('s', 'd')
  assert.equal([files, unchanged], [5, FILES - 5])
  assert.is(await wholeFiles(client, 'd'), FILES)
})

on(
  'what an earlier restore has brought back is left alone, but for what changed',
  async (subject) => {
    const { client } = subject
    await makeFiles(subject)
    removeTree(client, 'd')
    await subject.restore('s', 'd')
    const inos = () => new Map(client.names('d').map((name) => [name, client.id(`d/${name}`).ino]))
    const before = inos()
    const again = await subject.restore('s', 'd')
    assert.equal([again.files, again.unchanged, again.attributes], [0, FILES, 0])
    await put(client, 'd/40', 0, bytes('now'))
    await put(client, 'd/41', 0, bytes('now'))
    client.set('d/100', { mtime: { seconds: 1, nseconds: 1 } })
    client.set('d/101', { size: 5 })
    await client.write('d/200', 0, bytes('now'))
    client.rename('d/250', 'd/251')
    const { files, unchanged } = await subject.restore('s', 'd')
    assert.equal([files, unchanged], [7, FILES - 7])
    assert.is(await wholeFiles(client, 'd'), FILES)
    const others = [...inos()].filter(([name, ino]) => before.get(name) !== ino)
    assert.equal(others.map(([name]) => name).sort(), ['250', '251'])
    const { unchanged: none } = await subject.restore('s', 'd', { overwrite: 'never' })
    const { files: all } = await subject.restore('s', 'd', { overwrite: 'always' })
    assert.equal([none, all], [0, FILES])
  },
)

test('a file whose records are damaged fails alone, in a new directory and in its place', () =>
  withRestarts(
    (subject) => makeFiles(subject),
    async (subject) => {
      const { client, store, live } = subject
      const { dataset } = live
      const { content } = dataset.inodes.get(client.id('d/77').ino) ?? { content: 0 }
      const name = nameKey(client.id('d').ino, bytes('120'))
      const damaged = [
        [Kind.INODE, dataset.names.get(name)?.ino ?? 0],
        [Kind.CHUNK, chunkKey(content, 0)],
      ] as const
      const puts = damaged.map(([kind, key]) => ({
        key: Buffer.from(keyBytes(dataset.id, kind, key)),
        value: Buffer.from('no such record'),
      }))
      await store.database.write(puts)
      const copied = await subject.restore('s', 'd', { to: bytes('copy') })
      assert.is(copied.files, FILES - 2)
      const names = copied.failed.map(({ path }) => Buffer.from(path).toString())
      assert.is(names.length, 2)
      assert.ok(names.includes('copy/77'), names.join())
      assert.is(await wholeFiles(client, 'copy'), FILES - 2)
      const { unchanged, failed } = await subject.restore('s', 'd')
      assert.equal([unchanged, failed.length], [FILES - 1, 1])
    },
  ))

test('a crash between any two commits leaves whole files, and the next run completes it', async () => {
  const count = 1300
  const disk = new WatchedDisk()
  await withFolder((directory) =>
    withOpened(
      directory,
      async (subject) => {
        const { client, store } = subject
        await makeFiles(subject, count)
        await store.flush()
        const there: number[] = []
        disk.beforeCommit = () =>
          afterCrash(directory, async (recovered) => {
            there.push(await wholeFiles(recovered.client, 'copy', count))
            await recovered.resume()
            await requireSound(recovered)
            if (there.length !== 2) return
            await recovered.restore('s', 'd', { to: bytes('copy') })
            const again = recovered.client.has('copy/d') ? 'copy/d' : 'copy'
            assert.is(await wholeFiles(recovered.client, again, count), count)
          })
        await subject.restore('s', 'd', { to: bytes('copy') })
        disk.beforeCommit = async () => undefined
        assert.is(await wholeFiles(client, 'copy', count), count)
        assert.ok(there.length >= 3 && there[0] === 0, there.join())
        assert.equal(
          there,
          there.toSorted((a, b) => a - b),
        )
      },
      { disk },
    ),
  )
})

test.run()
