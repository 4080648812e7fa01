/** The schedule as a server keeps it, asked over its control socket. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RemoteOperations } from '../src/control/client.ts'
import type { Operations, PolicyChange } from '../src/control/operations.ts'
import { FsError } from '../src/fs/error.ts'
import { OfflineOperations } from '../src/local.ts'
import { startServer } from '../src/server.ts'
import { Volume } from '../src/volume.ts'
import { withTempDir } from './control/tempdir.ts'
import { FakeTime } from './snapshot/fake-time.ts'

const test = suite('local-schedule: the schedule of a server')

const NONE: PolicyChange = {
  ...{ frequently: undefined, hourly: undefined, daily: undefined },
  ...{ weekly: undefined, monthly: undefined, yearly: undefined },
}
const HOUR_MS = 3_600_000

const fail = (message: string, error: unknown): never => {
  throw new Error(message, { cause: error })
}

/** Serves a folder at a time of its own. */
async function served(
  directory: string,
  time: FakeTime,
  use: (remote: RemoteOperations) => Promise<void>,
): Promise<void> {
  const serving = await startServer({
    ...{ directory, clock: time, listen: ['127.0.0.1'], port: 0, mountPort: undefined },
    ...{ portmap: 'off', durability: 'sync', version: 'test', report: fail },
  })
  try {
    const remote = await RemoteOperations.connect(directory)
    await use(remote).finally(() => remote.close())
  } finally {
    await serving.stop()
  }
}

/** The same without a server. */
async function offline(
  directory: string,
  time: FakeTime,
  use: (operations: Operations) => Promise<void>,
): Promise<void> {
  const options = { directory, create: false, command: 'test', report: fail, clock: time }
  const operations = new OfflineOperations(await Volume.open(options), 'test')
  await use(operations).finally(() => operations.close())
}

const names = async (operations: Operations) =>
  (await operations.listSnapshots()).map(({ name }) => name)

async function codeOf(run: Promise<unknown>): Promise<string | undefined> {
  try {
    await run
  } catch (error) {
    if (error instanceof FsError) return error.code
    throw error
  }
  return undefined
}

test('a server takes what is due, also what it missed, and prunes', () =>
  withTempDir(async (directory) => {
    const time = new FakeTime('2026-11-20T09:30:00Z')
    await served(directory, time, async (remote) => {
      assert.is((await remote.status()).schedule, undefined)
      const { on, periods } = await remote.setSchedule({ ...NONE, hourly: 2, daily: 2 })
      assert.ok(on)
      assert.equal(
        periods.map(({ period, keep, snapshots }) => [period, keep, snapshots]),
        [
          ['hourly', 2, 1],
          ['daily', 2, 1],
        ],
      )
      const next = { seconds: Date.parse('2026-11-20T10:00:00Z') / 1000, nseconds: 0 }
      assert.equal((await remote.status()).schedule, { next, failure: undefined })
      time.pass(HOUR_MS)
      assert.is((await names(remote)).length, 3)
    })
    time.passUntil('2026-11-25T12:20:00Z')
    await served(directory, time, async (remote) => {
      assert.equal((await names(remote)).slice(-2), [
        'auto-hourly-2026-11-25T1220Z',
        'auto-daily-2026-11-25T1220Z',
      ])
      await remote.pruneSchedule(false, () => undefined)
      assert.is((await names(remote)).length, 4)
      assert.equal((await remote.check(() => undefined)).problems, [])
    })
    await served(directory, time, async (remote) => {
      assert.is((await names(remote)).length, 4)
    })
  }))

test('a volume is not closed before its pruning has ended', () =>
  withTempDir(async (directory) => {
    const clock = new FakeTime('2026-11-20T09:30:00Z')
    const options = { directory, create: true, command: 'test', report: fail, clock }
    const volume = await Volume.open(options)
    let finish = () => {}
    volume.schedule.prune = async () => {
      await new Promise<void>((resolve) => {
        finish = resolve
      })
      // It looks at the store once more, which must still be open.
      await volume.store.checkpoint()
      return []
    }
    volume.scheduler.start()
    let closed = false
    const closing = volume.close().then(() => {
      closed = true
    })
    await volume.store.flush()
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.not(closed)
    finish()
    await closing
  }))

test('without a server nothing is taken by itself, and run takes what is due, once', () =>
  withTempDir(async (directory) => {
    const time = new FakeTime('2026-11-20T09:30:00Z')
    await served(directory, time, async (remote) => {
      await remote.createSnapshot('by hand')
    })
    await offline(directory, time, async (operations) => {
      assert.is(await codeOf(operations.runSchedule()), 'NOENT')
      assert.is(await codeOf(operations.pruneSchedule(true, () => undefined)), 'NOENT')
      await operations.setSchedule({ ...NONE, weekly: 1 })
      time.pass(HOUR_MS)
      assert.equal(await names(operations), ['by hand'])
      assert.is((await operations.runSchedule())[0]?.name, 'auto-weekly-2026-11-20T1030Z')
      assert.equal(await operations.runSchedule(), [])
    })
    time.passUntil('2026-11-25T12:20:00Z')
    await offline(directory, time, async (operations) => {
      await operations.runSchedule()
      const foretold = await operations.pruneSchedule(true, () => fail('pruned', undefined))
      assert.equal(
        foretold.map(({ name, keep }) => [name, keep]),
        [
          ['auto-weekly-2026-11-20T1030Z', false],
          ['auto-weekly-2026-11-25T1220Z', true],
        ],
      )
      const pruned: string[] = []
      await operations.pruneSchedule(false, (name) => pruned.push(name))
      assert.equal(pruned, ['auto-weekly-2026-11-20T1030Z'])
      assert.is((await operations.endSchedule()).on, false)
      assert.equal(await names(operations), ['by hand', 'auto-weekly-2026-11-25T1220Z'])
    })
  }))

test.run()
