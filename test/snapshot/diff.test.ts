import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Diff } from '../../src/snapshot/diff.ts'
import type { Key } from '../../src/store/keys.ts'
import type { Table } from '../../src/store/table.ts'
import { bytes, fails, rejects, text } from '../fs/client.ts'
import { Random } from '../model/random.ts'
import { bothDiffs } from './diff-brute.ts'
import { changeSomething } from './diff-random.ts'
import { blocks, put, type Subject, withRestarts } from './harness.ts'

const test = suite('snapshot/diff')

const { DIFF_SEED, DIFF_SEEDS } = process.env
const SEEDS = Number(DIFF_SEEDS ?? 8)
const FIRST_SEED = Number(DIFF_SEED ?? 1)
const ROUNDS = 8
const STEPS = 25
/** Kinds of changes that the random histories had. */
const kinds = new Set<string>()

for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
  test(`tells what comparing everything tells, both ways (DIFF_SEED=${seed})`, () =>
    withRestarts(async (subject) => {
      const random = new Random(seed)
      const { snapshots, live } = subject
      for (let round = 0; round < ROUNDS; round++) {
        for (let step = random.below(STEPS); step >= 0; step--) {
          await changeSomething(subject, random)
        }
        snapshots.create(`s${round}`)
        const names = () => snapshots.list().map(({ name }) => name)
        if (names().length > 3 && random.oneIn(3)) await snapshots.delete(random.pick(names()))
        if (random.oneIn(4)) await subject.restore(random.pick(names()), '')
      }
      for (let step = 0; step < STEPS; step++) await changeSomething(subject, random)
      live.data.settleAll()
      const names = snapshots.list().map(({ name }) => name)
      for (const from of names) {
        for (const to of [...names, undefined]) {
          const [told, expected] = await bothDiffs(subject, from, to)
          assert.equal(told, expected, `${from} to ${to ?? 'now'}`)
          for (const line of told) kinds.add(line.split(' ')[0] ?? '')
        }
      }
    }))
}

test('the random histories had all kinds of changes', () => {
  const all = ['added', 'changed', 'linked', 'removed', 'renamed', 'unlinked']
  assert.equal([...kinds].sort(), all)
})

/** Lines as the command prints them, but with the kind in full. */
async function lines(subject: Subject, from: string, to?: string): Promise<string[]> {
  const found: string[] = []
  const diff = new Diff(subject.live, subject.snapshots, { from, to })
  for await (const entry of diff.entries()) {
    const { kind, content, attributes, replaced } = entry
    const what = [content && 'content', attributes && 'attributes', replaced && 'replaced']
    const way = entry.from === undefined ? '' : `${text(entry.from)} -> `
    found.push([kind, way + text(entry.path), ...what.filter(Boolean)].join(' '))
  }
  return found
}

test('a directory that moved is one line, what changed in it has its new path; in order', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    for (const path of ['old', 'old/sub', 'z']) client.mkdir(path)
    for (let i = 0; i < 100; i++) await put(client, `old/sub/${i}`, 0, bytes('x'))
    snapshots.create('s')
    client.rename('old', 'z/new')
    client.remove('z/new/sub/7')
    await client.write('z/new/sub/50', 0, 'longer')
    client.set('z/new/sub/51', { mode: 0o600 })
    client.create('a')
    snapshots.create('t')
    assert.equal(await lines(subject, 's', 't'), [
      'added a',
      'renamed old -> z/new',
      'changed old/sub/50 -> z/new/sub/50 content',
      'changed old/sub/51 -> z/new/sub/51 attributes',
      'removed old/sub/7',
    ])
    assert.equal(await lines(subject, 't', 's'), [
      'removed a',
      'renamed z/new -> old',
      'changed z/new/sub/50 -> old/sub/50 content',
      'changed z/new/sub/51 -> old/sub/51 attributes',
      'added old/sub/7',
    ])
    assert.equal(await lines(subject, 's', 's'), [])
    assert.equal(await lines(subject, 't'), [])
  }))

test('a directory in the place of another: what was in the old one, then what is in the new', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    client.mkdir('d')
    client.create('d/gone')
    client.create('x')
    snapshots.create('s')
    client.remove('d/gone')
    client.rmdir('d')
    client.mkdir('d')
    client.create('d/new')
    client.rename('x', 'd/moved')
    const expected = [
      'removed d',
      'removed d/gone',
      'added d',
      'renamed x -> d/moved',
      'added d/new',
    ]
    assert.equal(await lines(subject, 's'), expected)
  }))

