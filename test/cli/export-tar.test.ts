import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { tarHeader } from '../../src/cli/tar.ts'
import { FileType } from '../../src/fs/filesystem.ts'
import { dir, FakeOperations, file, type Node, sparse, special, symlink } from '../control/fake.ts'
import { withTempDir } from '../control/tempdir.ts'
import { cli, type Ran } from './harness.ts'

const test = suite('cli/export-tar: an archive on stdout')

/** Makes an archive of a tree. */
async function archive(
  root: Node,
  argv: readonly string[],
  prepare: (fake: FakeOperations) => void = () => undefined,
): Promise<{ ran: Ran; bytes: Buffer }> {
  const fake = new FakeOperations(root)
  prepare(fake)
  let bytes: Buffer = Buffer.alloc(0)
  const ran = await cli(['restore', ...argv, '--snapshot', 'before', '--output', '-'], {
    operations: fake,
    onBytes: (all) => {
      bytes = all
    },
  })
  return { ran, bytes }
}

/** Unpacks it with the system's tar. @param look is given the folder, and what tar said */
async function unpacked(bytes: Buffer, look: (path: string) => void): Promise<void> {
  await withTempDir(async (path) => {
    // Whatever tar complains about goes to stderr, and is an error here.
    const script = 'tar -xp --numeric-owner 2>&1'
    const said = execFileSync('sh', ['-c', script], { input: bytes, cwd: path, encoding: 'utf8' })
    assert.is(said, '')
    look(path)
  })
}

const listed = (bytes: Buffer) =>
  execFileSync('tar', ['-t', '--quoting-style=literal'], { input: bytes, encoding: 'utf8' })
    .trim()
    .split('\n')

const LONG = 'n'.repeat(120)
const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

function everything(): Node {
  const linked = file('one file', { nlink: 2, ...own })
  const deep = dir({ [LONG]: dir({ [LONG]: file('deep', own) }, own) }, { mode: 0o710, ...own })
  return dir({
    d: dir(
      {
        ...{ empty: file('', own), 'grüße 日本': file('utf8', { mode: 0o600, ...own }), deep },
        ...{
          first: linked,
          second: linked,
          link: symlink('../some where'),
          pipe: special(FileType.FIFO),
        },
        ...{ far: symlink(`/${LONG}/${LONG}`), 'bytes:\xff\xfe': file('no utf8', own) },
        odd: file(Buffer.alloc(513, 7), own),
        holes: sparse(3_000_000, [{ at: 1_000_000, bytes: Buffer.alloc(5000, 'x') }]),
      },
      { mode: 0o700, mtime: { seconds: 1_600_000_000, nseconds: 5 }, ...own },
    ),
  })
}

test('everything comes out of the tar of this system', async () => {
  const { ran, bytes } = await archive(everything(), ['d'])
  assert.equal([ran.code, ran.stdout], [0, ''])
  assert.match(ran.stderr, /^archived 11 files in 3 folders, .*, checksums verified, in /)
  assert.is(bytes.length % 10_240, 0)
  await unpacked(bytes, (path) => {
    const read = (name: string) => fs.readFileSync(`${path}/d/${name}`, 'latin1')
    const stat = (name: string) => fs.lstatSync(`${path}/d/${name}`, { bigint: true })
    assert.is(read('empty'), '')
    assert.is(read('grüße 日本'), 'utf8')
    assert.is(Number(stat('grüße 日本').mode & 0o7777n), 0o600)
    assert.is(read(`deep/${LONG}/${LONG}`), 'deep')
    assert.is(read('odd'), '\u0007'.repeat(513))
    assert.is(stat('first').ino, stat('second').ino)
    assert.is(fs.readlinkSync(`${path}/d/link`), '../some where')
    assert.is(fs.readlinkSync(`${path}/d/far`), `/${LONG}/${LONG}`)
    assert.ok(stat('pipe').isFIFO())
    assert.is(fs.readFileSync(Buffer.from(`${path}/d/\xff\xfe`, 'latin1'), 'utf8'), 'no utf8')
    const holes = fs.readFileSync(`${path}/d/holes`)
    assert.is(holes.length, 3_000_000)
    assert.ok(holes.subarray(1_000_000, 1_005_000).equals(Buffer.alloc(5000, 'x')))
    assert.ok(holes.subarray(1_005_000).equals(Buffer.alloc(1_995_000)))
    assert.is(stat('odd').mtimeNs, 1_700_000_001_123_456_789n)
    assert.is(stat('.').mtimeNs, 1_600_000_000_000_000_005n)
    assert.is(Number(stat('deep').mode & 0o7777n), 0o710)
  })
})

