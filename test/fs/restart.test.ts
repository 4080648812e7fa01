import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FsError } from '../../src/fs/error.ts'
import { type FileId, type FileSystem, StableHow } from '../../src/fs/filesystem.ts'
import { LISTING_LOADS_MAX } from '../../src/fs/readfs.ts'
import { PAGE_COOKIES } from '../../src/store/records.ts'
import { type Clock, compareTime } from '../../src/store/time.ts'
import { ALICE, bytes, Client, fails, ROOT } from './client.ts'
import { openLive, withFolder, withLive } from './harness.ts'
import { checkTree } from './invariants.ts'

const test = suite('fs/livefs: restarts, large directories, failures')

/** Runs one part after the other on one folder, with a restart in between. */
async function withRestarts(
  parts: readonly ((client: Client, fs: FileSystem) => Promise<void> | void)[],
  clocks: readonly Clock[] = [],
): Promise<void> {
  await withFolder(async (directory) => {
    for (const [i, part] of parts.entries()) {
      const { fs, root, live, store } = await openLive(directory, clocks[i])
      try {
        await part(new Client(fs, root), fs)
        live.data.settleAll()
      } finally {
        await store.close()
      }
    }
  })
}

test('handles, attributes, listings and data are what they were before a restart', async () => {
  const before: unknown[] = []
  const ids: FileId[] = []
  const look = (client: Client) => [
    client.entries(''),
    client.entries('dir'),
    ...['', 'dir', 'dir/f', 'l'].map((path) => client.find(path)),
  ]
  await withRestarts([
    async (client) => {
      client.mkdir('dir')
      for (let i = 0; i < 100; i++) client.create(`dir/${i}`)
      ids.push(client.create('dir/f'))
      client.symlink('l', 'target')
      await client.write('dir/f', 5000, 'data')
      client.fs.commit(ROOT, client.id('dir/f'))
      before.push(...look(client))
    },
    async (client, fs) => {
      assert.equal(look(client), before)
      for (const id of ids) assert.is(fs.getattr(id).size, 5004)
      assert.is((await client.readText('dir/f')).slice(4998), '\0\0data')
    },
  ])
})

test('what was written stable or committed is there, whatever else becomes of the server', () =>
  withFolder(async (directory) => {
    const { fs, root, store } = await openLive(directory)
    const client = new Client(fs, root)
    for (const name of ['data', 'file', 'commit']) client.create(name)
    await client.write('data', 0, 'DATA_SYNC', StableHow.DATA_SYNC)
    await client.write('file', 0, 'FILE_SYNC', StableHow.FILE_SYNC)
    await client.write('commit', 0, 'committed')
    fs.commit(ROOT, client.id('commit'))
    // Nothing settles what is only in memory: it goes with the process.
    await store.close()
    const again = await openLive(directory)
    const after = new Client(again.fs, again.root)
    assert.is(await after.readText('data'), 'DATA_SYNC')
    assert.is(await after.readText('file'), 'FILE_SYNC')
    assert.is(await after.readText('commit'), 'committed')
    await again.store.close()
  }))

test('an EXCLUSIVE create is known again after a restart', () => {
  const how = { mode: 'EXCLUSIVE' as const, verifier: bytes('verifier') }
  const ids: FileId[] = []
  return withRestarts([
    (client) => void ids.push(client.create('f', 0, how)),
    (client) => assert.equal(client.create('f', 0, how), ids[0]),
    (client) => {
      const other = { ...how, verifier: bytes('another ') }
      fails('EXIST', () => client.create('f', 0, other))
    },
  ])
})

test('neither cookies nor handles are used again after a restart', () => {
  const gone: FileId[] = []
  const cookies: number[] = []
  return withRestarts([
    (client) => {
      gone.push(client.create('f'))
      cookies.push(client.entries('').at(-1)?.cookie ?? 0)
      client.remove('f')
    },
    (client, fs) => {
      const id = client.create('f')
      assert.not.equal(id, gone[0])
      assert.ok((client.entries('').at(-1)?.cookie ?? 0) > (cookies[0] ?? 0))
      for (const old of gone) fails('STALE', () => fs.getattr(old))
    },
  ])
})

test('the write verifier is another after a restart', () => {
  const seen: string[] = []
  const note = (_: Client, fs: FileSystem) => {
    seen.push(Buffer.from(fs.writeVerifier).toString('hex'))
  }
  return withRestarts([note, note, () => assert.not.equal(seen[0], seen[1])])
})

test('ctime moves forward though the clock went back', () => {
  const at = (seconds: number) => () => ({ seconds, nseconds: 0 })
  const changes: ((client: Client) => Promise<void> | void)[] = [
    (client) => client.set('f', { mode: 0o600 }),
    (client) => client.write('f', 0, 'x'),
    (client) => client.write('f', 1, 'y'),
    (client) => client.set('f', { size: 9 }),
    (client) => client.link('f', 'g'),
    (client) => client.remove('g'),
    (client) => client.rename('f', 'h'),
    (client) => client.rename('h', 'f'),
  ]
  return withRestarts(
    [
      (client) => void client.create('f'),
      async (client) => {
        for (const [i, change] of changes.entries()) {
          const file = client.id(client.has('f') ? 'f' : 'h')
          const before = [client.fs.getattr(file).ctime, client.stat('').ctime] as const
          await change(client)
          const after = [client.fs.getattr(file).ctime, client.stat('').ctime] as const
          assert.ok(compareTime(after[0], before[0]) > 0, `change ${i} of the file`)
          const named = compareTime(after[1], before[1])
          assert.is(named > 0, i >= 4, `change ${i} of the directory`)
        }
      },
    ],
    [at(2_000_000), at(1_000_000)],
  )
})

