import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MONITORS_MAX, type Monitor, Nsm } from '../../../src/nfs/locks/nsm.ts'
import {
  mon,
  mon_id,
  my_id,
  nsmProgram,
  sm_stat_res,
  stat_chge,
} from '../../../src/nfs/locks/nsm-program.ts'
import { type Codec, uint32, voidType } from '../../../src/xdr/codec.ts'
import { Harness, LOCAL, REMOTE } from '../harness.ts'
import { encode } from './nlm-harness.ts'

const test = suite('nfs/locks/nsm')

const SM_PROG = 100_024
const [STAT, MON, UNMON, UNMON_ALL, SIMU_CRASH, NOTIFY] = [1, 2, 3, 4, 5, 6]
const priv = Buffer.from('0123456789abcdef')
const lockd = { my_name: 'guest', my_prog: 100_021, my_vers: 3, my_proc: 16 }

/** An NSM in state 5, in which `10.0.0.1` is this host. */
class World {
  readonly stored = new Map<number, Monitor>()
  /** `address name state`. */
  readonly restarted: string[] = []
  /** `mon_name state`. */
  readonly told: string[] = []
  crashes = 0
  readonly nsm: Nsm
  readonly nfs: Harness

  constructor(monitors: readonly Monitor[] = []) {
    this.nsm = new Nsm({
      journal: {
        saveMonitor: (monitor) => this.stored.set(monitor.id, monitor),
        dropMonitors: (ids) => {
          for (const id of ids) this.stored.delete(id)
        },
      },
      ...{ monitors, state: 5 },
      isHere: (address) => address === '10.0.0.1' || address === '127.0.0.1',
      onRestarted: (...what) => this.restarted.push(what.join(' ')),
      tell: ({ mon_name }, state) => this.told.push(`${mon_name} ${state}`),
      onCrash: () => {
        this.crashes++
      },
    })
    const program = nsmProgram(this.nsm, (done) => done())
    this.nfs = new Harness(undefined, undefined, () => [program])
  }

  async call<A, R>(proc: number, args: Codec<A>, value: A, results: Codec<R>): Promise<R> {
    const { stat, r } = await this.nfs.raw(SM_PROG, 1, proc, encode(args, value))
    assert.is(stat, 0)
    const result = results.decode(r)
    assert.is(r.remaining, 0)
    return result
  }

  monitor(mon_name: string, my_id = lockd) {
    return this.call(MON, mon, { mon_id: { mon_name, my_id }, priv }, sm_stat_res)
  }

  async notify(address: string, mon_name: string, state: number): Promise<void> {
    this.nfs.caller = { ...REMOTE, address }
    await this.call(NOTIFY, stat_chge, { mon_name, state }, voidType)
    this.nfs.caller = LOCAL
  }
}

test('a program of this host monitors, and is called with the news', async () => {
  const world = new World()
  assert.equal(await world.monitor('10.0.0.9'), { res_stat: 0, state: 5 })
  await world.notify('10.0.0.9', 'other', 3)
  await world.notify('10.0.0.8', '10.0.0.9', 5)
  await world.notify('10.0.0.8', 'nobody', 7)
  assert.equal(world.told, ['10.0.0.9 3', '10.0.0.9 5'])
  assert.equal(world.restarted, ['10.0.0.9 other 3', '10.0.0.8 10.0.0.9 5', '10.0.0.8 nobody 7'])
  assert.equal(
    [...world.stored.values()],
    [{ id: 1, mon_name: '10.0.0.9', ...lockd, priv: new Uint8Array(priv) }],
  )
})

test('monitoring again replaces, and ends by UNMON and UNMON_ALL', async () => {
  const world = new World()
  for (const name of ['a', 'a', 'b', 'c']) await world.monitor(name)
  assert.is(world.stored.size, 3)
  const state = await world.call(UNMON, mon_id, { mon_name: 'a', my_id: lockd }, uint32)
  assert.is(state, 5)
  assert.is(world.stored.size, 2)
  const other = { ...lockd, my_proc: 24 }
  await world.monitor('b', other)
  await world.call(UNMON_ALL, my_id, lockd, uint32)
  assert.equal(
    [...world.stored.values()].map(({ mon_name, my_proc }) => `${mon_name} ${my_proc}`),
    ['b 24'],
  )
})

test('other hosts may ask how we are and notify, and nothing else', async () => {
  const world = new World()
  await world.monitor('a')
  world.nfs.caller = REMOTE
  assert.equal(await world.monitor('b'), { res_stat: 1, state: 5 })
  await world.call(UNMON, mon_id, { mon_name: 'a', my_id: lockd }, uint32)
  await world.call(SIMU_CRASH, voidType, undefined, voidType)
  assert.is(world.stored.size, 1)
  assert.is(world.crashes, 0)
  const asked = await world.nfs.raw(
    SM_PROG,
    1,
    STAT,
    encode(stat_chge, { mon_name: 'x', state: 0 }),
  )
  assert.equal(sm_stat_res.decode(asked.r), { res_stat: 0, state: 5 })
})

test('a crash is simulated for programs of this host', async () => {
  const world = new World()
  await world.call(SIMU_CRASH, voidType, undefined, voidType)
  assert.is(world.crashes, 1)
})

test('a notice from this host frees nothing here', async () => {
  const world = new World()
  await world.monitor('10.0.0.1')
  await world.notify('10.0.0.1', 'guest', 3)
  assert.equal(world.restarted, [])
  assert.equal(world.told, ['10.0.0.1 3'])
})

test('after a restart of the server only those who have locks with us are told', async () => {
  const old = { ...lockd, priv: new Uint8Array(priv) }
  const names = ['localhost', '10.0.0.1', '10.0.0.9', 'server.example']
  const world = new World(names.map((mon_name, i) => ({ id: i + 1, mon_name, ...old })))
  world.nsm.tellRestart()
  assert.equal(world.told, ['localhost 5', '10.0.0.1 5'])
  assert.equal(world.nsm.othersMonitored, ['10.0.0.9', 'server.example'])
  await world.monitor('new')
  assert.ok(world.stored.has(5), 'numbers go on')
})

test('monitors are bounded', async () => {
  const world = new World()
  for (let i = 0; i < MONITORS_MAX; i++) {
    assert.ok(world.nsm.monitor({ mon_name: `host${i}`, ...lockd, priv }))
  }
  assert.equal(await world.monitor('one more'), { res_stat: 1, state: 5 })
  assert.equal(await world.monitor('host7'), { res_stat: 0, state: 5 })
})

test.run()