test('the root directory, several paths, and only what matches', async () => {
  const root = () =>
    dir({
      a: dir({ x: file('x'), y: file('y') }),
      b: dir({ c: dir({ z: file('z') }) }),
      f: file('f'),
    })
  assert.equal(listed((await archive(root(), ['/'])).bytes).sort(), [
    ...['./', 'a/', 'a/x', 'a/y', 'b/', 'b/c/', 'b/c/z', 'f'],
  ])
  assert.equal(listed((await archive(root(), ['b/c', 'f'])).bytes), ['c/', 'c/z', 'f'])
  const some = await archive(root(), ['/', '--include', 'z', '--include', 'y'])
  assert.equal(listed(some.bytes).sort(), ['./', 'a/', 'a/y', 'b/', 'b/c/', 'b/c/z'])
  const none = await archive(root(), ['/', '--include', 'nothing'])
  assert.equal(none.bytes.equals(Buffer.alloc(10_240)), true)
  const { ran } = await archive(root(), ['a', '/'])
  assert.is(ran.code, 1)
  assert.match(ran.stderr, /two of the paths would become/)
})

test('what cannot be read is listed, and the rest is whole', async () => {
  const { ran, bytes } = await archive(
    dir({ bad: file('bad'), good: file('good') }),
    ['/', '--json'],
    (fake) => fake.unreadable.add('bad'),
  )
  assert.is(ran.code, 3)
  assert.is(ran.stdout, '')
  const said = ran.stderr.trim().split('\n')
  const event = JSON.parse(said.at(-1) ?? '')
  assert.equal([event.event, event.files], ['archived', 1])
  assert.equal(event.failed, [{ path: 'bad', reason: 'a checksum does not match' }])
  assert.equal(listed(bytes).sort(), ['./', 'good'])
})

test('a file that fails half way goes on with zeros, and the archive with it', async () => {
  const root = dir({ a: file(Buffer.alloc(9_000_000, 'x')), b: file('b') })
  const { ran, bytes } = await archive(root, ['/'], (fake) => {
    const { read } = fake
    let left = 2
    fake.read = async (...args) => {
      if (--left === 0) fake.unreadable.add('a')
      return read.apply(fake, args)
    }
  })
  assert.is(ran.code, 3)
  assert.match(ran.stderr, /failed: a: a checksum does not match/)
  await unpacked(bytes, (path) => {
    assert.is(fs.readFileSync(`${path}/a`).indexOf(0), 4 * 1024 * 1024)
    assert.is(fs.statSync(`${path}/a`).size, 9_000_000)
    assert.is(fs.readFileSync(`${path}/b`, 'utf8'), 'b')
  })
})

test('a socket is left out', async () => {
  const { ran, bytes } = await archive(dir({ s: special(FileType.SOCK), f: file('f') }), ['/'])
  assert.is(ran.code, 0)
  assert.match(ran.stderr, /^left out: s: an archive has no place for a socket\n/)
  assert.equal(listed(bytes).sort(), ['./', 'f'])
})

test('a header of what is large: size, owner, and seconds of this century', () => {
  const header = tarHeader({
    ...{ path: Buffer.from('large'), type: FileType.REG, size: 2 ** 40, mode: 0o4755 },
    ...{ uid: 0xffff_fffe, gid: 0x20_0000, major: 0, minor: 0, target: Buffer.alloc(0) },
    ...{ mtime: { seconds: 0xffff_ffff, nseconds: 500_000_000 }, linkTo: undefined },
  })
  // GNU tar reads the header, and ends where the data should begin.
  const script = 'tar -tv --numeric-owner --full-time 2>/dev/null; true'
  const told = execFileSync('sh', ['-c', script], {
    ...{ input: header, encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } },
  })
  assert.match(
    told,
    /^-rwsr-xr-x 4294967294\/2097152 1099511627776 2106-02-07 06:28:15\.5\d* large\n$/,
  )
})

for (const [argv, message] of [
  [['--overwrite', 'always'], /--overwrite means nothing for an archive/],
  [['--dry-run'], /--dry-run means nothing for an archive/],
  [['--verify'], /--verify means nothing for an archive/],
  [['--delete'], /--delete is for trees inside/],
] as const) {
  test(`${argv.join(' ')} with an archive is refused`, async () => {
    const { ran } = await archive(dir({}), ['/', ...argv])
    assert.is(ran.code, 2)
    assert.match(ran.stderr, message)
  })
}

test('an archive is not for a terminal', async () => {
  const argv = ['restore', '/', '--snapshot', 'before', '--output', '-']
  const { code, stderr } = await cli(argv, {
    operations: new FakeOperations(dir({})),
    terminal: 80,
  })
  assert.is(code, 1)
  assert.match(stderr, /an archive is not for a terminal/)
})

test.run()
