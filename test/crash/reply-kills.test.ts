/**
 * Exactly once, over kills: what a call was answered is in the log alone, or in the file of replies
 * too, when the server is killed. Sent again, it gets the same bytes.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { nfsstat3 } from '../../src/nfs/nfsstat3.ts'
import type { CheckpointLimits } from '../../src/store/checkpointer.ts'
import { assertSound } from '../check/assert-sound.ts'
import { bytes } from '../nfs/harness.ts'
import { callOf, statusOf, Wire } from '../nfs/wire.ts'
import { withFolder, withStore } from '../store/open-store.ts'
import { Servers } from './server.ts'

const test = suite('crash: a reply before a kill, and after it')

/** Where the results begin: behind xid, REPLY, MSG_ACCEPTED, an empty verifier and SUCCESS. */
const RESULTS_AT = 24
const XID = 77
const SET = { mode: 0o700 }
const KILLS = 3
/** How long a checkpoint may take: so many looks, with pauses between them. */
const TRIES_MAX = 500
const TRY_MS = 20

/** A server that is killed when `run` has ended. */
async function withKilled<T>(
  servers: Servers,
  directory: string,
  checkpointLimits: Partial<CheckpointLimits>,
  run: (wire: Wire) => Promise<T>,
): Promise<T> {
  const server = servers.take()
  const { port } = await server.serving({ directory, checkpointLimits })
  const wire = await Wire.open(port)
  try {
    return await run(wire)
  } finally {
    await server.kill()
    assert.equal(server.problems, [])
  }
}

/** Whether the file of replies has what a call was answered. */
async function isWritten(directory: string, reply: Uint8Array): Promise<boolean> {
  const replies = await readFile(join(directory, 'replies'))
  return replies.includes(Buffer.from(reply.subarray(RESULTS_AT)))
}

async function written(directory: string, reply: Uint8Array): Promise<void> {
  for (let left = TRIES_MAX; !(await isWritten(directory, reply)); left--) {
    assert.ok(left > 0, 'no checkpoint has brought the reply into its file')
    await sleep(TRY_MS)
  }
}

for (const [what, limits, before] of [
  [
    'no checkpoint',
    {},
    async (directory: string, reply: Uint8Array) => assert.not(await isWritten(directory, reply)),
  ],
  ['a checkpoint', { dirtyRecordsMax: 0 }, written],
] as const) {
  test(`${what} and a kill after the call: it gets the same bytes, ${KILLS} times`, () =>
    withFolder(async (folder) => {
      const directory = join(folder, 'data')
      const servers = new Servers()
      try {
        const [call, reply] = await withKilled(servers, directory, limits, async (wire) => {
          const where = { dir: await wire.mount(1), name: bytes('made') }
          const made = callOf(XID, 'MKDIR', { where, attributes: SET })
          const told = await wire.call(made)
          assert.is(statusOf(told), nfsstat3.NFS3_OK)
          await before(directory, told)
          return [made, told]
        })
        for (let kill = 0; kill < KILLS; kill++) {
          await withKilled(servers, directory, limits, async (wire) => {
            assert.equal(await wire.call(call), reply)
            // By now recovery has brought it there, if nothing did before.
            assert.ok(await isWritten(directory, reply))
          })
        }
      } finally {
        await servers.close()
      }
      await withStore(directory, async ({ store }) => {
        await assertSound(store)
      })
    }))
}

test.run()
