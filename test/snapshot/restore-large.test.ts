import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CHUNK_BYTES } from '../../src/store/records.ts'
import type { Client } from '../fs/client.ts'
import { bytes } from '../fs/client.ts'
import { withFolder } from '../store/open-store.ts'
import { afterCrash, put, type Subject, WatchedDisk, withOpened, withRestarts } from './harness.ts'
import { requireSound, safeties } from './sound.ts'

const test = suite('snapshot/restore: large files, and interruptions')

/** More chunks than one transaction of a restore shares. */
const CHUNKS = 700

/** A file of 700 MiB with a little data in each MiB. */
async function makeLarge(client: Client, path: string, seed: number): Promise<void> {
  if (!client.has(path)) client.create(path)
  for (let i = 0; i < CHUNKS; i++) await client.write(path, i * CHUNK_BYTES + 77, `${seed}/${i}`)
  client.fs.commit(client.cred, client.id(path))
}

async function isLarge(client: Client, path: string, seed: number): Promise<void> {
  for (const i of [0, 1, 255, 256, 257, 512, CHUNKS - 1]) {
    const text = `${seed}/${i}`
    const read = await client.read(path, i * CHUNK_BYTES + 77, text.length)
    assert.is(Buffer.from(read).toString(), text)
  }
}

/** Runs a test over a disk that counts and can be held back. */
async function withWatched(
  body: (subject: Subject, disk: WatchedDisk, directory: string) => Promise<void>,
): Promise<void> {
  const disk = new WatchedDisk()
  await withFolder((directory) =>
    withOpened(
      directory,
      async (subject) => {
        await body(subject, disk, directory)
        disk.beforeCommit = async () => undefined
        await requireSound(subject)
      },
      { disk },
    ),
  )
}

test('a large file comes back without a block of data read or written', () =>
  withWatched(async (subject, disk) => {
    const { client, snapshots, store } = subject
    await makeLarge(client, 'f', 1)
    await put(client, 'dense', 0, new Uint8Array(8 * CHUNK_BYTES).fill(7))
    snapshots.create('s')
    await makeLarge(client, 'f', 2)
    client.remove('dense')
    subject.reclaim()
    await store.flush()
    await store.blocks.settled()
    const before = { reads: disk.reads, writes: disk.writes, used: subject.used }
    const { bytes: shared } = await subject.restore('s', ['f', 'dense'])
    await subject.restore('s', ['f', 'dense'], { to: bytes(''), overwrite: 'always' })
    await store.flush()
    assert.is(shared, client.stat('f').size + 8 * CHUNK_BYTES)
    assert.is(disk.reads, before.reads)
    assert.is(disk.writes, before.writes)
    assert.is(store.blocks.queuedBytes, 0)
    assert.is(subject.used, before.used, 'the safety snapshot holds what was there')
    await isLarge(client, 'f', 1)
    assert.is((await client.read('dense', 5 * CHUNK_BYTES))[0], 7)
    for (const { name } of safeties(subject)) await snapshots.delete(name)
    subject.reclaim()
    assert.is(subject.used, CHUNKS + 8 * 256)
  }))

test('readers see the old content until the new one is there as a whole', () =>
  withWatched(async (subject, disk) => {
    const { client, snapshots } = subject
    await makeLarge(client, 'f', 1)
    snapshots.create('s')
    await makeLarge(client, 'f', 2)
    let commits = 0
    disk.beforeCommit = async () => {
      const [first, last] = await Promise.all(
        [0, 699].map(async (i) => (await client.read('f', i * CHUNK_BYTES + 77, 1))[0]),
      )
      assert.is(first, last)
      commits++
    }
    await subject.restore('s', 'f')
    assert.ok(commits >= 3, `${commits} commits`)
    await isLarge(client, 'f', 1)
  }))

