/**
 * Exactly once, at random: clients that lose their connections all the time, on a server that is
 * killed now and then. Every call is answered as if it was done once, and always the same.
 *
 * `CRASH_SEED=n` replays the choices, not the timing.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { assertSound } from '../check/assert-sound.ts'
import { Random, seedOf } from '../model/random.ts'
import { withFolder, withStore } from '../store/open-store.ts'
import { HardClient, User } from './hard-client.ts'
import { Nfs } from './nfs.ts'
import { Servers } from './server.ts'

const test = suite('crash: replies that are lost')

const seed = seedOf('CRASH_SEED')
const KILLS = 6
const USERS = 4
const LOAD_MS_MAX = 700
/** Calls and cuts of each user, at least, for each kill. */
const CALLS_MIN = 3
/** So small that there is a checkpoint under way much of the time. */
const LIMITS = { logBytesMax: 256 * 1024, dirtyRecordsMax: 100 }

/** A server that is killed and started again, on the same folder and another port. */
class Killed {
  readonly #servers = new Servers()
  readonly #how: { directory: string; checkpointLimits: typeof LIMITS }
  #server = this.#servers.take()
  #port: Promise<number>

  constructor(directory: string) {
    this.#how = { directory, checkpointLimits: LIMITS }
    this.#port = this.#start()
  }

  get port(): Promise<number> {
    return this.#port
  }

  async #start(): Promise<number> {
    return (await this.#server.serving(this.#how)).port
  }

  async kill(): Promise<void> {
    await this.#port
    const dead = this.#server
    this.#server = this.#servers.take()
    let start: () => void = () => undefined
    this.#port = new Promise<void>((resolve) => {
      start = resolve
    }).then(() => this.#start())
    await dead.kill()
    assert.equal(dead.problems, [])
    start()
    await this.#port
  }

  async stop(): Promise<void> {
    assert.is(await this.#server.stop(), 0)
    assert.equal(this.#server.problems, [])
  }

  close(): Promise<void> {
    return this.#servers.close()
  }
}

async function users(server: Killed): Promise<User[]> {
  const first = new Random(seed).uint32()
  return Promise.all(
    Array.from({ length: USERS }, (_, n) => {
      const random = new Random(seed + n)
      const client = new HardClient(() => server.port, random)
      // All are one client to the server, and count from the same xid.
      client.meet(first)
      return User.begin(client, random, `user ${n}`)
    }),
  )
}

async function work(server: Killed, all: readonly User[]): Promise<void> {
  const random = new Random(seed - 1)
  let ending = false
  const workers = all.map(async (user) => {
    while (!ending) await user.step()
    // The oldest that are kept, too, though the server has died since.
    for (let i = 0; i < 20; i++) await user.client.repeat()
  })
  const killer = async () => {
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(random.below(LOAD_MS_MAX))
      // On a slow machine, too, everybody has done something by then.
      const isIdle = ({ client: { counts } }: User): boolean =>
        counts.calls < CALLS_MIN * (kill + 1) || counts.cuts < CALLS_MIN * (kill + 1)
      while (all.some(isIdle)) await sleep(LOAD_MS_MAX / 100)
      await server.kill()
    }
    ending = true
  }
  await Promise.all([...workers, killer()])
}

test(`every call is answered once and for all, over ${KILLS} kills and many cuts`, async () => {
  await withFolder(async (folder) => {
    const directory = join(folder, 'data')
    const server = new Killed(directory)
    try {
      const all = await users(server)
      await work(server, all)
      const nfs = await Nfs.connect('127.0.0.1', await server.port)
      for (const user of all) {
        assert.equal([...(await nfs.look(user.dir)).names.keys()].sort(), user.names)
        await user.client.close()
      }
      await nfs.close()
      await server.stop()
      const counts = all.map(({ client }) => client.counts)
      console.log(counts.map((count) => JSON.stringify(count)).join('\n'))
      assert.ok(counts.every(({ calls, cuts }) => calls > 10 && cuts > 10))
    } finally {
      await server.close()
    }
    await withStore(directory, async ({ store }) => {
      await assertSound(store)
    })
  })
})

test.run()
