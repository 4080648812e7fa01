import * as fs from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dir, file, sparse, symlink } from '../control/fake.ts'
import { restoring } from './exporting.ts'
import { cli } from './harness.ts'

const test = suite('cli/export: what is there already, and plans')

/** Files of the snapshot are of second 1,700,000,001. */
const THEN = 1_700_000_001
const FILES = ['older', 'newer', 'gone']
const tree = () => dir({ d: dir(Object.fromEntries(FILES.map((name) => [name, file('then')]))) })

function prepare(path: string): void {
  fs.mkdirSync(`${path}/d`)
  for (const [name, age] of [
    ['older', 5],
    ['newer', -5],
  ] as const) {
    fs.writeFileSync(`${path}/d/${name}`, 'now')
    fs.utimesSync(`${path}/d/${name}`, THEN - age, THEN - age)
  }
}

const text = (path: string) => fs.readFileSync(path, 'utf8')
const into = (...more: string[]) => ['d', '--output', '.', ...more]

test('if-newer', async () => {
  await restoring(
    tree(),
    into('--overwrite', 'if-newer'),
    (path, { code, stdout }) => {
      assert.is(code, 0)
      assert.match(stdout, /^restored 2 files in 1 folder to \., 8 B, 1 left alone, /)
      assert.is(text(`${path}/d/older`), 'then')
      assert.is(text(`${path}/d/newer`), 'now')
    },
    { prepare },
  )
})

test('keep-both, twice', async () => {
  await restoring(
    tree(),
    into('--overwrite', 'keep-both'),
    async (path, { code }) => {
      assert.is(code, 0)
      const names = ['gone', 'newer', 'newer.before', 'older', 'older.before']
      assert.equal(fs.readdirSync(`${path}/d`).sort(), names)
      assert.is(text(`${path}/d/newer`), 'now')
      assert.is(text(`${path}/d/newer.before`), 'then')
    },
    { prepare },
  )
  await restoring(
    tree(),
    into('--overwrite', 'keep-both'),
    (path, { stdout }) => {
      assert.match(stdout, /^restored 3 files /)
      assert.is(text(`${path}/d/newer.before`), 'mine')
      assert.is(text(`${path}/d/newer.before.2`), 'then')
    },
    {
      prepare(path) {
        prepare(path)
        fs.writeFileSync(`${path}/d/newer.before`, 'mine')
      },
    },
  )
})

test('keep-both: two files of the snapshot that would both go to one name beside', async () => {
  await restoring(
    dir({ d: dir({ f: file('then'), 'f.before': file('and this'), g: file('g') }) }),
    into('--overwrite', 'keep-both'),
    (path, { code, stdout }) => {
      assert.is(code, 0)
      assert.match(stdout, /^restored 3 files /)
      assert.is(text(`${path}/d/f`), 'now')
      const others = fs.readdirSync(`${path}/d`).filter((name) => /^f\./.test(name))
      assert.equal(others.map((name) => text(`${path}/d/${name}`)).sort(), ['and this', 'then'])
    },
    {
      prepare(path) {
        fs.mkdirSync(`${path}/d`, { recursive: true })
        fs.writeFileSync(`${path}/d/f`, 'now')
      },
    },
  )
})

test('keep-both: what is a folder there, and what is one in the snapshot', async () => {
  await restoring(
    dir({ d: dir({ f: file('f'), e: dir({ g: file('g') }), l: symlink('x') }) }),
    into('--overwrite', 'keep-both'),
    (path, { code }) => {
      assert.is(code, 0)
      assert.is(text(`${path}/d/f.before`), 'f')
      assert.is(text(`${path}/d/e.before/g`), 'g')
      assert.is(text(`${path}/d/e`), 'file')
    },
    {
      prepare(path) {
        fs.mkdirSync(`${path}/d/f`, { recursive: true })
        fs.writeFileSync(`${path}/d/e`, 'file')
      },
    },
  )
})

test('keep-both: a folder beside a file goes into its own of an earlier run, and no other', async () => {
  const then = dir({ e: dir({ g: file('g'), sub: dir({ h: file('h') }) }) })
  const entries = (path: string) => fs.readdirSync(path).sort()
  const own = (path: string) => {
    fs.mkdirSync(`${path}/e.before`)
    fs.writeFileSync(`${path}/e.before/mine`, 'mine')
  }
  for (const [prepare, wanted, more] of [
    [own, ['e', 'e.before', 'e.before.2'], ['g', 'sub']],
    [() => undefined, ['e', 'e.before'], ['g', 'sub']],
  ] as const) {
    const argv = ['e', '--output', '.', '--overwrite', 'keep-both']
    await restoring(
      then,
      argv,
      async (path, { code }, fake) => {
        assert.is(code, 0)
        assert.is(text(`${path}/e`), 'file')
        const beside = `${path}/${wanted.at(-1)}`
        assert.equal([entries(path), entries(beside)], [wanted, more])
        // What an interrupted run has left is its own too.
        fs.rmSync(`${beside}/sub/h`)
        fs.writeFileSync(`${beside}/.zerofs-nfs-0123456789ab.part`, 'half')
        const command = ['restore', '--snapshot', 'before', ...argv]
        await cli(command, { operations: fake, cwd: path, uid: process.getuid?.() ?? 1000 })
        fs.rmSync(`${beside}/.zerofs-nfs-0123456789ab.part`)
        assert.equal([entries(path), text(`${beside}/sub/h`)], [wanted, 'h'])
      },
      {
        prepare(path) {
          prepare(path)
          fs.writeFileSync(`${path}/e`, 'file')
        },
      },
    )
  }
})