test('a directory of 20,000 names comes and goes', () =>
  withLive(async ({ fs, root, live, store: { dataset } }) => {
    const client = new Client(fs, root)
    const dir = client.mkdir('d')
    const count = 20_000
    const guarded = { mode: 'GUARDED' as const, attributes: {} }
    for (let i = 0; i < count; i++) fs.create(ROOT, dir, bytes(`n${i}`), guarded)
    const expected = Array.from({ length: count }, (_, i) => `n${i}`)
    assert.equal(client.names('d'), expected)
    checkTree(live)
    for (let i = 0; i < count; i++) if (i % 1000 !== 7) fs.remove(ROOT, dir, bytes(`n${i}`))
    assert.equal(
      client.names('d'),
      expected.filter((_, i) => i % 1000 === 7),
    )
    checkTree(live)
    for (let i = 7; i < count; i += 1000) fs.remove(ROOT, dir, bytes(`n${i}`))
    assert.equal(client.names('d'), [])
    const pages = Math.ceil(count / 32)
    for (let page = 0; page <= pages; page++) {
      assert.is(dataset.pages.get(`${dir.ino}/${page}`), undefined)
    }
    for (const record of ['0/0', '0/1', '1/0']) {
      assert.is(dataset.bitmaps.get(`${dir.ino}/${record}`), undefined)
    }
    client.rmdir('d')
  }))

test('an operation that fails half way has done nothing', () =>
  withLive(async ({ fs, root, live }) => {
    const client = new Client(fs, root)
    client.create('f')
    await client.write('f', 0, 'kept')
    client.mkdir('d')
    const before = [client.entries(''), client.entries('d'), client.stat('')]
    const full = () => {
      throw new FsError('NOSPC')
    }
    const { data } = live
    const { truncate, settle, remove } = data
    data.truncate = full
    const how = { mode: 'GUARDED' as const, attributes: { size: 100 } }
    fails('NOSPC', () => client.create('g', 0, how))
    fails('NOSPC', () => client.set('f', { size: 2, mode: 0 }))
    data.truncate = truncate
    data.settle = full
    fails('NOSPC', () => client.rename('f', 'd/f'))
    fails('NOSPC', () => client.link('f', 'd/f'))
    data.settle = settle
    data.remove = full
    fails('NOSPC', () => client.remove('f'))
    data.remove = remove
    assert.equal([client.entries(''), client.entries('d'), client.stat('')], before)
    assert.is(await client.readText('f'), 'kept')
    checkTree(live)
  }))

test('a file has LINK_MAX names at most', () =>
  withLive(async ({ fs, root }) => {
    const client = new Client(fs, root)
    const id = client.create('f')
    for (let i = 1; i < 65_000; i++) fs.link(ROOT, id, root, bytes(`n${i}`))
    assert.is(fs.getattr(id).nlink, 65_000)
    fails('MLINK', () => fs.link(ROOT, id, root, bytes('more')))
    client.remove('f')
    client.fs.link(ROOT, id, root, bytes('more'))
  }))

test('names and links do not cross file systems', () =>
  withLive(async ({ fs, root }) => {
    const client = new Client(fs, root)
    const id = client.create('f')
    for (const elsewhere of [{ snapshot: 3 }, { dataset: 9 }, { snapdir: true }]) {
      const dir = { ...root, ...elsewhere }
      fails('XDEV', () => fs.rename(ROOT, root, bytes('f'), dir, bytes('g')))
      fails('XDEV', () => fs.rename(ROOT, dir, bytes('f'), root, bytes('g')))
      fails('XDEV', () => fs.link(ROOT, id, dir, bytes('g')))
      fails('XDEV', () => fs.link(ROOT, { ...id, ...elsewhere }, root, bytes('g')))
      fails('STALE', () => fs.getattr({ ...id, ...elsewhere }))
      fails('STALE', () => fs.mkdir(ALICE, dir, bytes('g'), {}))
    }
  }))

test('a listing reads no more in one turn than others can wait for, and misses nothing', async () => {
  const many = LISTING_LOADS_MAX + 100
  await withFolder(async (directory) => {
    const made = await openLive(directory)
    const all = made.fs.mkdir(ROOT, made.root, bytes('dir'), {}).id
    for (let i = 0; i < many; i++) {
      made.fs.create(ROOT, all, bytes(`f${i}`), { mode: 'GUARDED', attributes: {} })
    }
    await made.store.close()
    const { fs, root, store } = await openLive(directory)
    try {
      const dir = fs.lookup(ROOT, root, bytes('dir')).id
      const taken: string[] = []
      let pages = 0
      for (let cookie = 0, eof = false; !eof; pages++) {
        const loads = store.dataset.loads
        const before = taken.length
        eof = fs.readdir(ROOT, dir, cookie, true, (entry) => {
          taken.push(Buffer.from(entry.name).toString())
          cookie = entry.cookie
          return true
        }).eof
        assert.ok(taken.length > before, 'a page has at least one entry')
        // The page that was begun is ended.
        const most = LISTING_LOADS_MAX + PAGE_COOKIES
        assert.ok(store.dataset.loads - loads <= most, 'one turn read too much')
      }
      assert.equal(taken, ['.', '..', ...Array.from({ length: many }, (_, i) => `f${i}`)])
      assert.ok(pages > 1, 'all was in memory')
    } finally {
      await store.close()
    }
  })
})

test.run()
