import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FsError } from '../../src/fs/error.ts'
import { hasTag, NO_CHANGE, type SnapshotChange } from '../../src/snapshot/notes.ts'
import { fails, rejects } from '../fs/client.ts'
import { afterCrash, type Subject, withRestarts } from './harness.ts'
import { requireSound } from './sound.ts'

const test = suite('snapshot/notes')

const change = ({ snapshots }: Subject, name: string, changes: Partial<SnapshotChange>) =>
  snapshots.change(name, { ...NO_CHANGE, ...changes })

function message(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (error instanceof FsError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'nothing was thrown'
}

test('what is noted about a snapshot is there after a restart and after a crash', () => {
  const look = ({ snapshots }: Subject) => {
    const { comment, tags, holds } = snapshots.get('b')
    const expected = { comment: 'zwölf ✓', tags: ['tested', 'release=2'], holds: ['two'] }
    assert.equal({ comment, tags, holds }, expected)
    assert.equal(
      snapshots.list().map(({ name }) => name),
      ['b', 'other'],
    )
  }
  return withRestarts(
    async (subject, directory) => {
      const { snapshots, store } = subject
      const { id, created, epoch } = snapshots.create('a', 'first', ['release=1', 'tested'])
      snapshots.create('other')
      change(subject, 'a', { addTags: ['release=2'], comment: 'zwölf ✓' })
      for (const hold of ['one', 'two']) change(subject, 'a', { hold })
      change(subject, 'a', { release: 'one', name: 'b' })
      assert.equal(
        [snapshots.byId(id)?.name, snapshots.get('b').created, snapshots.get('b').epoch],
        ['b', created, epoch],
      )
      look(subject)
      await store.flush()
      await afterCrash(directory, async (recovered) => look(recovered))
    },
    async (subject) => {
      look(subject)
      await requireSound(subject)
    },
  )
})

test('a renamed snapshot is found by its new name alone, and its handles stay', () =>
  withRestarts(async (subject) => {
    const { client, snapshots, fs } = subject
    client.create('f')
    snapshots.create('old')
    snapshots.create('taken')
    const id = client.id('.snapshots/old/f')
    const { mtime } = client.stat('.snapshots')
    change(subject, 'old', { name: 'new' })
    assert.equal(client.names('.snapshots'), ['new', 'taken'])
    assert.equal(client.id('.snapshots/new/f'), id)
    fs.getattr(id)
    assert.not.equal(client.stat('.snapshots').mtime, mtime, 'clients look at the names again')
    fails('NOENT', () => client.id('.snapshots/old'))
    fails('NOENT', () => change(subject, 'old', { name: 'x' }))
    fails('EXIST', () => change(subject, 'new', { name: 'taken' }))
    for (const name of ['', '..', 'a/b', 'x'.repeat(256)]) {
      fails('INVAL', () => change(subject, 'new', { name }))
    }
    assert.is(change(subject, 'new', { name: 'new' }).name, 'new')
  }))

test('a held snapshot is not deleted, and who tries is told by whom and how', () =>
  withRestarts(async (subject) => {
    const { snapshots } = subject
    snapshots.create('s')
    for (const hold of ['backup', 'legal']) change(subject, 's', { hold })
    let said = ''
    await snapshots.delete('s').catch((error: Error) => {
      said = error.message
    })
    assert.is(
      said,
      "snapshot 's' is held by 'backup', 'legal', and cannot be deleted; " +
        "'zerofs-nfs snapshot release s backup' lets go of it",
    )
    change(subject, 's', { name: 'a b' })
    await snapshots.delete('a b').catch((error: Error) => {
      said = error.message
    })
    assert.match(said, /'zerofs-nfs snapshot release NAME backup' lets go of it$/)
    change(subject, 'a b', { name: 's' })
    change(subject, 's', { release: 'backup' })
    await rejects('ACCES', () => snapshots.delete('s'))
    change(subject, 's', { release: 'legal' })
    await snapshots.delete('s')
    assert.equal(snapshots.list(), [])
  }))

test('a tag KEY=VALUE takes the place of the one with the same key', () =>
  withRestarts(async (subject) => {
    subject.snapshots.create('s', '', ['a=1', 'word', 'b=2', 'a=3'])
    const tags = () => subject.snapshots.get('s').tags
    assert.equal(tags(), ['word', 'b=2', 'a=3'])
    change(subject, 's', { removeTags: ['a'], addTags: ['word', 'b=', 'c=x=y'] })
    assert.equal(tags(), ['word', 'b=', 'c=x=y'])
    assert.equal(
      ['word', 'b', 'b=', 'c', 'c=x', 'c=x=y', 'wor'].filter((tag) =>
        hasTag(subject.snapshots.get('s'), tag),
      ),
      ['word', 'b', 'b=', 'c', 'c=x=y'],
    )
    change(subject, 's', { removeTags: ['word', 'b', 'c=x=y'] })
    assert.equal(tags(), [])
  }))

test('what cannot be noted is refused, and nothing is changed then', () =>
  withRestarts(async (subject) => {
    const { snapshots } = subject
    snapshots.create('s', 'c', ['t'])
    change(subject, 's', { hold: 'h' })
    const before = snapshots.get('s')
    const many = Array.from({ length: 33 }, (_, i) => `t${i}`)
    const bad: Partial<SnapshotChange>[] = [
      ...['', 'a b', 'a,b', 'a\n', 'x'.repeat(65), '\ud800'].flatMap((word) => [
        { addTags: ['good', word] },
        { hold: word },
      ]),
      ...['two\nlines', 'x'.repeat(1025), '\ud800', '\x1b[2J'].map((comment) => ({ comment })),
      { comment: 'good', addTags: many },
    ]
    for (const changes of bad) fails('INVAL', () => change(subject, 's', changes))
    assert.is(
      message(() => change(subject, 's', { hold: 'h' })),
      "EXIST: snapshot 's' has a hold 'h' already",
    )
    assert.is(
      message(() => change(subject, 's', { release: 'x' })),
      "NOENT: snapshot 's' has no hold 'x'; it has: h",
    )
    assert.is(
      message(() => change(subject, 's', { removeTags: ['x'], comment: 'new' })),
      "NOENT: snapshot 's' has no tag 'x'; it has: t",
    )
    assert.equal(snapshots.get('s'), before)
    fails('INVAL', () => snapshots.create('n', 'two\nlines'))
    fails('INVAL', () => snapshots.create('n', '', ['a b']))
    assert.is(snapshots.find('n'), undefined)
    change(subject, 's', { release: 'h', hold: 'h' })
    for (let i = 1; i < 32; i++) change(subject, 's', { hold: `h${i}` })
    fails('INVAL', () => change(subject, 's', { hold: 'one too many' }))
    fails('INVAL', () => change(subject, 's', { hold: 'h32' }))
    await requireSound(subject)
  }))

test.run()
