/** What a rollback costs, by counters, and what is left where it is interrupted. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Transaction } from '../../src/store/transaction.ts'
import { bytes } from '../fs/client.ts'
import { withFolder } from '../store/open-store.ts'
import { afterCrash, blocks, put, type Subject, WatchedDisk, withOpened } from './harness.ts'
import { requireExact } from './rolled-back.ts'
import { removeTree, requireSound } from './sound.ts'

const test = suite('snapshot/rollback: cost and interruptions')

const MIB = 1024 * 1024
const FILES = 10_000
const TOUCHED = 10

/** Records that are looked at, and transactions and the records that they change. */
interface Cost {
  looks: number
  transactions: number
  records: number
}

function watch({ store, live }: Subject): Cost {
  const cost = { looks: 0, transactions: 0, records: 0 }
  const { inodes, names, pages, bitmaps, chunks } = live.dataset
  for (const table of [inodes, names, pages, bitmaps, chunks]) {
    const entry = table.entry.bind(table) as (key: never) => never
    Object.assign(table, {
      entry: (key: never) => {
        cost.looks++
        return entry(key)
      },
    })
  }
  beforeEach(store, (tx) => {
    cost.transactions++
    tx.onStand(() => {
      cost.records += tx.touched.length
    })
  })
  return cost
}

/** Has something done at the beginning of every transaction. */
function beforeEach(store: Subject['store'], act: (tx: Transaction) => void): void {
  const transact = store.transact.bind(store)
  Object.assign(store, {
    transact: <T>(body: (tx: Transaction) => T): T =>
      transact((tx) => {
        act(tx)
        return body(tx)
      }),
  })
}

/** One directory with many files, a few of which change, as do its names. */
async function touched({ client, snapshots }: Subject): Promise<void> {
  client.mkdir('d')
  for (let i = 0; i < FILES; i++) client.create(`d/${i}`)
  for (let i = 0; i < TOUCHED; i++) await put(client, `d/${i * 700}`, 0, blocks(4, i))
  await put(client, 'huge', 0, bytes('x'))
  for (let i = 1; i < 600; i++) await put(client, 'huge', i * MIB, bytes('x'))
  snapshots.create('s')
  for (let i = 0; i < TOUCHED; i++) await put(client, `d/${i * 700}`, 4096, blocks(1, 99))
  client.rename('d/5', 'd/renamed')
  client.remove('d/6')
  client.create('d/new')
  await put(client, 'huge', 300 * MIB, bytes('y'))
}

test('it goes with what changed: 10 of 10,000 files of one directory, a block of a huge file', () =>
  withFolder(async (directory) => {
    const disk = new WatchedDisk()
    const body = async (subject: Subject) => {
      await touched(subject)
      await subject.store.checkpoint()
      await subject.store.flush()
      const { used } = subject
      const { reads, writes } = disk
      const cost = watch(subject)
      const summary = await subject.rollback('s')
      assert.equal(summary.failed, [])
      assert.equal([summary.replaced, summary.created], [TOUCHED + 1, 1])
      assert.equal([summary.moved, summary.deleted], [1, 1])
      assert.is(disk.reads - reads, 0, 'no data is read')
      assert.is(disk.writes - writes, 0, 'no data is written')
      // The blocks that were written since are in the safety snapshot now; none came.
      assert.is(subject.used, used)
      assert.ok(cost.transactions < 30, `${cost.transactions} transactions`)
      assert.ok(cost.records < 250, `${cost.records} records changed`)
      assert.ok(cost.looks < 3000, `${cost.looks} records looked at`)
      const again = watch(subject)
      await subject.rollback('s')
      assert.is(again.transactions, 0)
      assert.ok(again.looks < 1500, `${again.looks} records looked at`)
      await requireExact(subject, 's')
    }
    await withOpened(directory, body, { disk })
  }))

/** All kinds of changes, with files large enough to go back in several transactions. */
async function upheaval({ client, snapshots }: Subject): Promise<void> {
  for (const dir of ['a', 'a/b', 'a/b/c', 'x', 'x/y']) client.mkdir(dir)
  for (const path of ['f', 'g', 'a/f', 'a/b/f', 'a/b/c/f', 'x/f', 'x/y/f']) {
    await put(client, path, 0, bytes(`this is ${path}`))
  }
  client.link('f', 'x/f-too')
  await put(client, 'huge', 0, bytes('x'))
  for (let i = 1; i < 260; i++) await put(client, 'huge', i * MIB, bytes('x'))
  client.set('', { mtime: { seconds: 1, nseconds: 2 } })
  snapshots.create('s')
  client.rename('a/b', 'b')
  client.rename('a', 'b/a')
  client.rename('x/y', 'y')
  removeTree(client, 'x')
  await put(client, 'x', 0, bytes('a file'))
  client.rename('f', 'h')
  client.rename('g', 'f')
  client.rename('h', 'g')
  await put(client, 'b/f', 0, blocks(3, 1))
  client.set('b/c/f', { mode: 0o600 })
  client.mkdir('new')
  client.rename('y', 'new/y')
  await put(client, 'new/more', 0, blocks(3, 1))
  client.set('huge', { size: 0 })
  client.set('', { mode: 0o700 })
}

class PowerCut extends Error {}

/** Rolls back until a transaction too many. @returns whether it was interrupted */
async function interrupted(subject: Subject, transactions: number): Promise<boolean> {
  let left = transactions
  const transact = subject.store.transact
  beforeEach(subject.store, () => {
    if (left-- === 0) throw new PowerCut()
  })
  try {
    await subject.rollback('s')
    return false
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error
    return true
  } finally {
    Object.assign(subject.store, { transact })
  }
}

test('interrupted after any transaction, it is completed by another run', () =>
  withFolder(async (directory) => {
    let steps = 0
    await withOpened(directory, async (subject) => {
      // What is freed in the background is none of the steps.
      subject.reclaimer.stop()
      await upheaval(subject)
      const safety = subject.snapshots.create('before').name
      for (let more = true; more; steps++) {
        more = await interrupted(subject, steps)
        await subject.store.flush()
        await afterCrash(directory, async (reopened) => {
          await reopened.resume()
          const { failed } = await reopened.rollback('s')
          assert.equal(failed, [])
          await requireExact(reopened, 's')
          if (steps === 10) await requireSound(reopened)
        })
        subject.reclaim()
        await subject.rollback(safety)
        await requireExact(subject, safety)
      }
      await requireSound(subject)
    })
    assert.ok(steps > 20, `${steps} steps`)
  }))

test('stopped by the server, it says so, and nothing is lost', () =>
  withFolder(async (directory) => {
    await withOpened(directory, async (subject) => {
      const { client, snapshots } = subject
      for (let i = 0; i < 200; i++) client.create(`${i}`)
      snapshots.create('s')
      for (let i = 0; i < 200; i++) client.rename(`${i}`, `renamed-${i}`)
      const stopping = subject.rollback('s', false, ({ phase }) => {
        if (phase === 'restore') void snapshots.stop()
      })
      const error = await stopping.then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      assert.match(String(error), /interrupted, because the server stops; run it again/)
      assert.is(client.names('').length, 200)
    })
    await withOpened(directory, async (subject) => {
      assert.ok(subject.client.names('').some((name) => name.startsWith('renamed')))
      await subject.rollback('s')
      await requireExact(subject, 's')
      await requireSound(subject)
    })
  }))

test.run()
