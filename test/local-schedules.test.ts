/** The schedules of several datasets, as one server keeps them. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RemoteOperations } from '../src/control/client.ts'
import type { Operations, PolicyChange } from '../src/control/operations.ts'
import { FsError } from '../src/fs/error.ts'
import { LocalOperations } from '../src/local.ts'
import { startServer } from '../src/server.ts'
import { Volume } from '../src/volume.ts'
import { assertSound } from './check/assert-sound.ts'
import { withTempDir } from './control/tempdir.ts'
import { FakeTime } from './snapshot/fake-time.ts'

const test = suite('local-schedule: several datasets')

const NONE: PolicyChange = {
  ...{ frequently: undefined, hourly: undefined, daily: undefined },
  ...{ weekly: undefined, monthly: undefined, yearly: undefined },
}
const HOUR_MS = 3_600_000
const EMPTY = { quota: { bytes: 0, inodes: 0 }, uid: 0, gid: 0 }

const fail = (message: string, error: unknown): never => {
  throw new Error(message, { cause: error })
}

/** Serves a folder at a time of its own. */
async function served(
  directory: string,
  clock: FakeTime,
  use: (remote: RemoteOperations) => Promise<void>,
): Promise<void> {
  const serving = await startServer({
    ...{ directory, clock, listen: ['127.0.0.1'], port: 0, mountPort: undefined },
    ...{ portmap: 'off', durability: 'sync', version: 'test', report: fail },
  })
  try {
    const remote = await RemoteOperations.connect(directory)
    await use(remote).finally(() => remote.close())
  } finally {
    await serving.stop()
  }
}

/** A volume whose schedules are kept, without a server around it. */
async function scheduled(
  report: (message: string, error: unknown) => void,
  use: (volume: Volume, operations: Operations, time: FakeTime) => Promise<void>,
): Promise<void> {
  await withTempDir(async (directory) => {
    const clock = new FakeTime('2026-11-20T09:30:00Z')
    const volume = await Volume.open({ directory, create: true, command: 'test', report, clock })
    const operations = new LocalOperations(volume, () => ({
      ...{ version: '0', state: 'serving', uptime: 0, durability: 'sync', addresses: [] },
      connections: 0,
    }))
    try {
      volume.datasets.startSchedules()
      await use(volume, operations, clock)
    } finally {
      await volume.close()
    }
  })
}

const names = async (operations: Operations) =>
  (await operations.listSnapshots()).map(({ name }) => name)

const seconds = (text: string) => ({ seconds: Date.parse(text) / 1000, nseconds: 0 })

async function made(operations: Operations, name: string): Promise<Operations> {
  await operations.datasets.create({ name, ...EMPTY })
  return operations.in(name)
}

test('each dataset has a schedule of its own, and status tells the next run of all', () =>
  withTempDir(async (directory) => {
    const time = new FakeTime('2026-11-20T09:30:00Z')
    await served(directory, time, async (remote) => {
      const home = await made(remote, 'home')
      await remote.setSchedule({ ...NONE, daily: 2 })
      const at = async () => (await remote.status()).schedule?.next
      assert.equal(await at(), seconds('2026-11-21T00:00:00Z'))
      await home.setSchedule({ ...NONE, hourly: 2 })
      assert.equal(await at(), seconds('2026-11-20T10:00:00Z'))
      assert.equal(
        [(await remote.schedule()).periods.length, (await home.schedule()).periods[0]?.period],
        [1, 'hourly'],
      )
      time.pass(HOUR_MS)
      assert.equal(await names(remote), ['auto-daily-2026-11-20T0930Z'])
      assert.equal(await names(home), [
        'auto-hourly-2026-11-20T0930Z',
        'auto-hourly-2026-11-20T1000Z',
      ])
      await remote.endSchedule()
      assert.equal(await at(), seconds('2026-11-20T11:00:00Z'))
    })
    // What was missed while no server ran is caught up, and what is too much is pruned.
    time.passUntil('2026-11-25T12:20:00Z')
    await served(directory, time, async (remote) => {
      const home = await remote.in('home')
      assert.is((await names(home)).at(-1), 'auto-hourly-2026-11-25T1220Z')
      await home.pruneSchedule(false, () => undefined)
      assert.is((await names(home)).length, 2)
      assert.equal(await names(remote), ['auto-daily-2026-11-20T0930Z'])
      assert.equal((await remote.check(() => undefined)).problems, [])
    })
  }))

