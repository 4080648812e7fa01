/** Several datasets in one store, as clients and their owner see them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkStore } from '../../src/check/check.ts'
import { type Errno, FsError } from '../../src/fs/error.ts'
import { type FileId, StableHow } from '../../src/fs/filesystem.ts'
import { Volume } from '../../src/volume.ts'

const test = suite('snapshot/datasets')

const ROOT = { uid: 0, gid: 0, gids: [] }
const OWNER = { uid: 1000, gid: 100 }
const name = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

async function inFolder(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'zerofs-datasets-'))
  try {
    await body(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function open<T>(directory: string, body: (volume: Volume) => Promise<T>): Promise<T> {
  const report = (message: string, error: unknown) => {
    throw new Error(message, { cause: error })
  }
  const volume = await Volume.open({ directory, create: true, command: 'test', report })
  try {
    return await body(volume)
  } finally {
    await volume.close()
  }
}

const withVolume = (body: (volume: Volume) => Promise<void>): Promise<void> =>
  inFolder((directory) => open(directory, body))

async function sound({ store }: Volume): Promise<void> {
  const { problems } = await checkStore(store, () => undefined)
  assert.equal(problems, [])
}

function code(body: () => unknown): Errno | undefined {
  try {
    body()
  } catch (error) {
    if (error instanceof FsError) return error.code
    throw error
  }
  return undefined
}

const codeOf = (promise: Promise<unknown>): Promise<Errno | undefined> =>
  promise.then(
    () => undefined,
    (error: unknown) => (error instanceof FsError ? error.code : undefined),
  )

function makeFile({ fs }: Volume, dir: FileId, text: string, data = ''): FileId {
  const how = { mode: 'UNCHECKED', attributes: {} } as const
  const { id } = fs.create(ROOT, dir, name(text), how)
  if (data !== '') fs.write(ROOT, id, 0, name(data), StableHow.UNSTABLE)
  return id
}

function listing({ fs }: Volume, dir: FileId): string[] {
  const names: string[] = []
  fs.readdir(ROOT, dir, 0, false, (entry) => {
    names.push(Buffer.from(entry.name).toString())
    return true
  })
  return names.filter((one) => one !== '.' && one !== '..')
}

test('a dataset is a file system of its own, seen as a directory of the root', () =>
  withVolume(async (volume) => {
    const { fs, datasets } = volume
    const { fsid, mtime } = fs.getattr(fs.root())
    datasets.create('projects', OWNER)
    assert.equal(listing(volume, fs.root()), ['projects'])
    const found = fs.lookup(ROOT, fs.root(), name('projects'))
    assert.is.not(found.attributes.fsid, fsid)
    assert.equal([found.attributes.uid, found.attributes.gid], [1000, 100])
    assert.is.not(found.dirAttributes.mtime, mtime)
    const file = makeFile(volume, found.id, 'a')
    assert.is(fs.getattr(file).fsid, found.attributes.fsid)
    assert.equal(listing(volume, found.id), ['a'])
    assert.equal(listing(volume, fs.root()), ['projects'])
    // Its `..` leads nowhere else: it is a root.
    assert.equal(fs.lookup(ROOT, found.id, name('..')).id, found.id)
    await sound(volume)
  }))

test('the names of datasets can be given to nothing else, and do not go like others', () =>
  withVolume(async (volume) => {
    const { fs, datasets } = volume
    const root = fs.root()
    makeFile(volume, root, 'file')
    const id = datasets.create('data', OWNER).fs.root()
    const how = { mode: 'GUARDED', attributes: {} } as const
    assert.is(
      code(() => fs.create(ROOT, root, name('data'), how)),
      'EXIST',
    )
    assert.is(
      code(() => fs.mkdir(ROOT, root, name('data'), {})),
      'EXIST',
    )
    assert.is(
      code(() => fs.symlink(ROOT, root, name('data'), name('x'), {})),
      'EXIST',
    )
    assert.is(
      code(() => fs.rename(ROOT, root, name('file'), root, name('data'))),
      'EXIST',
    )
    assert.is(
      code(() => fs.rename(ROOT, root, name('data'), root, name('x'))),
      'ACCES',
    )
    assert.is(
      code(() => fs.remove(ROOT, root, name('data'))),
      'ACCES',
    )
    assert.is(
      code(() => fs.rmdir(ROOT, root, name('data'))),
      'ACCES',
    )
    // Elsewhere the name is like any other.
    fs.mkdir(ROOT, id, name('data'), {})
    assert.is(
      code(() => datasets.create('file', OWNER)),
      'EXIST',
    )
    assert.is(
      code(() => datasets.create('data', OWNER)),
      'EXIST',
    )
    for (const bad of ['', '.', '..', 'a/b', '.snapshots', 'x'.repeat(256)]) {
      assert.is(
        code(() => datasets.create(bad, OWNER)),
        'INVAL',
        bad,
      )
    }
    assert.equal(listing(volume, root), ['file', 'data'])
    await sound(volume)
  }))

test('nothing is linked or renamed from one dataset to another', () =>
  withVolume(async (volume) => {
    const { fs, datasets } = volume
    const a = datasets.create('a', OWNER).fs.root()
    const b = datasets.create('b', OWNER).fs.root()
    const file = makeFile(volume, a, 'file')
    assert.is(
      code(() => fs.rename(ROOT, a, name('file'), b, name('file'))),
      'XDEV',
    )
    assert.is(
      code(() => fs.rename(ROOT, a, name('none'), b, name('file'))),
      'NOENT',
    )
    assert.is(
      code(() => fs.link(ROOT, file, fs.root(), name('file'))),
      'XDEV',
    )
    assert.equal(listing(volume, a), ['file'])
    assert.equal(listing(volume, b), [])
  }))

test('each dataset has its own snapshots and epochs', () =>
  withVolume(async (volume) => {
    const { fs, datasets } = volume
    const one = datasets.create('one', OWNER)
    const two = datasets.create('two', OWNER)
    makeFile(volume, one.fs.root(), 'before')
    makeFile(volume, two.fs.root(), 'before')
    one.snapshots.create('s')
    makeFile(volume, one.fs.root(), 'after')
    makeFile(volume, two.fs.root(), 'after')
    const dir = fs.lookup(ROOT, one.fs.root(), name('.snapshots')).id
    assert.equal(listing(volume, fs.lookup(ROOT, dir, name('s')).id), ['before'])
    const other = fs.lookup(ROOT, two.fs.root(), name('.snapshots')).id
    assert.equal(listing(volume, other), [])
    assert.equal([one.dataset.epoch, two.dataset.epoch], [2, 1])
    await sound(volume)
  }))

test('datasets, their files and their quota are there again after a restart', () =>
  inFolder(async (directory) => {
    const id = await open(directory, async (volume) => {
      const { datasets } = volume
      datasets.create('kept', { ...OWNER, quota: { bytes: 1_000_000, inodes: 10 } })
      datasets.create('old', OWNER)
      datasets.rename('old', 'new')
      return makeFile(volume, datasets.get('kept').fs.root(), 'file', 'hello')
    })
    await open(directory, async (volume) => {
      const { fs, datasets } = volume
      assert.equal(listing(volume, fs.root()), ['kept', 'new'])
      assert.is(fs.getattr(id).size, 5)
      const { quota, usage } = datasets.get('kept').dataset
      assert.equal(quota, { bytes: 1_000_000, inodes: 10 })
      assert.equal(usage, { bytes: 5, inodes: 2 })
      assert.is(
        code(() => datasets.get('old')),
        'NOENT',
      )
      await sound(volume)
    })
  }))

test('a quota is kept, by bytes and by inodes, and seen as the size of the file system', () =>
  withVolume(async (volume) => {
    const { fs, datasets } = volume
    const quota = { bytes: 1_000_000, inodes: 4 }
    const root = datasets.create('small', { ...OWNER, quota }).fs.root()
    const file = makeFile(volume, root, 'file')
    const write = (offset: number, length: number) =>
      code(() => fs.write(ROOT, file, offset, new Uint8Array(length).fill(1), StableHow.UNSTABLE))
    assert.is(write(0, 500_000), undefined)
    assert.is(write(500_000, 600_000), 'DQUOT')
    // What replaces other data takes no more.
    for (let i = 0; i < 10; i++) assert.is(write(0, 400_000), undefined)
    // The second one has to make room first, by storing the first one, which made the file longer.
    datasets.settleAll()
    assert.is(write(100_000, 450_000), undefined)
    assert.is(write(0, 200_000), undefined)
    assert.is(fs.getattr(file).size, 550_000)
    datasets.settleAll()
    assert.is(fs.getattr(file).size, 550_000)
    const { tbytes, abytes, tfiles, afiles } = fs.statfs(root)
    assert.equal([tbytes, tfiles, afiles], [1_000_000, 4, 2])
    assert.is(abytes, 1_000_000 - fs.getattr(file).used)
    makeFile(volume, root, 'second')
    makeFile(volume, root, 'third')
    assert.is(
      code(() => makeFile(volume, root, 'fourth')),
      'DQUOT',
    )
    assert.is(
      code(() => fs.mkdir(ROOT, root, name('dir'), {})),
      'DQUOT',
    )
    fs.remove(ROOT, root, name('second'))
    makeFile(volume, root, 'fourth')
    assert.is(fs.statfs(fs.root()).tfiles > 1000, true, 'others have no such limit')
    datasets.setQuota('small', { bytes: 100, inodes: 0 })
    assert.is(write(0, 1), 'DQUOT')
    assert.is(fs.statfs(root).abytes, 0)
    fs.remove(ROOT, root, name('file'))
    await sound(volume)
  }))

test('a deleted dataset is gone at once, and then all that it held is free', () =>
  withVolume(async (volume) => {
    const { fs, datasets, store } = volume
    const before = store.spaceMap.usedBlocks
    const gone = datasets.create('gone', OWNER)
    const root = gone.fs.root()
    const files = [1, 2, 3].map((i) => makeFile(volume, root, `f${i}`, 'x'.repeat(i * 100_000)))
    const refusal = async () => {
      const refused = await datasets.delete('gone', false).catch((error: unknown) => error)
      return refused instanceof FsError ? refused.message : ''
    }
    gone.snapshots.create('one')
    assert.match(await refusal(), /^dataset 'gone' has 1 snapshot, which would go too: --with-/)
    fs.remove(ROOT, root, name('f1'))
    fs.write(ROOT, files[1] ?? root, 50_000, new Uint8Array(90_000), StableHow.UNSTABLE)
    gone.snapshots.create('two')
    fs.write(ROOT, files[2] ?? root, 0, new Uint8Array(300_000), StableHow.UNSTABLE)
    assert.is(await codeOf(datasets.delete('gone', false)), 'ACCES')
    assert.match(await refusal(), /^dataset 'gone' has 2 snapshots, which /)
    assert.equal(listing(volume, fs.root()), ['gone'])
    const deletion = datasets.delete('gone', true)
    assert.is(
      code(() => fs.getattr(root)),
      'STALE',
    )
    assert.equal(listing(volume, fs.root()), [])
    await sound(volume)
    await deletion
    assert.is(store.spaceMap.usedBlocks, before)
    assert.equal(store.objsets.all.length, 1)
    await sound(volume)
    assert.is(await codeOf(datasets.delete('', true)), 'INVAL')
    datasets.create('gone', OWNER)
    assert.equal(listing(volume, datasets.get('gone').fs.root()), [])
    assert.is(
      code(() => fs.getattr(root)),
      'STALE',
    )
  }))

test('a deletion that was interrupted goes on with the next start', () =>
  inFolder(async (directory) => {
    await open(directory, async (volume) => {
      const { datasets } = volume
      const { fs } = datasets.create('gone', OWNER)
      for (let i = 0; i < 600; i++) makeFile(volume, fs.root(), `f${i}`, 'x'.repeat(5000))
      await volume.store.flush()
      void datasets.delete('gone', false)
    })
    await open(directory, async (volume) => {
      const { store, datasets } = volume
      assert.is(
        code(() => datasets.get('gone')),
        'NOENT',
      )
      while (store.objsets.all.length > 1) await new Promise((resolve) => setTimeout(resolve, 10))
      assert.is(store.spaceMap.usedBlocks, 0)
      await sound(volume)
    })
  }))

test('a listing of the root goes on behind any entry, datasets included', () =>
  withVolume(async (volume) => {
    const { fs, datasets } = volume
    for (const one of ['x', 'y', 'z']) datasets.create(one, OWNER)
    for (const one of ['a', 'b']) makeFile(volume, fs.root(), one)
    const names: string[] = []
    let cookie = 0
    for (let eof = false; !eof; ) {
      let seen = 0
      const result = fs.readdir(ROOT, fs.root(), cookie, true, (entry) => {
        if (seen++ > 0) return false
        names.push(Buffer.from(entry.name).toString())
        cookie = entry.cookie
        return true
      })
      eof = result.eof
    }
    assert.equal(names, ['.', '..', 'a', 'b', 'x', 'y', 'z'])
  }))

test.run()