test('keep-both: a folder goes beside the file that --output names', async () => {
  await restoring(
    tree(),
    ['d', '--output', 'target', '--overwrite', 'keep-both'],
    async (path, { code }, fake) => {
      assert.is(code, 0)
      const command = ['restore', '--snapshot', 'before', 'd', '--output', 'target']
      const world = { operations: fake, cwd: path, uid: process.getuid?.() ?? 1000 }
      await cli([...command, '--overwrite', 'keep-both'], world)
      assert.equal(fs.readdirSync(path).sort(), ['target', 'target.before'])
      assert.is(text(`${path}/target`), 'mine')
      assert.equal(fs.readdirSync(`${path}/target.before`).sort(), FILES.toSorted())
    },
    { prepare: (path) => fs.writeFileSync(`${path}/target`, 'mine') },
  )
})

test('--dry-run tells what would be done, and touches nothing', async () => {
  await restoring(
    tree(),
    into('--dry-run'),
    (path, { code, stdout, stderr }, fake) => {
      assert.equal([code, stderr], [0, ''])
      const lines = stdout.trim().split('\n')
      assert.equal(lines.slice(0, -1).sort(), [
        `create      ${path}/d/gone  (4 B)`,
        `replace     ${path}/d/newer  (4 B)`,
        `replace     ${path}/d/older  (4 B)`,
      ])
      assert.is(lines.at(-1), 'would restore 3 files in 1 folder, 12 B; nothing was changed')
      assert.equal(fs.readdirSync(`${path}/d`), ['newer', 'older'])
      assert.is(fake.reads, 0)
    },
    { prepare },
  )
})

test('--dry-run --json of a folder that is not there', async () => {
  await restoring(tree(), ['d', '--output', 'new', '--dry-run', '--json'], (path, { stdout }) => {
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const wanted = ['', '/gone', '/newer', '/older'].map((name) => ({
      ...{ event: 'plan', action: 'create', path: `${path}/new${name}`, bytes: name ? 4 : 0 },
    }))
    events.sort((a, b) => (a.path < b.path ? -1 : 1))
    assert.equal(
      events.filter(({ event }) => event === 'plan'),
      wanted,
    )
    const end = events.find(({ event }) => event === 'planned')
    assert.equal([end.files, end.directories, end.bytes, end.failed], [3, 1, 12, []])
    assert.not.ok(fs.existsSync(`${path}/new`))
  })
})

test('--include and --exclude', async () => {
  const root = dir({
    src: dir({ 'a.ts': file('a'), 'b.js': file('b'), old: dir({ 'c.ts': file('c') }) }),
    docs: dir({ x: file('x') }),
    logs: dir({ deep: dir({ y: file('y') }) }),
  })
  const patterns = ['--include', '*.ts', '--include=/docs', '--exclude', 'old/']
  await restoring(root, ['/', '--output', 'new', ...patterns], (path, { code, stdout }) => {
    assert.is(code, 0)
    assert.match(stdout, /^restored 2 files in 3 folders to new, 2 B, /)
    assert.equal(fs.readdirSync(path, { recursive: true }).map(String).sort(), [
      ...['new', 'new/docs', 'new/docs/x', 'new/src', 'new/src/a.ts'],
    ])
  })
})

test('--verify reads back what was written', async () => {
  const big = Buffer.alloc(9_000_000, 'x')
  const holes = sparse(20_000_000, [{ at: 5_000_000, bytes: big }])
  const root = dir({ d: dir({ holes, empty: file(''), l: symlink('x') }) })
  await restoring(root, into('--verify'), (_, { code, stdout }) => {
    assert.is(code, 0)
    assert.match(stdout, /^restored 3 files in 1 folder .*, 3 read back, /)
  })
})

test('--verify finds what is only by its size and time as it should be', async () => {
  const change = (path: string) => {
    fs.mkdirSync(`${path}/d`)
    fs.writeFileSync(`${path}/d/older`, 'THEN')
    fs.chmodSync(`${path}/d/older`, 0o644)
    fs.utimesSync(`${path}/d/older`, THEN, THEN + 0.123_456_5)
  }
  await restoring(
    tree(),
    into('--verify', '--json'),
    (path, { code, stdout }) => {
      assert.is(code, 3)
      const { failed, verified, unchanged } = JSON.parse(stdout)
      assert.equal(failed, [{ path: 'd/older', reason: 'verified: it differs between 0 and 4' }])
      assert.equal([verified, unchanged], [2, 0])
      assert.is(text(`${path}/d/older`), 'THEN')
    },
    { prepare: change },
  )
})

test.run()
