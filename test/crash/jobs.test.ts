/**
 * Long jobs whose server is killed (SIGKILL) in their midst, more than once: they go on, or are run
 * again, and lead to what they would have led to at once.
 */
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BLOCK_BYTES } from '../../src/store/records.ts'
import type { Store } from '../../src/store/store.ts'
import { assertSound } from '../check/assert-sound.ts'
import { withVolumeOf } from '../check/scene.ts'
import { Random, seedOf } from '../model/random.ts'
import { withFolder } from '../store/open-store.ts'
import { eventually, Files, has, Jobs, type Life, makeDirectory, numbered } from './jobs.ts'
import { manifest } from './nfs.ts'

const test = suite('crash: long jobs')

const seed = seedOf('CRASH_SEED')
/** Kills of a server in the midst of one job. */
const KILLS = 2
/** Attempts at that: the first one succeeds, later ones where there is something left. */
const ATTEMPTS_MAX = 4

async function withJobs(
  body: (jobs: Jobs) => Promise<void>,
  look: (store: Store) => void | Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const directory = join(folder, 'data')
    const jobs = new Jobs(directory)
    try {
      await body(jobs)
      await withVolumeOf(directory, async ({ store }) => {
        await look(store)
        await assertSound(store)
      })
    } finally {
      await jobs.close()
    }
  })
}

/** What a snapshot, or the live directory, holds, without the times that a restore moves. */
async function contents({ nfs, root }: Life, path: string): Promise<string> {
  const told = manifest(await nfs.look(await nfs.walk(root, path)))
  return told.replace(/"(ctime|fsid|fileid)":(\{[^}]*\}|\d+),?|(?<=\}) [0-9a-f]{40,}/g, '')
}

const EXTRA = numbered('extra', 1200)

test('a restore with --delete that is killed while it removes is completed by the next one', () =>
  withJobs(
    async (jobs) => {
      let life = await jobs.start()
      const tree = await makeDirectory(life.nfs, life.root, 'tree')
      const files = new Files(tree)
      await files.write(life.nfs, numbered('kept', 50), 1)
      await life.control.createSnapshot('one')
      const wanted = await contents(life, '.snapshots/one/tree')
      const request = {
        ...{ snapshot: 'one', paths: [Buffer.from('tree')], to: undefined },
        ...{ overwrite: 'if-changed' as const, delete: true },
      }
      let kills = 0
      for (let attempt = 0; attempt < ATTEMPTS_MAX && kills < KILLS; attempt++) {
        await files.write(life.nfs, [...EXTRA, ...numbered('kept', 20)], 2 + attempt)
        files.forget(EXTRA)
        const { control } = life
        const restore = () => control.restore(request, () => undefined)
        const isDead = await jobs.killDuring(life, restore, 3 + attempt)
        life = await jobs.start()
        const left = (await life.nfs.look(tree)).names.size
        if (isDead && left > 50 && left < EXTRA.length + 50) kills++
        const { failed } = await life.control.restore(request, () => undefined)
        assert.equal(failed, [])
        assert.is(await contents(life, 'tree'), wanted)
        assert.is(await contents(life, '.snapshots/one/tree'), wanted)
      }
      assert.ok(kills > 0, `it was never killed in its midst`)
      await jobs.stop(life)
    },
    (store) => assert.is(store.dataset.usage.inodes, 52),
  ))

const FILES = 200

test('snapshots that are being deleted when the server is killed are gone, and free what they held', () =>
  withJobs(
    async (jobs) => {
      let life = await jobs.start()
      const tree = await makeDirectory(life.nfs, life.root, 'tree')
      const files = new Files(tree)
      const snapshots = numbered('s', 6)
      for (const [i, name] of snapshots.entries()) {
        await files.write(life.nfs, numbered('file', FILES), 1 + i)
        await life.control.createSnapshot(name)
      }
      const kept = ['s0', 's5']
      const wanted = new Map<string, string>()
      for (const name of kept) wanted.set(name, await contents(life, `.snapshots/${name}`))
      const request = { words: snapshots.slice(1, 5), dryRun: false, background: true }
      let kills = 0
      for (let attempt = 0; attempt < ATTEMPTS_MAX && kills < KILLS; attempt++) {
        const { control } = life
        // After the first time it goes on by itself.
        const begin = async () => {
          if (attempt === 0) await control.deleteSnapshots(request, () => undefined)
          await eventually(async () => (await control.status()).freeing === undefined)
        }
        if (await jobs.killDuring(life, begin, 2)) kills++
        life = await jobs.start()
        const told = (await life.control.listSnapshots()).map(({ name }) => name)
        assert.equal(told, kept)
        for (const [name, was] of wanted) {
          assert.is(await contents(life, `.snapshots/${name}`), was)
        }
      }
      assert.ok(kills > 0, 'it was never killed in its midst')
      await eventually(async () => (await life.control.status()).freeing === undefined)
      assert.is((await life.control.status()).dataBytes, 2 * FILES * BLOCK_BYTES)
      await jobs.stop(life)
    },
    (store) => assert.is(store.dataset.snapshots.length, 2),
  ))

