import * as fs from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { READ_BYTES_MAX } from '../../src/control/operations.ts'
import { FileType } from '../../src/fs/filesystem.ts'
import { dir, FakeOperations, file, sparse, special, symlink } from '../control/fake.ts'
import { withTempDir } from '../control/tempdir.ts'
import { restoring, temporaries } from './exporting.ts'
import { cli, type Ran, withServed } from './harness.ts'

const test = suite('cli/export: what comes out')

const ROOT = process.getuid?.() === 0
/** Ids as the tests' own process may set them. */
const IDS = ROOT ? { uid: 1234, gid: 2345 } : {}

const latin1 = (name: string) => Buffer.from(name, 'latin1')

const mtimeOf = (path: string | Buffer) => fs.lstatSync(path, { bigint: true }).mtimeNs

test('a file, with its bytes, mode, owner and times', async () => {
  const root = dir({ etc: dir({ hosts: file('127.0.0.1\n', { mode: 0o640, ...IDS }) }) })
  await restoring(root, ['etc/hosts', '--output', 'copy'], (path, ran) => {
    assert.is(ran.code, 0, ran.stderr)
    // Before the file is read, which is a change of its atime.
    const found = fs.statSync(join(path, 'copy'))
    assert.is(fs.readFileSync(join(path, 'copy'), 'utf8'), '127.0.0.1\n')
    assert.is(found.mode & 0o7777, 0o640)
    assert.is(mtimeOf(join(path, 'copy')), 1_700_000_001_123_456_000n)
    assert.is(found.atimeMs, 1_700_000_000_000)
    if (ROOT) assert.equal([found.uid, found.gid], [IDS.uid, IDS.gid])
  })
})

test('into an existing folder it goes under its own name', async () => {
  const root = dir({ etc: dir({ hosts: file('x'), deep: dir({}) }) })
  const prepare = (path: string) => fs.mkdirSync(join(path, 'out'))
  const look = (path: string, ran: Ran) => {
    assert.is(ran.code, 0, ran.stderr)
    assert.equal(fs.readdirSync(join(path, 'out')), ['etc'])
    assert.equal(fs.readdirSync(join(path, 'out/etc')), ['deep', 'hosts'])
  }
  await restoring(root, ['/etc/', '--output', 'out'], look, { prepare })
})

test('the root directory goes into an existing folder by its names, and leaves the folder as it is', async () => {
  const root = dir({ a: file('1'), b: dir({ c: file('2') }) }, { mode: 0o700 })
  const prepare = (path: string) => fs.mkdirSync(join(path, 'out'), { mode: 0o755 })
  const look = (path: string, ran: Ran) => {
    assert.is(ran.code, 0, ran.stderr)
    assert.equal(fs.readdirSync(join(path, 'out')), ['a', 'b'])
    assert.is(fs.statSync(join(path, 'out')).mode & 0o777, 0o755)
  }
  await restoring(root, ['/', '--output', 'out'], look, { prepare })
})

test('several paths go into one folder, and two of one name are refused', async () => {
  const root = dir({ a: dir({ x: file('1') }), b: dir({ x: file('2'), y: file('3') }) })
  const prepare = (path: string) => fs.mkdirSync(join(path, 'out'))
  const good = (path: string, ran: Ran) => {
    assert.is(ran.code, 0, ran.stderr)
    assert.equal(fs.readdirSync(join(path, 'out')), ['x', 'y'])
  }
  await restoring(root, ['a/x', 'b/y', '--output', 'out'], good, { prepare })
  const bad = (_: string, ran: Ran) => {
    assert.is(ran.code, 1)
    assert.match(ran.stderr, /two of the paths would become .*\/out\/x/)
  }
  await restoring(root, ['a/x', 'b/x', '--output', 'out'], bad, { prepare })
  await restoring(root, ['a/x', 'b/y', '--output', 'nowhere'], (_, ran) => {
    assert.is(ran.code, 1)
    assert.match(ran.stderr, /several paths need an existing folder, and nowhere is none/)
  })
})

