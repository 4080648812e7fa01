/** What the lock service makes of what it kept: a restart of the server, and one of this host. */
import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { StoreLocks } from '../src/lock-journal.ts'
import { LockService } from '../src/locks.ts'
import { type Lock, ownerOf } from '../src/nfs/locks/table.ts'
import type { Store } from '../src/store/store.ts'
import { Harness } from './nfs/harness.ts'
import { withFolder, withStore } from './store/open-store.ts'

const test = suite('locks: a lock service on what it kept')

const GRACE_MS = 45_000
const [HERE, ELSEWHERE] = ['127.0.0.1', '192.0.2.7']
const lockds = [{ vers: 4, netid: 'tcp', host: '0.0.0.0', port: 40_000 }]
const monitor = {
  ...{ id: 1, mon_name: HERE, my_name: 'here', my_prog: 100_021, my_vers: 3, my_proc: 16 },
  priv: new Uint8Array(16),
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}

const lockOf = (id: number): Lock => ({
  ...{ id, file: '1/0/7/1', owner: ownerOf(id, Buffer.from('oh'), id), exclusive: true },
  ...{ first: BigInt(id), last: BigInt(id), claimed: true },
})

/** A store in which a client here and one elsewhere hold a lock each. */
function prepare(store: Store, boot: string): void {
  const kept = new StoreLocks(store)
  const client = { name: 'x', state: 1, monitored: true }
  const clients = [HERE, ELSEWHERE].map((address, i) => ({ id: i + 1, address, ...client }))
  kept.save({ clients, locks: [lockOf(1), lockOf(2)] })
  kept.saveMonitor(monitor)
  kept.saveNsm({ state: 5, bootId: boot, lockds })
}

/** Opens the service on a store that was closed in between, as `restored` insists. */
async function reopened(
  prepared: (store: Store) => void,
  use: (service: LockService, kept: StoreLocks) => Promise<void>,
): Promise<void> {
  await withFolder(async (directory) => {
    await withStore(directory, async ({ store }) => prepared(store))
    await withStore(directory, async ({ store }) => {
      const { service: nfs } = new Harness()
      const report = (message: string) => assert.unreachable(message)
      const service = await LockService.open(store, { service: nfs, graceMs: GRACE_MS, report })
      await store.checkpoint()
      await use(service, new StoreLocks(store)).finally(() => service.stop())
    })
  })
}

test('the first state is odd, and this start of the host is noted', async () => {
  await reopened(
    () => undefined,
    async (_, kept) => {
      assert.equal(kept.nsm, { state: 1, bootId: bootId(), lockds: [] })
    },
  )
})

test('when the server restarts the state grows by two, and everything is as it was', async () => {
  await reopened(
    (store) => prepare(store, bootId()),
    async (service, kept) => {
      assert.equal(kept.nsm, { state: 7, bootId: bootId(), lockds })
      assert.is((await kept.restored()).locks.length, 2)
      assert.is((await kept.monitors()).length, 1)
      assert.is(service.registry.peer(100_021, 4, 'tcp')?.port, 40_000)
      assert.is(service.registrar.peer(4, 'tcp')?.port, 40_000)
    },
  )
})

test('when this host has restarted its kernel holds nothing any more', async () => {
  await reopened(
    (store) => prepare(store, 'another start'),
    async (service, kept) => {
      assert.equal(kept.nsm, { state: 7, bootId: bootId(), lockds: [] })
      const { locks, clients } = await kept.restored()
      assert.equal(
        locks.map(({ id }) => id),
        [2],
      )
      assert.equal(
        clients.map(({ address }) => address),
        [ELSEWHERE],
      )
      assert.equal(await kept.monitors(), [])
      assert.is(service.registry.peer(100_021, 4, 'tcp'), undefined)
    },
  )
})

test.run()
