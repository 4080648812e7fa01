/**
 * Snapshots of two datasets, taken while clients write to both: what they hold together equals a
 * prefix of what was acknowledged.
 *
 * `PREFIX_SEED=n` replays the choices (not the timing), `PREFIX_SNAPSHOTS=n` takes more.
 */
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RemoteOperations } from '../../src/control/client.ts'
import { assertSound } from '../check/assert-sound.ts'
import { Nfs } from '../crash/nfs.ts'
import { type ServerProcess, Servers } from '../crash/server.ts'
import { Random, seedOf } from '../model/random.ts'
import { withFolder, withStore } from '../store/open-store.ts'
import { concurrent, problemOf } from './checker.ts'
import type { Taken } from './history.ts'
import { Load } from './load.ts'

const test = suite('prefix: snapshots while clients write')

const { PREFIX_SNAPSHOTS } = process.env
const seed = seedOf('PREFIX_SEED')
const CLIENTS = 4
const SNAPSHOTS = Number(PREFIX_SNAPSHOTS ?? 15)
/** Another dataset: snapshots are of both, in one instant. */
const OTHER = 'other'
/** Taken one right after the other, before anybody looks at them. */
const AT_ONCE = 3
const KEPT = 6
/** So small that there is a checkpoint under way much of the time. */
const LIMITS = { logBytesMax: 2 ** 20, dirtyRecordsMax: 300, limboBlocksMax: 300 }

interface Parts {
  readonly load: Load
  /** Looks at snapshots while the clients work. */
  readonly looker: Nfs
  readonly control: RemoteOperations
}

async function withLoad(
  directory: string,
  servers: Servers,
  body: (parts: Parts) => Promise<void>,
): Promise<ServerProcess> {
  const server = servers.take()
  const { host, port } = await server.serving({ directory, checkpointLimits: LIMITS })
  const connections: Nfs[] = []
  for (let i = 0; i <= CLIENTS; i++) connections.push(await Nfs.connect(host, port))
  const [looker, ...clients] = connections
  assert.ok(looker !== undefined)
  const control = await RemoteOperations.connect(directory)
  await control.datasets.create({ name: OTHER, quota: { bytes: 0, inodes: 0 }, uid: 0, gid: 0 })
  const load = await Load.prepare(clients, new Random(seed), OTHER)
  try {
    await body({ load, looker, control })
  } finally {
    for (const one of [...connections, control]) await one.close()
  }
  return server
}

/** Takes some, and looks at them while the load goes on. */
async function takeSome({ load, looker, control }: Parts, from: number): Promise<Taken[]> {
  const times: Pick<Taken, 'name' | 'sent' | 'answered'>[] = []
  for (let i = 0; i < AT_ONCE; i++) times.push(await load.take(control, `s${from + i}`))
  const all: Taken[] = []
  for (const time of times) {
    all.push({ ...time, ...(await load.look(looker, time.name)) })
  }
  return all
}

function requireRight({ load }: Parts, taken: readonly Taken[]): void {
  for (const one of taken) {
    const problem = problemOf(load.lanes, one)
    if (problem !== undefined) throw new Error(problem)
  }
}

/** What never was: one half of it from one snapshot, and the other from another. */
function requireHalvesWrong({ load }: Parts, one: Taken, other: Taken): void {
  const views = new Map(
    [...one.views].map(([lane, view], i) => {
      return [lane, i % 2 === 0 ? view : (other.views.get(lane) ?? '')] as const
    }),
  )
  assert.match(problemOf(load.lanes, { ...one, views }) ?? '', /no instant/)
}

async function takeAndCheck(parts: Parts): Promise<void> {
  const { load, looker, control } = parts
  const kept: Taken[] = []
  let underWay = 0
  load.start()
  for (let count = 0; count < SNAPSHOTS; count += AT_ONCE) {
    const before = load.operations
    const some = await takeSome(parts, count)
    requireRight(parts, some)
    for (const one of some) underWay += concurrent(load.lanes, one)
    const [first] = some
    if (kept[0] !== undefined && first !== undefined) requireHalvesWrong(parts, first, kept[0])
    assert.ok(load.operations > before, 'nobody worked meanwhile')
    kept.push(...some)
    const words = kept.splice(0, Math.max(0, kept.length - KEPT)).map(({ name }) => name)
    if (words.length === 0) continue
    const request = { words, dryRun: false, background: true }
    await control.recursive.delete(request, () => undefined)
  }
  await load.end()
  assert.ok(underWay > SNAPSHOTS, `${underWay} operations were under way at ${SNAPSHOTS} snapshots`)
  for (const time of kept) {
    // The live tree is what was at a later instant, and no snapshot of then.
    const now = { ...time, ...(await load.look(looker)) }
    assert.match(problemOf(load.lanes, now) ?? 'nothing is wrong', /no instant/)
  }
  // Whatever was written since, and deleted: they hold what they held.
  for (const { name, views, last } of kept) {
    assert.equal(await load.look(looker, name), { views, last }, name)
  }
  console.log(`${load.operations} operations, ${underWay} of them under way at a snapshot`)
}

test(`${SNAPSHOTS} snapshots while ${CLIENTS} clients write are prefixes of their work`, async () => {
  await withFolder(async (folder) => {
    const directory = join(folder, 'data')
    const servers = new Servers()
    try {
      const server = await withLoad(directory, servers, takeAndCheck)
      assert.is(await server.stop(), 0)
      assert.equal([server.problems, server.stderr], [[], ''])
      await withStore(directory, async ({ store }) => void (await assertSound(store)))
    } finally {
      await servers.close()
    }
  })
})

test.run()
