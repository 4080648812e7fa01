/** MOUNT's list on a store: it outlives the server, and a store that takes nothing any more. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { StoreMounts } from '../src/mount-journal.ts'
import type { FsError } from '../src/store/error.ts'
import { assertSound } from './check/assert-sound.ts'
import { Client, DUMP, MOUNT, UMNT, UMNTALL } from './clients/nfs.ts'
import { openTcp, openUdp, servingIn } from './clients/serving.ts'
import { heldLog } from './crash/held-log.ts'
import { openTestStore, withFolder, withStore } from './store/open-store.ts'

const test = suite('mount-journal')

async function dumped(client: Client): Promise<string[]> {
  const list = await client.ask([MOUNT, 3, DUMP])
  const entries: string[] = []
  while (list.word() === 1) entries.push(`${list.text()} ${list.text()}`)
  return entries
}

test('who has mounted what is known after a restart, and who has unmounted it', () =>
  withFolder(async (directory) => {
    const serve = (use: (client: Client) => Promise<void>) =>
      servingIn(directory, async (port) => {
        for (const open of [openTcp, openUdp]) {
          const line = await open(port)
          await use(new Client(line))
          await line.close()
        }
      })
    await serve(async (client) => {
      await client.mount('/')
      await client.mount('//.')
      await client.mount('')
      await client.ask([MOUNT, 3, UMNT], '')
    })
    await withStore(directory, ({ store }) => assertSound(store))
    await serve(async (client) => {
      assert.equal(await dumped(client), ['127.0.0.1 /', '127.0.0.1 //.'])
    })
    await serve((client) => client.ask([MOUNT, 1, UMNTALL]).then(() => undefined))
    await serve(async (client) => assert.equal(await dumped(client), []))
  }))

test('a store that takes no changes does not keep anybody from mounting', () =>
  withFolder(async (directory) => {
    const one = { id: 1, hostname: '192.0.2.1', directory: '/\xe4' }
    const { disk, hold } = heldLog()
    const { store } = await openTestStore(directory, { disk, report: () => undefined })
    const mounts = new StoreMounts(store)
    mounts.change([], one)
    await store.flush()
    const release = hold()
    mounts.change([1], { ...one, id: 2 })
    const failed = store.flush().catch((error: FsError) => error.code)
    await new Promise(setImmediate)
    release(new Error('the disk does not answer'))
    assert.is(await failed, 'IO')
    mounts.change([], { ...one, id: 3 })
    await store.close()
    await withStore(directory, async (opened) => {
      assert.equal(await new StoreMounts(opened.store).kept(), [one])
    })
  }))

test.run()
