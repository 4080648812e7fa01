import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DiffEntry } from '../../src/control/history.ts'
import { FsError } from '../../src/fs/error.ts'
import { FileType } from '../../src/fs/filesystem.ts'
import { dir, FakeOperations, file } from '../control/fake.ts'
import { cli, type Ran, type World, withServed } from './harness.ts'

// What is printed as local time is then the same everywhere.
Object.assign(process.env, { TZ: 'UTC' })

const test = suite('cli: the past of files')

const bytes = (text: string) => Buffer.from(text, 'latin1')
const documents = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

/** Runs a command offline, and over the socket of a server: they must not differ. */
async function both(
  argv: readonly string[],
  make: () => FakeOperations,
  look: (ran: Ran) => void,
  world: World = {},
): Promise<void> {
  look(await cli(argv, { operations: make(), ...world }))
  await withServed(make(), async (run) => look(await run(argv, world)))
}

const change = (more: Partial<DiffEntry>): DiffEntry => ({
  ...{ kind: 'changed', type: FileType.REG, path: bytes('f'), from: undefined },
  ...{ content: false, attributes: false, replaced: false, size: 7 },
  ...more,
})

function changes(): FakeOperations {
  const fake = new FakeOperations()
  fake.diffAnswer = [
    change({ kind: 'added', type: FileType.DIR, path: bytes('new') }),
    change({ content: true, from: bytes('old/f') }),
    change({ path: new Uint8Array(), type: FileType.DIR, attributes: true }),
    change({ kind: 'renamed', from: bytes('a\nb'), path: bytes('c\xff') }),
    change({ replaced: true }),
    change({ kind: 'linked', path: bytes('l') }),
    change({ kind: 'unlinked', path: bytes('u') }),
    change({ kind: 'removed', path: bytes('gone') }),
  ]
  return fake
}

test('diff: a line for each change', () =>
  both(['diff', 'before', '001'], changes, (ran) => {
    const lines = ['+ new/', 'M f', 'm /', 'R a\\x0ab -> c\\xff', 'M f', '+ l', '- u', '- gone']
    assert.equal(ran, { code: 0, exits: [], stderr: '', stdout: `${lines.join('\n')}\n` })
  }))

test('diff --json: an object for each change, and the counts', () =>
  both(['diff', 'before', '--json'], changes, ({ stdout }) => {
    const all = documents(stdout)
    assert.equal(all[1], {
      ...{ event: 'change', kind: 'changed', type: 'file', path: 'f', size: 7, from: 'old/f' },
      ...{ content: true, attributes: false, replaced: false },
    })
    assert.equal(all[3], {
      ...{ event: 'change', kind: 'renamed', type: 'file', path: 'c\\xff', pathBase64: 'Y/8=' },
      ...{ size: 7, from: 'a\nb' },
    })
    assert.equal(all.at(-1), {
      ...{ event: 'end', from: 'before', to: null, added: 1, changed: 3, renamed: 1 },
      ...{ linked: 1, unlinked: 1, removed: 1 },
    })
  }))

test('diff: the counts on a terminal; nothing where nothing changed', async () => {
  const none = () => new FakeOperations()
  const terminal = { terminal: 80 }
  await both(['diff', 'before'], none, ({ stdout, stderr }) =>
    assert.equal([stdout, stderr], ['', '']),
  )
  await both(
    ['diff', 'before'],
    none,
    ({ stderr }) => assert.is(stderr, 'nothing changed\n'),
    terminal,
  )
  await both(
    ['diff', 'before'],
    changes,
    ({ stderr }) => {
      assert.is(stderr, '1 added, 3 changed, 1 renamed, 1 linked, 1 unlinked, 1 removed\n')
    },
    terminal,
  )
})

test('diff: a snapshot that is not there', () =>
  both(['diff', 'befor'], changes, ({ code, stderr }) => {
    assert.is(code, 4)
    assert.match(stderr, /no snapshot 'befor'.*'before'/)
  }))

test('diff: more changes than fit into one reply, and an error in the middle', async () => {
  const many = () => {
    const fake = new FakeOperations(dir({ x: file('') }))
    fake.diffAnswer = Array.from({ length: 1000 }, (_, i) =>
      change({ path: bytes(`${i}`), content: true }),
    )
    return fake
  }
  const expected = Array.from({ length: 1000 }, (_, i) => `M ${i}\n`).join('')
  await both(['diff', 'before'], many, ({ stdout }) => assert.is(stdout, expected))
  class Failing extends FakeOperations {
    override async *diff() {
      yield* many().diffAnswer.slice(0, 300)
      throw new FsError('IO', 'block 5 fails its checksum')
    }
  }
  await both(
    ['diff', 'before'],
    () => new Failing(),
    ({ code, stderr }) => {
      assert.equal([code, stderr], [1, 'zerofs-nfs: block 5 fails its checksum\n'])
    },
  )
})

test.run()