test('--source and --destination are the same as PATH and --output', async () => {
  const argv = ['--source', 'a', '--destination', 'b']
  await restoring(dir({ a: file('1') }), argv, (path, ran) => {
    assert.is(ran.code, 0, ran.stderr)
    assert.is(fs.readFileSync(join(path, 'b'), 'utf8'), '1')
  })
})

test('a folder gets its mode and times after what is in it', async () => {
  const root = dir({ d: dir({ f: file('x') }, { mode: 0o555, ...IDS }) })
  await restoring(root, ['d', '--output', 'd'], (path, ran) => {
    assert.is(ran.code, 0, ran.stderr)
    assert.is(fs.statSync(join(path, 'd')).mode & 0o7777, 0o555)
    assert.is(mtimeOf(join(path, 'd')), 1_700_000_001_123_456_000n)
    if (ROOT) assert.is(fs.statSync(join(path, 'd')).uid, IDS.uid)
    fs.chmodSync(join(path, 'd'), 0o755)
  })
})

test('a file of many pieces comes whole, and no more of it is in memory than a few', async () => {
  const bytes = Buffer.alloc(3 * READ_BYTES_MAX + 12_345)
  for (let i = 0; i < bytes.length; i += 997) bytes[i] = i % 251
  await restoring(dir({ big: file(bytes) }), ['big', '--output', 'big'], (path, ran, fake) => {
    assert.is(ran.code, 0, ran.stderr)
    assert.ok(fs.readFileSync(join(path, 'big')).equals(bytes))
    assert.is(fake.reads, 4)
  })
})

test('holes stay holes and are not read, and zeros become holes', async () => {
  const far = 64 * 1024 * 1024 * 1024
  const middle = Buffer.alloc(300_000)
  middle.write('begin')
  middle.write('end', middle.length - 3)
  const node = sparse(far + 100, [
    { at: 1_000_000, bytes: middle },
    { at: far, bytes: Buffer.from('tail') },
  ])
  await restoring(dir({ holes: node }), ['holes', '--output', 'holes'], (path, ran, fake) => {
    assert.is(ran.code, 0, ran.stderr)
    const found = fs.statSync(join(path, 'holes'))
    assert.is(found.size, far + 100)
    assert.ok(found.blocks * 512 <= 64 * 1024, `${found.blocks} blocks`)
    assert.ok(fake.reads <= 3, `${fake.reads} reads`)
    const fd = fs.openSync(join(path, 'holes'), 'r')
    const read = Buffer.alloc(middle.length + 20)
    fs.readSync(fd, read, 0, read.length, 1_000_000 - 10)
    assert.ok(read.equals(Buffer.concat([Buffer.alloc(10), middle, Buffer.alloc(10)])))
    fs.readSync(fd, read, 0, 4, far)
    assert.is(read.toString('utf8', 0, 4), 'tail')
    fs.closeSync(fd)
  })
})

test('an empty file, and a file that is one hole', async () => {
  const root = dir({ empty: file(''), hole: sparse(10_000_000, []) })
  await restoring(root, ['/', '--output', '.'], (path, ran) => {
    assert.is(ran.code, 0, ran.stderr)
    assert.is(fs.statSync(join(path, 'empty')).size, 0)
    assert.is(fs.statSync(join(path, 'hole')).size, 10_000_000)
    assert.is(fs.statSync(join(path, 'hole')).blocks, 0)
  })
})

test('symlinks are made as they were, wherever they lead', async () => {
  const root = dir({ d: dir({ up: symlink('../../etc/passwd'), none: symlink('/nonexistent') }) })
  await restoring(root, ['d', '--output', 'd'], (path, ran) => {
    assert.is(ran.code, 0, ran.stderr)
    assert.is(fs.readlinkSync(join(path, 'd/up')), '../../etc/passwd')
    assert.is(fs.readlinkSync(join(path, 'd/none')), '/nonexistent')
    assert.is(mtimeOf(join(path, 'd/up')), 1_700_000_001_123_456_000n)
  })
})