test('looks at what changed, however large the directory is', () =>
  withRestarts(async (subject) => {
    const { client, snapshots, live } = subject
    for (let i = 0; i < 1000; i++) client.create(`f${i}`)
    snapshots.create('s')
    client.remove('f500')
    client.create('new')
    client.set('f77', { mode: 0o600 })
    snapshots.create('t')
    let looks = 0
    const watch = <K extends Key, V>(table: Table<K, V>): void => {
      const entry = table.entry.bind(table)
      table.entry = (key) => {
        looks++
        return entry(key)
      }
    }
    watch(live.dataset.inodes)
    watch(live.dataset.pages)
    const expected = ['removed f500', 'changed f77 attributes', 'added new']
    assert.equal(await lines(subject, 's', 't'), expected)
    assert.ok(looks < 100, `${looks} records looked at`)
  }))

test('changes behind the walk do no harm, whatever they are', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    await withRestarts(async (subject) => {
      const random = new Random(seed)
      const { snapshots, live } = subject
      for (let step = 0; step < 60; step++) await changeSomething(subject, random)
      snapshots.create('s')
      for (let step = 0; step < 60; step++) await changeSomething(subject, random)
      const diff = new Diff(live, snapshots, { from: 's', to: undefined })
      for await (const { kind } of diff.entries()) {
        assert.ok(kind)
        for (let step = 0; step < 3; step++) await changeSomething(subject, random)
      }
    })
  }
})

test('the attributes of a large file change at no cost of its chunks', () =>
  withRestarts(async (subject) => {
    const { client, snapshots, live } = subject
    const { chunks } = live.dataset
    await put(client, 'f', 0, blocks(1, 1))
    for (let i = 1; i < 200; i++) await put(client, 'f', i * 2 ** 20, blocks(1, 1))
    snapshots.create('s')
    client.set('f', { mode: 0o600 })
    snapshots.create('t')
    await put(client, 'f', 150 * 2 ** 20, blocks(1, 2))
    snapshots.create('u')
    client.set('f', { size: 2 ** 20 })
    client.set('f', { size: 199 * 2 ** 20 + 4096 })
    snapshots.create('v')
    let looks = 0
    const entry = chunks.entry.bind(chunks)
    chunks.entry = (key) => {
      looks++
      return entry(key)
    }
    assert.equal(await lines(subject, 's', 't'), ['changed f attributes'])
    assert.is(looks, 0)
    assert.equal(await lines(subject, 's', 'u'), ['changed f content attributes'])
    assert.ok(looks < 10, `${looks} chunks looked at`)
    assert.equal(await lines(subject, 'u', 'v'), ['changed f content'])
  }))

test('the same bytes written anew are no other content, in blocks, in line and as a hole', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    await put(client, 'large', 0, blocks(600, 1))
    await put(client, 'small', 0, bytes('small'))
    await put(client, 'zeros', 0, blocks(3, 0))
    await put(client, 'other', 0, blocks(600, 1))
    snapshots.create('s')
    await put(client, 'large', 0, blocks(300, 1))
    await put(client, 'small', 0, bytes('small'))
    client.set('zeros', { size: 0 })
    client.set('zeros', { size: 3 * 4096 })
    await put(client, 'other', 599 * 4096 + 7, bytes('2'))
    assert.equal(await lines(subject, 's'), [
      'changed large attributes',
      'changed other content',
      'changed small attributes',
      'changed zeros attributes',
    ])
  }))

test('what programs do to save is told as a change of the file', () =>
  withRestarts(async (subject) => {
    const { client, snapshots } = subject
    await put(client, 'f', 0, bytes('old'))
    snapshots.create('s')
    await put(client, 'f~', 0, bytes('new'))
    client.rename('f~', 'f')
    assert.equal(await lines(subject, 's'), ['changed f content replaced'])
    client.remove('f')
    await subject.restore('s', 'f')
    assert.equal(await lines(subject, 's'), [])
  }))

test('a snapshot that is not there, or goes meanwhile, is an error', () =>
  withRestarts(async ({ client, live, snapshots }) => {
    snapshots.create('s')
    client.create('a')
    client.create('b')
    fails('NOENT', () => new Diff(live, snapshots, { from: 'x', to: undefined }))
    fails('NOENT', () => new Diff(live, snapshots, { from: 's', to: 'x' }))
    const entries = new Diff(live, snapshots, { from: 's', to: undefined }).entries()
    assert.is((await entries.next()).done, false)
    await snapshots.delete('s')
    await rejects('NOENT', () => entries.next())
  }))

test.run()
