import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Restore } from '../../src/snapshot/restore.ts'
import type { RestoreProgress } from '../../src/snapshot/restore-request.ts'
import { Snapshots } from '../../src/snapshot/snapshots.ts'
import { bytes, type Client, fails } from '../fs/client.ts'
import { blocks, put, type Subject } from './harness.ts'
import { kept, safeties, sound } from './sound.ts'

const test = suite('snapshot/restore: --delete')
const on = sound(test)

/** Every path below a directory, sorted, with what it is. */
function treeOf(client: Client, path: string): unknown[] {
  return client
    .names(path)
    .sort()
    .flatMap((name) => {
      const child = `${path}/${name}`
      const stat = client.stat(child)
      const self = [child, kept(stat), stat.nlink]
      return stat.type === 2 ? [self, ...treeOf(client, child)] : [self]
    })
}

/** A tree, a snapshot of it, and then a good deal more in it and outside. */
async function makeMore({ client, snapshots }: Subject): Promise<unknown[]> {
  for (const dir of ['d', 'd/sub', 'd/was-dir', 'outside']) client.mkdir(dir)
  for (const name of ['d/f', 'd/sub/f', 'd/was-file', 'd/was-dir/f']) {
    await put(client, name, 0, bytes(name))
  }
  client.set('d', { mtime: { seconds: 5, nseconds: 6 } })
  snapshots.create('s')
  const before = [client.stat('d'), treeOf(client, 'd')]
  for (const dir of ['d/new', 'd/new/deep', 'd/sub/new']) client.mkdir(dir)
  for (let i = 0; i < 600; i++) client.create(`d/new/${i}`)
  await put(client, 'd/new/deep/large', 0, blocks(300, 1))
  client.link('d/new/deep/large', 'outside/large')
  client.symlink('d/sub/link', '../../outside')
  client.remove('d/was-file')
  client.mkdir('d/was-file')
  await put(client, 'd/was-file/in', 0, bytes('in the way'))
  client.remove('d/was-dir/f')
  client.rmdir('d/was-dir')
  client.create('d/was-dir')
  client.remove('d/f')
  return before
}

on('the tree is exactly what it was, and nothing else is touched', async (subject) => {
  const { client } = subject
  const [dir, before] = await makeMore(subject)
  const summary = await subject.restore('s', 'd', { delete: true })
  assert.equal(summary.failed, [])
  // 600 files, three folders, a large file, a symlink, and what was in the way.
  assert.is(summary.deleted, 606)
  assert.equal(treeOf(client, 'd'), before)
  assert.equal(kept(client.stat('d')), kept(dir as never))
  assert.is(client.stat('outside/large').nlink, 1)
  const again = await subject.restore('s', 'd', { delete: true })
  assert.equal([again.files, again.deleted, again.attributes], [0, 0, 0])
  assert.is(safeties(subject).length, 1, 'a second run has nothing to do')
})

on('what was deleted comes back from the safety snapshot', async (subject) => {
  const { client } = subject
  await makeMore(subject)
  const before = treeOf(client, 'd')
  const { safetySnapshot = '' } = await subject.restore('s', 'd', { delete: true })
  await subject.restore(safetySnapshot, 'd', { delete: true })
  const shape = (tree: unknown[]) => tree.map((entry) => (entry as unknown[]).slice(0, 2))
  assert.equal(shape(treeOf(client, 'd')), shape(before))
})

on('a dry run tells what would be deleted, and the real one deletes that', async (subject) => {
  const { client } = subject
  await makeMore(subject)
  const before = treeOf(client, 'd')
  const dry = await subject.restore('s', 'd', { delete: true, dryRun: true })
  assert.equal(treeOf(client, 'd'), before)
  assert.equal(safeties(subject), [])
  const gone = dry.plan.filter(({ action }) => action === 'delete')
  assert.is(gone.length, 606)
  const paths = gone.map(({ path }) => Buffer.from(path).toString())
  assert.ok(paths.indexOf('d/new/deep/large') < paths.indexOf('d/new/deep'))
  assert.ok(paths.includes('d/was-file/in'))
  const { plan: _, safetySnapshot, ...done } = await subject.restore('s', 'd', { delete: true })
  assert.ok(safetySnapshot)
  const { plan: __, safetySnapshot: none, ...planned } = dry
  assert.is(none, undefined)
  assert.equal(planned, done)
})