test('hard links within the tree are hard links', async () => {
  const shared = file('shared', { nlink: 3 })
  const link = symlink('x')
  const root = dir({
    a: shared,
    b: dir({ c: shared, d: dir({ e: shared }) }),
    l1: { ...link, info: { ...link.info, nlink: 2 } },
    other: file('shared'),
  })
  await restoring(root, ['/', '--output', 'out'], (path, ran) => {
    assert.is(ran.code, 0, ran.stderr)
    const ino = (name: string) => fs.statSync(join(path, 'out', name)).ino
    assert.is(ino('a'), ino('b/c'))
    assert.is(ino('a'), ino('b/d/e'))
    assert.is(fs.statSync(join(path, 'out/a')).nlink, 3)
    assert.is.not(ino('a'), ino('other'))
  })
})

test('restoring hard links again changes nothing', async () => {
  const shared = file('shared', { nlink: 2 })
  const root = dir({ a: shared, b: shared })
  const args = ['restore', '/', '--snapshot', 'before', '--output', 'out']
  await withTempDir(async (path) => {
    for (const [i, rule] of ['if-changed', 'if-changed', 'always', 'never'].entries()) {
      const world = {
        operations: new FakeOperations(root),
        cwd: path,
        uid: process.getuid?.() ?? 1,
      }
      // The second time the folder exists, so that the root's names go into it.
      const ran = await cli([...args, '--overwrite', rule, '--json'], world)
      assert.is(ran.code, 0, ran.stderr)
      const { ino } = fs.statSync(join(path, 'out/a'))
      assert.is(fs.statSync(join(path, 'out/b')).ino, ino, `round ${i}`)
      assert.is(fs.statSync(join(path, 'out/b')).nlink, 2, `round ${i}`)
      assert.equal(temporaries(path), [])
    }
  })
})

test('names of any bytes arrive as they are', async () => {
  const root = dir({ 'bytes:\xff\xfe\x01': file('1'), 'new\nline': file('2'), '-rf': file('3') })
  await restoring(root, ['/', '--output', 'out'], (path, ran) => {
    assert.is(ran.code, 0, ran.stderr)
    const names = fs.readdirSync(join(path, 'out'), { encoding: 'buffer' }).map(String)
    assert.is(names.length, 3)
    const odd = Buffer.concat([Buffer.from(`${path}/out/`), latin1('\xff\xfe\x01')])
    assert.is(fs.readFileSync(odd, 'utf8'), '1')
    assert.is(fs.readFileSync(join(path, 'out/new\nline'), 'utf8'), '2')
  })
})

test('a name that would lead elsewhere is refused', async () => {
  const root = dir({ d: dir({ 'bytes:../evil': file('x'), '..': file('y'), good: file('z') }) })
  await restoring(root, ['d', '--output', 'd'], (path, ran) => {
    assert.is(ran.code, 3)
    assert.equal(fs.readdirSync(join(path, 'd')), ['good'])
    assert.not.ok(fs.existsSync(join(path, 'evil')))
    assert.match(ran.stderr, /its name cannot be a name here/)
  })
})

