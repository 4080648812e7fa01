import * as fs from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TEMPORARY_NAME } from '../../src/cli/export-local.ts'
import { type Piece, READ_BYTES_MAX } from '../../src/control/operations.ts'
import { controlProgram } from '../../src/control/program.ts'
import { openControlSocket } from '../../src/control/socket.ts'
import { FsError } from '../../src/fs/error.ts'
import { dir, FakeOperations, file, type Node } from '../control/fake.ts'
import { withTempDir } from '../control/tempdir.ts'
import { restoring } from './exporting.ts'
import { cli, type Ran } from './harness.ts'

const test = suite('cli/export: what is in the way, and what goes wrong')

const RULES = [
  { rule: 'never', there: 'other', expect: 'other', count: 'skipped' },
  { rule: 'never', there: undefined, expect: 'new', count: 'files' },
  { rule: 'if-changed', there: 'other', expect: 'new', count: 'files' },
  { rule: 'if-changed', there: 'odd', expect: 'new', count: 'files' },
  { rule: 'if-changed', there: 'same', expect: 'SAM', count: 'unchanged' },
  { rule: 'always', there: 'same', expect: 'new', count: 'files' },
] as const

for (const { rule, there, expect, count } of RULES) {
  test(`--overwrite ${rule}, and ${there ?? 'nothing'} is there: ${count}`, async () => {
    const prepare = (path: string) => {
      if (there === undefined) return
      // `same` differs in its bytes only, which size and time do not tell.
      fs.writeFileSync(join(path, 'f'), there === 'same' ? 'SAM' : there, { mode: 0o644 })
      if (there === 'same') fs.utimesSync(join(path, 'f'), 1, 1_700_000_001.1234565)
    }
    const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
    const argv = ['f', '--output', 'f', '--overwrite', rule, '--json']
    const look = (path: string, ran: Ran) => {
      assert.is(ran.code, 0, ran.stderr)
      assert.is(fs.readFileSync(join(path, 'f'), 'utf8'), expect)
      const last = JSON.parse(ran.stdout.trim().split('\n').at(-1) ?? '')
      assert.is(last[count], 1, ran.stdout)
      assert.is(last.files + last.unchanged + last.skipped, 1)
    }
    await restoring(dir({ f: file('new', ids) }), argv, look, { prepare })
  })
}

test('a folder in the way of a file is not removed', async () => {
  const prepare = (path: string) => fs.mkdirSync(join(path, 'out/f'), { recursive: true })
  await restoring(
    dir({ f: file('x') }),
    ['/', '--output', 'out'],
    (path, ran) => {
      assert.is(ran.code, 3)
      assert.match(ran.stderr, /^failed: f: a folder is in the way$/m)
      assert.ok(fs.statSync(join(path, 'out/f')).isDirectory())
    },
    { prepare },
  )
})

test('a symlink in the way of a folder is replaced, never followed', async () => {
  const prepare = (path: string) => {
    fs.mkdirSync(join(path, 'out'))
    fs.mkdirSync(join(path, 'precious'))
    fs.symlinkSync('../precious', join(path, 'out/d'))
  }
  const root = dir({ d: dir({ f: file('x') }) })
  await restoring(
    root,
    ['/', '--output', 'out'],
    (path, ran) => {
      assert.is(ran.code, 0, ran.stderr)
      assert.equal(fs.readdirSync(join(path, 'precious')), [])
      assert.equal(fs.readdirSync(join(path, 'out/d')), ['f'])
    },
    { prepare },
  )
})

test('a symlink in the way of a file is replaced, never followed', async () => {
  const prepare = (path: string) => {
    fs.writeFileSync(join(path, 'precious'), 'precious')
    fs.symlinkSync('precious', join(path, 'f'))
  }
  await restoring(
    dir({ f: file('x') }),
    ['f', '--output', '.'],
    (path, ran) => {
      assert.is(ran.code, 0, ran.stderr)
      assert.is(fs.readFileSync(join(path, 'precious'), 'utf8'), 'precious')
      assert.is(fs.readFileSync(join(path, 'f'), 'utf8'), 'x')
    },
    { prepare },
  )
})