test('a crash between any two commits of a large restore leaves the old or the new file', () =>
  withWatched(async (subject, disk, directory) => {
    const { client, snapshots, store } = subject
    await makeLarge(client, 'f', 1)
    snapshots.create('s')
    await makeLarge(client, 'f', 2)
    await store.flush()
    const outcomes: string[] = []
    disk.beforeCommit = () =>
      afterCrash(directory, async (recovered) => {
        const seed = (await recovered.client.read('f', 77, 1))[0] === 0x31 ? 1 : 2
        outcomes.push(String(seed))
        await isLarge(recovered.client, 'f', seed)
        await recovered.resume()
        const more = recovered.snapshots.list().length > 1 ? 0 : CHUNKS
        assert.is(recovered.used, seed === 2 ? 2 * CHUNKS : 2 * CHUNKS - more)
        await requireSound(recovered)
        await recovered.restore('s', 'f')
        await isLarge(recovered.client, 'f', 1)
        await requireSound(recovered)
      })
    await subject.restore('s', 'f')
    await afterCrash(directory, ({ client: seen }) => isLarge(seen, 'f', 1))
    assert.match(outcomes.join(''), /^2{3,}1*$/)
  }))

test('a large restore that fails half way is freed, and leaves the file as it was', () =>
  withWatched(async (subject, disk) => {
    const { client, snapshots } = subject
    client.mkdir('d')
    await makeLarge(client, 'd/f', 1)
    snapshots.create('s')
    client.remove('d/f')
    subject.reclaim()
    client.rmdir('d')
    let commits = 0
    // While the file is on its way, its directory goes.
    disk.beforeCommit = async () => {
      if (++commits !== 2) return
      // Who looks into this snapshot sees nothing of the part that is there already.
      snapshots.create('meanwhile')
      client.rmdir('d')
    }
    const { failed } = await subject.restore('s', 'd/f')
    assert.is(failed[0]?.reason, 'its directory was removed meanwhile')
    subject.reclaim()
    assert.is(subject.used, CHUNKS)
    await snapshots.delete('s')
    assert.is(subject.used, 0)
  }))

test('what comes to the place of a large file meanwhile is left alone by never, else replaced', () =>
  withWatched(async (subject, disk) => {
    const { client, snapshots } = subject
    await makeLarge(client, 'f', 1)
    snapshots.create('s')
    for (const overwrite of ['never', 'if-changed'] as const) {
      client.remove('f')
      subject.reclaim()
      let commits = 0
      disk.beforeCommit = async () => {
        if (++commits !== 2) return
        client.create('f')
        await client.write('f', 0, 'meanwhile')
      }
      const { files, skipped } = await subject.restore('s', 'f', { overwrite })
      disk.beforeCommit = async () => undefined
      assert.equal([files, skipped], overwrite === 'never' ? [0, 1] : [1, 0])
      if (overwrite === 'never') assert.is(await client.readText('f'), 'meanwhile')
      else await isLarge(client, 'f', 1)
    }
  }))

/** A tree of 200 files, of which a snapshot has other ones. */
async function makeTree({ client, snapshots }: Subject): Promise<void> {
  client.mkdir('d')
  for (let i = 0; i < 200; i++) await put(client, `d/${i}`, 0, bytes(`then ${i}`.padEnd(3000)))
  client.link('d/7', 'd/seven')
  snapshots.create('s')
  for (let i = 0; i < 200; i++) {
    if (i % 3 === 0) client.remove(`d/${i}`)
    else await client.write(`d/${i}`, 0, 'now ')
  }
}

async function isTree(client: Client): Promise<void> {
  for (let i = 0; i < 200; i++) {
    assert.is((await client.readText(`d/${i}`)).trimEnd(), `then ${i}`)
  }
  assert.equal(client.id('d/seven'), client.id('d/7'))
  assert.is(client.names('d').length, 201)
}