test('FIFOs and sockets are made, also with odd names', async () => {
  const root = dir({
    pipe: special(FileType.FIFO),
    'bytes:\xff': special(FileType.FIFO),
    socket: special(FileType.SOCK),
    ...(ROOT
      ? { null: special(FileType.CHR, 1, 3), disk: special(FileType.BLK, 300, 70_000) }
      : {}),
  })
  await restoring(root, ['/', '--output', 'out'], async (path, ran) => {
    assert.is(ran.code, 0, ran.stderr)
    const pipe = fs.statSync(join(path, 'out/pipe'))
    assert.ok(pipe.isFIFO())
    assert.is(pipe.mode & 0o777, 0o640)
    assert.ok(fs.statSync(Buffer.concat([Buffer.from(`${path}/out/`), latin1('\xff')])).isFIFO())
    assert.ok(fs.statSync(join(path, 'out/socket')).isSocket())
    if (ROOT) {
      assert.ok(fs.statSync(join(path, 'out/null')).isCharacterDevice())
      assert.is(fs.statSync(join(path, 'out/null')).rdev, 0x103)
      assert.ok(fs.statSync(join(path, 'out/disk')).isBlockDevice())
    }
    const argv = ['restore', '/', '--snapshot', 'before', '--output', 'out', '--json']
    const uid = process.getuid?.() ?? 1
    const again = await cli(argv, { operations: new FakeOperations(root), cwd: path, uid })
    assert.is(JSON.parse(again.stdout).unchanged, ROOT ? 5 : 3, again.stdout)
  })
})

test('a device is for root alone', async () => {
  const root = dir({ null: special(FileType.CHR, 1, 3) })
  await restoring(
    root,
    ['null', '--output', 'x'],
    (_, ran) => {
      assert.is(ran.code, 3)
      assert.match(ran.stderr, /^failed: null: only root can make a device$/m)
    },
    { uid: 1000 },
  )
})

test('without root no file becomes setuid', async () => {
  const root = dir({ su: file('x', { mode: 0o6755, ...IDS }) })
  await restoring(
    root,
    ['su', '--output', 'su'],
    (path, ran) => {
      assert.is(ran.code, 0, ran.stderr)
      assert.is(fs.statSync(join(path, 'su')).mode & 0o7777, 0o755)
      assert.is(fs.statSync(join(path, 'su')).uid, process.getuid?.())
    },
    { uid: 1000 },
  )
  if (!ROOT) return
  await restoring(root, ['su', '--output', 'su'], (path) => {
    assert.is(fs.statSync(join(path, 'su')).mode & 0o7777, 0o6755)
  })
})

test('over the socket of a running server, a whole tree', async () => {
  const shared = file(Buffer.alloc(READ_BYTES_MAX + 5, 'shared'), { nlink: 2 })
  const root = dir({
    one: shared,
    sub: dir({ two: shared, link: symlink('../one'), holes: sparse(2 ** 40, []) }),
    many: dir(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, file(`${i}`)]))),
  })
  await withTempDir((path) =>
    withServed(new FakeOperations(root), async (run) => {
      const argv = ['restore', '/', '--snapshot', 'before', '--output', 'out']
      const ran = await run(argv, { cwd: path, uid: process.getuid?.() ?? 1 })
      assert.is(ran.code, 0, ran.stderr)
      assert.is(fs.readdirSync(join(path, 'out/many')).length, 50)
      assert.is(fs.statSync(join(path, 'out/sub/holes')).size, 2 ** 40)
      assert.is(fs.statSync(join(path, 'out/one')).ino, fs.statSync(join(path, 'out/sub/two')).ino)
      assert.match(ran.stdout, /^restored 54 files in 3 folders to out, 4 MiB, checksums verified/)
    }),
  )
})

test('progress on a terminal: how much, how many, how fast, how long', async () => {
  await withTempDir(async (path) => {
    const bytes = Buffer.alloc(3 * READ_BYTES_MAX, 'x')
    const operations = new FakeOperations(dir({ big: file(bytes), holes: sparse(2 ** 40, []) }))
    const argv = ['restore', '/', '--snapshot', 'before', '--output', 'out']
    const { stderr } = await cli(argv, { operations, cwd: path, terminal: 100, tickMs: 2000 })
    const shown = stderr.split('\r').map((line) => line.replace('\u001b[K', ''))
    assert.ok(
      shown.some((line) => /^\[#+-*\] {2}\d\d% {2}\d MiB of 12 MiB, \d of 2 files, /.test(line)),
    )
    assert.ok(
      shown.some((line) => /\/s, \d+ seconds? left$/.test(line)),
      stderr,
    )
    assert.is(shown.at(-1), '')
  })
})

test.run()