test('a file that cannot be read fails alone, and is named', async () => {
  const root = dir({ good: file('1'), bad: file('2'), 'bytes:b\xffd': file('3') })
  const prepare = (_: string, fake: FakeOperations) => {
    fake.unreadable.add('bad').add('b\xffd')
  }
  const look = (path: string, ran: Ran) => {
    assert.is(ran.code, 3)
    assert.equal(fs.readdirSync(join(path, 'out')), ['good'])
    assert.match(ran.stderr, /^failed: bad: a checksum does not match$/m)
    assert.match(ran.stderr, /^failed: b\\xffd: a checksum does not match$/m)
    assert.match(ran.stderr, /^2 paths could not be restored$/m)
  }
  await restoring(root, ['/', '--output', 'out'], look, { prepare })
  await restoring(
    root,
    ['/', '--output', 'out', '--json'],
    (_, ran) => {
      const last = JSON.parse(ran.stdout.trim().split('\n').at(-1) ?? '')
      assert.equal(last.failed, [
        { path: 'bad', reason: 'a checksum does not match' },
        { path: 'b\\xffd', base64: 'Yv9k', reason: 'a checksum does not match' },
      ])
    },
    { prepare },
  )
})

/** Operations whose pieces are spoilt on their way. */
class Spoilt extends FakeOperations {
  readonly #spoil: (piece: Piece) => Piece
  constructor(root: Node, spoil: (piece: Piece) => Piece) {
    super(root)
    this.#spoil = spoil
  }
  override async read(snapshot: string, ino: number, offset: number, count: number) {
    return this.#spoil(await super.read(snapshot, ino, offset, count))
  }
}

const SPOILT: Record<string, (piece: Piece) => Piece> = {
  'a flipped bit': (piece) => ({ ...piece, data: piece.data.map((byte) => byte ^ 1) }),
  'an early end': (piece) => ({ ...piece, data: piece.data.subarray(0, 1), crc: 0xe8b7be43 }),
  nothing: (piece) => ({ ...piece, data: new Uint8Array(), crc: 0 }),
  'too much': (piece) => ({ ...piece, hole: 7 }),
}

for (const [what, spoil] of Object.entries(SPOILT)) {
  test(`${what} on the way is noticed, and no file is left`, async () => {
    await withTempDir(async (path) => {
      const operations = new Spoilt(dir({ f: file('aaaa') }), spoil)
      const argv = ['restore', 'f', '--snapshot', 'before', '--output', 'f']
      const ran = await cli(argv, { operations, cwd: path })
      assert.is(ran.code, 3, ran.stdout)
      assert.equal(fs.readdirSync(path), [])
    })
  })
}