test('a schedule goes with its dataset, and stays with it under another name', () =>
  scheduled(fail, async (volume, operations, time) => {
    const home = await made(operations, 'home')
    await home.setSchedule({ ...NONE, hourly: 5 })
    await operations.datasets.rename('home', 'house')
    time.pass(HOUR_MS)
    assert.is((await names(await operations.in('house'))).length, 2)
    const opened = volume.datasets.get('house')
    assert.is(time.waiting, 1)
    const deleting = operations.datasets.delete('house', true)
    assert.is(time.waiting, 0)
    time.pass(5 * HOUR_MS)
    assert.equal(opened.snapshots.list(), [])
    await deleting
    assert.is((await operations.status()).schedule, undefined)
    await assertSound(volume.store)
    // A new one of that name begins without.
    const again = await made(operations, 'house')
    assert.is((await again.schedule()).on, false)
  }))

test('a dataset that is made while the server runs is kept at once', () =>
  scheduled(fail, async (_, operations, time) => {
    const late = await made(operations, 'late')
    time.pass(HOUR_MS)
    await late.setSchedule({ ...NONE, hourly: 1, daily: 1 })
    assert.is((await names(late)).length, 2)
    assert.equal(await names(operations), [])
  }))

test('a dataset that is deleted while it is pruned ends both without a problem', () =>
  scheduled(fail, async (volume, operations, time) => {
    const home = await made(operations, 'home')
    await home.setSchedule({ ...NONE, hourly: 20 })
    for (let i = 1; i < 20; i++) time.pass(HOUR_MS)
    assert.is((await names(home)).length, 20)
    const shorter = home.setSchedule({ ...NONE, hourly: 1 })
    await operations.datasets.delete('home', true)
    await shorter.catch((error: unknown) => assert.instance(error, FsError))
    await volume.store.flush()
    await assertSound(volume.store)
  }))

test('what fails in one dataset is told with its name, and does not stop the others', async () => {
  const told: string[] = []
  const report = (message: string) => told.push(message)
  await scheduled(report, async (volume, operations, time) => {
    const home = await made(operations, 'home')
    await operations.setSchedule({ ...NONE, hourly: 5 })
    await home.setSchedule({ ...NONE, hourly: 5 })
    volume.datasets.get('home').snapshots.create = () => {
      throw new FsError('NOSPC', 'there is no room')
    }
    time.pass(HOUR_MS)
    const failure = 'a scheduled snapshot cannot be taken: there is no room'
    assert.is((await operations.status()).schedule?.failure, `dataset 'home': ${failure}`)
    assert.equal(told, ["a scheduled snapshot cannot be taken in dataset 'home'"])
    assert.is((await names(operations)).length, 2)
  })
})

test('while a store is closed no schedule takes or prunes anything more', () =>
  withTempDir(async (directory) => {
    const clock = new FakeTime('2026-11-20T09:30:00Z')
    const volume = await Volume.open({
      ...{ directory, create: true, command: 'test', report: fail, clock },
    })
    const home = volume.datasets.create('home', { uid: 0, gid: 0 })
    home.schedule.set({ ...NONE, hourly: 3 })
    volume.datasets.startSchedules()
    let finish = () => {}
    // Something of the root dataset, which is stopped first, that takes a while.
    const work = new Promise<void>((resolve) => {
      finish = resolve
    })
    void volume.snapshots.track(work)
    const closing = volume.close()
    assert.is(clock.waiting, 0)
    clock.pass(10 * HOUR_MS)
    assert.is(home.snapshots.list().length, 1)
    finish()
    await closing
  }))

test.run()
