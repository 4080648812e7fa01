import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Overwrite } from '../../src/snapshot/restore-request.ts'
import { bytes } from '../fs/client.ts'
import { withFolder } from '../store/open-store.ts'
import { blocks, put, type Subject, WatchedDisk, withOpened } from './harness.ts'
import { sound } from './sound.ts'

const test = suite('snapshot/restore: --verify')
const on = sound(test)

async function makeTree({ client, snapshots }: Subject): Promise<void> {
  for (const dir of ['d', 'd/e']) client.mkdir(dir)
  await put(client, 'd/large', 0, blocks(300, 1))
  await put(client, 'd/e/small', 0, bytes('small'))
  client.link('d/large', 'd/e/large')
  client.symlink('d/l', 'e')
  snapshots.create('s')
  client.remove('d/e/small')
  await put(client, 'd/large', 0, blocks(1, 2))
}

/** What failed, each path with its reason. */
const failures = (failed: readonly { path: Uint8Array; reason: string }[]) =>
  failed.map(({ path, reason }) => `${Buffer.from(path)}: ${reason}`)

on('everything is there: every entry counts', async (subject) => {
  await makeTree(subject)
  const { verified, failed } = await subject.restore('s', 'd', { verify: true })
  assert.equal([verified, failed], [6, []])
  const copy = await subject.restore('s', '', { verify: true, to: bytes('copy') })
  assert.equal([copy.verified, copy.failed], [7, []])
  const root = await subject.restore('s', '', { verify: true, delete: true })
  assert.equal([root.verified, root.failed], [7, []])
  assert.is((await subject.restore('s', 'd')).verified, 0)
})

for (const overwrite of ['never', 'if-newer', 'always', 'keep-both'] as Overwrite[]) {
  on(`what ${overwrite} leaves alone, or puts beside, is no difference`, async (subject) => {
    await makeTree(subject)
    const { client } = subject
    client.remove('d/l')
    client.create('d/l')
    const { verified, failed } = await subject.restore('s', 'd', { verify: true, overwrite })
    assert.equal([verified, failed], [6, []])
  })
}

on('only what is wanted is verified', async (subject) => {
  await makeTree(subject)
  const include = ['small']
  const { verified, failed } = await subject.restore('s', 'd', { verify: true, include })
  assert.equal([verified, failed], [1, []])
})

/** Changes something at the first look, which is after the restore of 16 entries. */
on('what somebody changed after it was restored has failed', async (subject) => {
  const { client, snapshots } = subject
  client.mkdir('d')
  for (let i = 0; i < 40; i++) await put(client, `d/${i}`, 0, bytes('then'))
  for (const name of ['0', '1', '2']) client.link(`d/${name}`, `d/x${name}`)
  snapshots.create('s')
  for (let i = 0; i < 40; i++) client.set(`d/${i}`, { mode: 0 })
  let changed = false
  const { failed, verified } = await subject.restore('s', 'd', { verify: true }, () => {
    if (changed) return
    changed = true
    client.remove('d/3')
    client.set('d/4', { mode: 0o777 })
    client.remove('d/5')
    client.mkdir('d/5')
    client.set('d/6', { size: 1 })
  })
  assert.equal(failures(failed).sort(), [
    'd/3: verified: it is not there',
    'd/4: verified: it is not what it was',
    'd/5: verified: it is not what it was',
    'd/6: verified: it is not what it was',
  ])
  assert.is(verified, 40)
})

test('no data is read or written', async () => {
  await withFolder(async (directory) => {
    const disk = new WatchedDisk()
    await withOpened(
      directory,
      async (subject) => {
        await makeTree(subject)
        await subject.store.flush()
        await subject.restore('s', 'd', {})
        const { reads } = disk
        const { verified } = await subject.restore('s', 'd', { verify: true })
        assert.is(verified, 6)
        assert.is(disk.reads, reads)
      },
      { disk },
    )
  })
})

test.run()