test('where there is no folder, it says so', async () => {
  const root = dir({ f: file('1'), d: dir({}) })
  const rows: [string[], RegExp][] = [
    [['f', '--output', 'no/such/f'], /there is no folder .*\/no\/such; make it first/],
    [['f', '--output', 'none/'], /there is no folder none\//],
    [['d', '--output', 'file'], /file is a file, and what is to be restored is a folder/],
    [['f', '--output', 'file/f'], /file\/f cannot be used: not a directory/],
  ]
  for (const [argv, message] of rows) {
    const prepare = (path: string) => fs.writeFileSync(join(path, 'file'), '')
    await restoring(
      root,
      argv,
      (_, ran) => {
        assert.is(ran.code, 1)
        assert.match(ran.stderr, message)
      },
      { prepare },
    )
  }
})

test('a path that is not in the snapshot exits with 4 and makes nothing', async () => {
  await restoring(dir({}), ['gone', '--output', 'x'], (path, ran) => {
    assert.is(ran.code, 4)
    assert.match(ran.stderr, /'gone' does not exist there/)
    assert.equal(fs.readdirSync(path), [])
  })
})

/** Interrupts while the pieces of a file are read. */
class Slow extends FakeOperations {
  onRead: (count: number) => void = () => undefined
  override async read(snapshot: string, ino: number, offset: number, count: number) {
    const piece = await super.read(snapshot, ino, offset, count)
    this.onRead(this.reads)
    return piece
  }
}

test('an interrupted restore leaves whole files only, and the same command goes on', async () => {
  await withTempDir(async (path) => {
    const big = Buffer.alloc(5 * READ_BYTES_MAX, 'big')
    const tree = dir({ a: file('first'), b: file(big), c: dir({ d: file('last') }) })
    const operations = new Slow(dir({ tree }))
    const argv = ['restore', 'tree', '--snapshot', 'before', '--output', 'out']
    const world = { operations, cwd: path, uid: process.getuid?.() ?? 1 }
    const ran = await cli(argv, {
      ...world,
      onStart(send) {
        operations.onRead = (count) => {
          if (count === 4) send('SIGINT')
        }
      },
    })
    assert.is(ran.code, 130)
    assert.equal(ran.exits, [130])
    assert.match(ran.stderr, /^zerofs-nfs: interrupted; /)
    const names = () => fs.readdirSync(path, { recursive: true, encoding: 'utf8' }).sort()
    const [marker, ...others] = names()
    assert.match(marker ?? '', TEMPORARY_NAME)
    assert.equal(others, ['out', 'out/a'])
    assert.ok(operations.closed)
    operations.onRead = () => undefined
    const again = await cli([...argv, '--json'], world)
    assert.is(again.code, 0, again.stderr)
    const last = JSON.parse(again.stdout.trim().split('\n').at(-1) ?? '')
    assert.equal([last.files, last.unchanged], [2, 1])
    assert.equal(names(), ['out', 'out/a', 'out/b', 'out/c', 'out/c/d'])
    assert.ok(fs.readFileSync(join(path, 'out/b')).equals(big))
    // It is done: from now on the folder is one that exists.
    await cli(argv, world)
    assert.ok(fs.existsSync(join(path, 'out/tree/c/d')))
  })
})

test('a server that ends meanwhile ends it, with no half file', async () => {
  await withTempDir(async (path) => {
    const operations = new Slow(dir({ f: file(Buffer.alloc(3 * READ_BYTES_MAX, 'x')) }))
    let stop: () => Promise<void> = async () => undefined
    operations.onRead = (count) => {
      if (count === 2) void stop()
    }
    const data = join(path, 'data')
    fs.mkdirSync(data)
    const socket = await openControlSocket(data, controlProgram(operations), () => undefined)
    stop = () => socket.close(0)
    const argv = ['restore', 'f', '--snapshot', 'before', '--output', 'f', '--data', data]
    const ran = await cli(argv, { cwd: path })
    assert.is(ran.code, 1, ran.stdout)
    assert.match(ran.stderr, /^zerofs-nfs: the server ended before it answered/)
    assert.equal(fs.readdirSync(path), ['data'])
  })
})

test('an error of the disk as a whole ends it', async () => {
  class Full extends FakeOperations {
    override async read(): Promise<never> {
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', errno: -28 })
    }
  }
  await withTempDir(async (path) => {
    const operations = new Full(dir({ a: file('1'), b: file('2') }))
    const argv = ['restore', '/', '--snapshot', 'before', '--output', '.']
    const ran = await cli(argv, { operations, cwd: path })
    assert.is(ran.code, 1)
    assert.match(ran.stderr, /cannot be written to: no space left on device/)
  })
})

test("an FsError that is no single file's is told in its own words", async () => {
  await withTempDir(async (path) => {
    const operations = new FakeOperations(dir({ a: file('1') }))
    operations.broken = new FsError('IO', 'the store failed')
    const ran = await cli(['restore', 'a', '--snapshot', 'before', '--output', 'x'], {
      operations,
      cwd: path,
    })
    assert.is(ran.code, 1)
    assert.is(ran.stderr, 'zerofs-nfs: the store failed\n')
  })
})

test.run()