on('without it, what came since stays', async (subject) => {
  const { client } = subject
  await makeMore(subject)
  const { deleted, failed } = await subject.restore('s', 'd')
  assert.is(deleted, 0)
  assert.ok(client.has('d/new/599'))
  assert.is(failed.length, 1, 'a directory in the place of a file')
})

on('everything: the root directory, and a copy elsewhere', async (subject) => {
  const { client } = subject
  await makeMore(subject)
  client.mkdir('copy')
  client.create('copy/more')
  await subject.restore('s', 'd', { to: bytes('copy'), delete: true })
  assert.ok(client.has('copy/more'), 'the tree is copy/d')
  const { deleted } = await subject.restore('s', '', { to: bytes('copy'), delete: true })
  assert.is(deleted, 1)
  assert.equal(client.names('copy').sort(), ['d', 'outside'])
  await subject.restore('s', '', { delete: true })
  assert.equal(client.names('').sort(), ['d', 'outside'])
  assert.equal(client.names('outside'), [])
})

on('nothing is deleted where anything failed', async (subject) => {
  const { client, snapshots } = subject
  for (const dir of ['d', 'x']) client.mkdir(dir)
  client.create('x/f')
  snapshots.create('s')
  client.create('d/new')
  client.remove('x/f')
  client.rmdir('x')
  client.create('x')
  const { failed, deleted } = await subject.restore('s', ['d', 'x/f'], { delete: true })
  assert.equal(
    failed.map(({ path }) => Buffer.from(path).toString()),
    ['x/f'],
  )
  assert.is(deleted, 0)
  assert.ok(client.has('d/new'))
})

on('what clients make meanwhile is not deleted', async (subject) => {
  const { client, snapshots } = subject
  client.mkdir('d')
  for (let i = 0; i < 64; i++) client.create(`d/${i}`)
  snapshots.create('s')
  for (let i = 0; i < 64; i++) client.remove(`d/${i}`)
  client.create('d/old')
  let made = false
  const summary = await subject.restore('s', 'd', { delete: true }, () => {
    if (made) return
    made = true
    client.create('d/meanwhile')
  })
  assert.ok(made)
  assert.is(summary.deleted, 1)
  assert.ok(client.has('d/meanwhile'))
  assert.not.ok(client.has('d/old'))
})

on('never with --delete: what differs stays, and what is new goes', async (subject) => {
  const { client } = subject
  await makeMore(subject)
  const { failed } = await subject.restore('s', 'd', { delete: true, overwrite: 'never' })
  assert.equal(failed, [])
  assert.not.ok(client.has('d/new'))
  assert.ok(client.has('d/was-file/in'))
})

on('keeping both and deleting cannot go together', async (subject) => {
  subject.snapshots.create('s')
  fails('INVAL', () => subject.restore('s', '', { delete: true, overwrite: 'keep-both' }))
})

on('a deletion that was interrupted is completed by the same restore', async (subject) => {
  const { client, snapshots } = subject
  const [, before] = await makeMore(subject)
  let steps = 0
  const stopping = subject.restore('s', 'd', { delete: true }, (step) => {
    const { phase } = step as RestoreProgress
    // A few steps into the deletion.
    if (phase === 'delete' && ++steps === 3) void snapshots.stop()
  })
  const error = await stopping.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.match(String(error), /interrupted, because the server stops; run it again/)
  assert.ok(client.names('d/new').length > 300, 'much of it is still there')
  const { live } = subject
  const again = new Snapshots(subject.store, live.dataset, () => live.data.settleAll())
  const request = { snapshot: 's', paths: [bytes('d')], to: undefined, delete: true } as const
  const { failed } = await new Restore(
    live,
    again,
    { ...request, overwrite: 'if-changed' },
    () => undefined,
  ).run()
  assert.equal(failed, [])
  assert.equal(treeOf(client, 'd'), before)
})

test.run()