test('a dataset that is being deleted when the server is killed is gone, and frees all it had', () =>
  withJobs(
    async (jobs) => {
      let life = await jobs.start()
      await new Files(life.root).write(life.nfs, ['file'], 1)
      await life.control.createSnapshot('kept')
      const about = { name: 'gone', quota: { bytes: 0, inodes: 0 }, uid: 0, gid: 0 }
      await life.control.datasets.create(about)
      const files = new Files(await life.nfs.walk(life.root, 'gone'))
      const gone = await life.control.in('gone')
      for (const [i, name] of ['s1', 's2', 's3'].entries()) {
        await files.write(life.nfs, numbered('file', 2 * FILES), 1 + i)
        await gone.createSnapshot(name)
      }
      const { dataBytes: most } = await life.control.status()
      assert.is(most, (6 * FILES + 1) * BLOCK_BYTES)
      let kills = 0
      for (let attempt = 0; attempt < ATTEMPTS_MAX && kills < KILLS; attempt++) {
        const { control } = life
        const freed = async () => (await control.status()).dataBytes === BLOCK_BYTES
        const begin = () =>
          attempt === 0 ? control.datasets.delete('gone', true) : eventually(freed)
        if (await jobs.killDuring(life, begin, 2)) kills++
        life = await jobs.start()
        assert.equal(
          (await life.control.datasets.list()).map(({ name }) => name),
          [''],
        )
        assert.is(await has(life.nfs, life.root, 'gone'), false)
      }
      assert.ok(kills > 0, 'it was never killed in its midst')
      await eventually(async () => (await life.control.status()).dataBytes === BLOCK_BYTES)
      await jobs.stop(life)
    },
    async (store) => {
      // Its blocks go first, and its record last.
      await eventually(async () => store.objsets.all.length === 1)
      assert.is(store.spaceMap.usedBlocks, 1)
    },
  ))

const NO_QUOTA = { bytes: 0, inodes: 0 }
const CLONED = 3 * FILES

/** A dataset with a snapshot of many files, and a clone of it that has changed, with one too. */
async function cloned({ nfs, root, control }: Life): Promise<void> {
  await control.datasets.create({ name: 'origin', quota: NO_QUOTA, uid: 0, gid: 0 })
  await new Files(await nfs.walk(root, 'origin')).write(nfs, numbered('file', CLONED), 1)
  await (await control.in('origin')).createSnapshot('one')
  const of = { dataset: 'origin', snapshot: 'one' }
  await control.datasets.clone({ origin: of, name: 'clone', quota: NO_QUOTA })
  const dir = await nfs.walk(root, 'clone')
  const files = new Files(dir)
  const clone = await control.in('clone')
  await clone.createSnapshot('kept')
  await files.write(nfs, numbered('file', FILES), 2)
  for (let i = FILES; i < 2 * FILES; i++) {
    await nfs.remove({ object: { dir, name: Buffer.from(`file${i}`) } })
  }
  await clone.createSnapshot('later')
}

test('a clone that is being promoted when the server is killed becomes independent all the same', () =>
  withJobs(
    async (jobs) => {
      const random = new Random(seed)
      let life = await jobs.start()
      await cloned(life)
      const wanted = new Map<string, string>()
      for (const path of ['clone', 'clone/.snapshots/kept']) {
        wanted.set(path, await contents(life, path))
      }
      const requireSame = async () => {
        for (const [path, was] of wanted) assert.is(await contents(life, path), was)
      }
      let kills = 0
      let isGoingOn = true
      for (let attempt = 0; isGoingOn && kills < KILLS + 1; attempt++) {
        const { control } = life
        // After the first time it goes on by itself.
        const begin = async () => {
          if (attempt === 0) await control.datasets.promote('clone', () => undefined)
          await eventually(async () => (await control.status()).promoting.length === 0)
        }
        if (await jobs.killDuring(life, begin, 1 + random.below(3))) kills++
        life = await jobs.start()
        isGoingOn = (await life.control.status()).promoting.length > 0
        await requireSame()
      }
      assert.ok(kills > 0, 'it was never killed in its midst')
      const { control } = life
      await eventually(async () => (await control.status()).promoting.length === 0)
      const told = await control.datasets.list()
      assert.is(told.find(({ name }) => name === 'clone')?.origin, undefined)
      await control.datasets.delete('origin', true)
      await requireSame()
      assert.is((await control.status()).dataBytes, (CLONED + FILES) * BLOCK_BYTES)
      await jobs.stop(life)
    },
    (store) => assert.is(store.objsets.all.length, 2),
  ))

test.run()
