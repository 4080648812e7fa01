import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkStore } from '../src/check/check.ts'
import { StoreLocks } from '../src/lock-journal.ts'
import { LAST_BYTE } from '../src/nfs/locks/range.ts'
import { shareOwner } from '../src/nfs/locks/shares.ts'
import { type Lock, ownerOf } from '../src/nfs/locks/table.ts'
import type { Store } from '../src/store/store.ts'
import { crashed, withFolder, withStore } from './store/open-store.ts'

const test = suite('lock-journal')

const client = { id: 3, address: '10.0.0.1', name: 'caf\xe9', state: 7, monitored: true }
const oh = new Uint8Array([0, 255, 1])
const lock: Lock = {
  ...{ id: 5, file: '1/0/1234567890123/7', owner: ownerOf(3, oh, -2), exclusive: true },
  ...{ first: 2n ** 63n + 1n, last: LAST_BYTE, claimed: false },
}
const share = {
  ...{ id: 6, file: '2/9/4/1', client: 3, owner: shareOwner(3, oh), oh },
  ...{ deny: 2, access: 3, claimed: false },
}
const nsm = {
  ...{ state: 9, bootId: 'boot' },
  lockds: [{ vers: 4, netid: 'tcp6', host: '::', port: 41197 }],
}
const monitor = {
  ...{ id: 1, mon_name: '10.0.0.9', my_name: 'guest', my_prog: 100_021, my_vers: 3, my_proc: 16 },
  priv: new Uint8Array(16).fill(7),
}

function saveAll(store: Store): StoreLocks {
  const kept = new StoreLocks(store)
  kept.save({ locks: [lock], shares: [share], clients: [client] })
  kept.saveNsm(nsm)
  kept.saveMonitor(monitor)
  return kept
}

const sound = async (store: Store) => (await checkStore(store, () => undefined)).problems

test('what is saved comes back whole when the store is opened again', async () => {
  await withFolder(async (directory) => {
    await withStore(directory, async ({ store }) => void saveAll(store))
    await withStore(directory, async ({ store }) => {
      const kept = new StoreLocks(store)
      const restored = await kept.restored()
      assert.equal(restored, { locks: [lock], shares: [share], clients: [client] })
      assert.equal(kept.nsm, nsm)
      assert.equal(await kept.monitors(), [monitor])
      assert.equal(await sound(store), [])
    })
  })
})

test('what passed the barrier is there after a crash', async () => {
  await withFolder(async (directory) => {
    await withStore(directory, async ({ store }) => {
      saveAll(store)
      await store.flush()
      await crashed(directory, async (copy) => {
        await withStore(copy, async ({ store }) => {
          assert.is((await new StoreLocks(store).restored()).locks.length, 1)
          assert.equal(await sound(store), [])
        })
      })
    })
  })
})

test('what is dropped is gone', async () => {
  await withFolder(async (directory) => {
    await withStore(directory, async ({ store }) => {
      const kept = saveAll(store)
      kept.save({ dropped: [5, 6], droppedClients: [3] })
      kept.dropMonitors([1])
    })
    await withStore(directory, async ({ store }) => {
      const kept = new StoreLocks(store)
      assert.equal(await kept.restored(), { locks: [], shares: [], clients: [] })
      assert.equal(await kept.monitors(), [])
    })
  })
})

test('the check tells of a lock without its client, and of one that is no range', async () => {
  await withFolder(async (directory) => {
    await withStore(directory, async ({ store }) => {
      const kept = saveAll(store)
      kept.save({ droppedClients: [3] })
      kept.save({ locks: [{ ...lock, id: 9, first: 5n, last: 4n }] })
      kept.saveNsm({ ...nsm, state: 4 })
      assert.equal(await sound(store), [
        'lock 9 ends before it begins',
        'the status monitor has the state 4, which is down',
        'lock 9 is of client 3, which is not there',
      ])
    })
  })
})

test.run()