test('a restore that is interrupted is completed by another one', () =>
  withRestarts(
    async (subject) => {
      const { client, snapshots } = subject
      await makeTree(subject)
      let calls = 0
      const interrupted = subject.restore('s', 'd', {}, () => {
        if (++calls === 5) throw new Error('interrupted')
      })
      await interrupted.then(
        () => assert.unreachable('it was not interrupted'),
        (error: Error) => assert.is(error.message, 'interrupted'),
      )
      for (const name of client.names('d')) {
        const text = (await client.readText(`d/${name}`)).trimEnd()
        assert.match(text, /^(then \d+|now +\d*)$/, 'no file is half of one and half of the other')
      }
      await snapshots.delete(safeties(subject)[0]?.name ?? '')
    },
    async (subject) => {
      const { files, unchanged } = await subject.restore('s', 'd')
      assert.ok(unchanged >= 5 * 16 && files + unchanged === 201, `${unchanged} were there`)
      await isTree(subject.client)
      await requireSound(subject)
      await subject.snapshots.delete('s')
    },
  ))

test('a restore is interrupted when the store is about to be closed, and completed later', () => {
  const sentence = /^interrupted, because the server stops; run it again to complete it$/
  const stop = async ({ snapshots }: Subject, restoring: Promise<unknown>) => {
    const failed = restoring.then(
      () => assert.unreachable('it was not interrupted'),
      (error: Error) => assert.match(error.message, sentence),
    )
    await snapshots.stop()
    await failed
  }
  return withRestarts(
    async (subject) => {
      await makeLarge(subject.client, 'f', 1)
      await makeTree(subject)
      subject.client.remove('f')
      await stop(subject, subject.restore('s', 'f'))
      assert.is(subject.client.has('f'), false)
      await stop(subject, subject.restore('s', 'd'))
    },
    async (subject) => {
      await subject.resume()
      await requireSound(subject)
      await stop(subject, subject.restore('s', 'd'))
    },
    async (subject) => {
      await subject.restore('s', ['f', 'd'])
      await isTree(subject.client)
      await isLarge(subject.client, 'f', 1)
      await requireSound(subject)
    },
  )
})

test('a crash between any two commits of a tree loses no file, and another restore completes it', () =>
  withWatched(async (subject, disk, directory) => {
    await makeTree(subject)
    await subject.store.flush()
    let crashes = 0
    disk.beforeCommit = () =>
      afterCrash(directory, async (recovered) => {
        crashes++
        await recovered.resume()
        await requireSound(recovered)
        await recovered.restore('s', 'd')
        await isTree(recovered.client)
        await requireSound(recovered)
      })
    await subject.restore('s', 'd')
    assert.ok(crashes >= 1)
    await isTree(subject.client)
  }))

test('clients go on meanwhile: what they write is in the safety snapshot, or still there', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    await makeTree(subject)
    await client.write('d/100', 0, 'unsettled')
    let turns = 0
    let ended = false
    const clients = (async () => {
      while (!ended) {
        const i = (turns++ * 31) % 200
        if (client.has(`d/${i}`)) await client.write(`d/${i}`, 4, 'x'.repeat(i * 50))
        if (turns % 5 === 0) client.create(`d/new ${turns}`)
        if (turns % 7 === 0 && client.has(`d/${i}`)) client.remove(`d/${i}`)
        await new Promise(setImmediate)
      }
    })()
    const { failed, safetySnapshot } = await subject.restore('s', 'd')
    ended = true
    await clients
    assert.equal(failed, [])
    assert.ok(turns > 5)
    const undone = await client.readText(`.snapshots/${safetySnapshot}/d/100`)
    assert.is(undone.slice(0, 9), 'unsettled')
    await subject.restore('s', 'd')
    for (const name of client.names('d')) if (name.startsWith('new')) client.remove(`d/${name}`)
    await isTree(client)
    await requireSound(subject)
    for (const { name } of snapshots.list()) await snapshots.delete(name)
    await requireSound(subject)
  }))

test.run()
