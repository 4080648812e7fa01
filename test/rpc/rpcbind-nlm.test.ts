/** Our NLM in the system's portmapper, where this host's kernel registers its own over it. */
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Dispatcher } from '../../src/rpc/dispatch.ts'
import { Listener } from '../../src/rpc/listener.ts'
import { portmapPrograms } from '../../src/rpc/portmap.ts'
import type { Service } from '../../src/rpc/portmap-host.ts'
import { PortRegistry, type Registration } from '../../src/rpc/portmap-registry.ts'
import { NLM_PROG, SM_PROG } from '../../src/rpc/program.ts'
import { SystemRegistrar } from '../../src/rpc/rpcbind-registrar.ts'
import { RegistrationWatch } from '../../src/rpc/rpcbind-watch.ts'

const test = suite('rpc/rpcbind: NLM and NSM of this host')

const report = (error: unknown) => {
  throw error
}
const OWN_PORT = 2049
const own = (prog: number, vers: number): Service => ({
  ...{ prog, vers, netid: 'tcp', host: '127.0.0.1', port: OWN_PORT },
})
const services = [own(NLM_PROG, 3), own(NLM_PROG, 4), own(SM_PROG, 1), own(100_003, 3)]

interface Host {
  readonly registry: PortRegistry
  readonly registrar: SystemRegistrar
  /** Where another lock manager and status monitor answers. */
  readonly kernelPort: number
  /** How often `onPeer` ran. */
  changes(): number
  /** What is registered for a program: `vers:port`. */
  registered(prog: number): string[]
  /** Another program of the host registers, as the kernel does. */
  set(prog: number, vers: number, port: number): void
  unset(prog: number, vers: number): void
}

const USER = { privileged: false }

async function withHost(use: (host: Host) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'portmap-'))
  const registry = new PortRegistry()
  const portmap = portmapPrograms(registry, { listenHost: '127.0.0.1', clock: () => 0 })
  const socketPath = join(folder, 'rpcbind.sock')
  const unix = await Listener.listen({ path: socketPath }, new Dispatcher(portmap, report))
  const kernel = [3, 4].map((vers) => ({ prog: NLM_PROG, vers, procedures: [] }))
  const statd = { prog: SM_PROG, vers: 1, procedures: [] }
  const others = new Dispatcher([...kernel, statd], report)
  const tcp = await Listener.listen({ host: '127.0.0.1', port: 0 }, others)
  let changes = 0
  const onPeer = () => {
    changes++
  }
  const registrar = new SystemRegistrar({ uid: 0, socketPath, port: 1, onPeer })
  try {
    await use({
      ...{ registry, registrar, kernelPort: (tcp.address as AddressInfo).port },
      changes: () => changes,
      registered: (prog) => {
        const found = registry.entries().filter((entry) => entry.prog === prog)
        return found.map(({ vers, port }) => `${vers}:${port}`).sort()
      },
      set: (prog, vers, port) => registry.set(USER, registration(prog, vers, port)),
      unset: (prog, vers) => registry.unset(USER, prog, vers),
    })
  } finally {
    await Promise.all([unix.close(0), tcp.close(0)])
    await rm(folder, { recursive: true })
  }
}

const registration = (prog: number, vers: number, port: number): Registration => ({
  ...{ prog, vers, netid: 'tcp', host: '127.0.0.1', port, owner: 'kernel' },
})

test("the kernel's lock manager makes room at the start, and is put back in the end", async () => {
  await withHost(async ({ registrar, kernelPort, set, registered }) => {
    set(NLM_PROG, 4, kernelPort)
    const { registered: done, summary } = await registrar.register(services)
    assert.ok(done, summary)
    assert.equal(registered(NLM_PROG), ['3:2049', '4:2049'])
    assert.is(registrar.peer(4, 'tcp')?.port, kernelPort)
    assert.is(registrar.peer(3, 'tcp'), undefined)
    await registrar.unregister()
    assert.equal(registered(NLM_PROG), [`4:${kernelPort}`])
  })
})

test('one that takes our place later is replaced, and remembered', async () => {
  await withHost(async (host) => {
    const { registrar, kernelPort, set, unset, registered } = host
    await registrar.register(services)
    for (const vers of [3, 4]) {
      unset(NLM_PROG, vers)
      set(NLM_PROG, vers, kernelPort)
    }
    await registrar.renew(false)
    assert.equal(registered(NLM_PROG), ['3:2049', '4:2049'])
    assert.is(registrar.peer(4, 'tcp')?.port, kernelPort)
    assert.is(host.changes(), 1)
    await registrar.renew(false)
    assert.is(host.changes(), 1, 'nothing new')
    assert.is(registrar.peer(4, 'tcp')?.port, kernelPort)
  })
})

test('what is missing comes back when it was missing twice, and never in the middle', async () => {
  await withHost(async ({ registrar, kernelPort, set, unset, registered }) => {
    await registrar.register(services)
    set(NLM_PROG, 4, kernelPort)
    unset(NLM_PROG, 3)
    unset(NLM_PROG, 4)
    for (let i = 0; i < 3; i++) await registrar.renew(false)
    assert.equal(registered(NLM_PROG), [])
    await registrar.renew(true)
    assert.equal(registered(NLM_PROG), [], 'the kernel may be about to register')
    await registrar.renew(true)
    assert.equal(registered(NLM_PROG), ['3:2049', '4:2049'])
    assert.equal(registrar.peers, [], 'its lock manager has ended')
  })
})

test('what nobody serves is no lock manager of the kernel', async () => {
  await withHost(async ({ registrar, set, registered }) => {
    set(NLM_PROG, 4, 1)
    await registrar.register(services)
    assert.equal(registered(NLM_PROG), ['3:2049', '4:2049'])
    assert.equal(registrar.peers, [])
  })
})

test('where rpc.statd runs our status monitor is not registered', async () => {
  await withHost(async ({ registrar, kernelPort, set, registered }) => {
    set(SM_PROG, 1, kernelPort)
    await registrar.register(services)
    assert.equal(registered(SM_PROG), [`1:${kernelPort}`])
    assert.not.ok(registrar.has(SM_PROG))
    assert.ok(registrar.has(NLM_PROG))
    await registrar.unregister()
    assert.equal(registered(SM_PROG), [`1:${kernelPort}`])
  })
})

test('where rpc.statd is dead ours takes its place', async () => {
  await withHost(async ({ registrar, set, registered }) => {
    set(SM_PROG, 1, 1)
    await registrar.register(services)
    assert.equal(registered(SM_PROG), ['1:2049'])
    assert.ok(registrar.has(SM_PROG))
  })
})

test('where rpc.statd is started later it takes the place of ours', async () => {
  await withHost(async (host) => {
    const { registrar, kernelPort, set, unset, registered } = host
    await registrar.register(services)
    assert.ok(registrar.has(SM_PROG))
    unset(SM_PROG, 1)
    set(SM_PROG, 1, kernelPort)
    await registrar.renew(true)
    assert.not.ok(registrar.has(SM_PROG))
    assert.is(host.changes(), 1)
    await registrar.renew(true)
    assert.equal(registered(SM_PROG), [`1:${kernelPort}`])
  })
})

test('an NFS server that took our place keeps it', async () => {
  await withHost(async ({ registrar, set, unset, registered }) => {
    await registrar.register(services)
    unset(100_003, 3)
    set(100_003, 3, 4711)
    for (let i = 0; i < 3; i++) await registrar.renew(true)
    assert.equal(registered(100_003), ['3:4711'])
  })
})

/** Timers that run when the test says so. */
class Timers {
  readonly #due: { ms: number; run: () => void }[] = []
  readonly after = (ms: number, run: () => void) => {
    const timer = { ms, run }
    this.#due.push(timer)
    return () => void this.#due.splice(this.#due.indexOf(timer), 1)
  }

  /** Runs the only timer that there is. @returns after how many milliseconds */
  async run(): Promise<number> {
    assert.is(this.#due.length, 1)
    const timer = this.#due.pop()
    timer?.run()
    await new Promise((resolve) => setImmediate(resolve))
    return timer?.ms ?? 0
  }

  get waiting(): number {
    return this.#due.length
  }
}

test('the watch looks once a second, often while somebody mounts, and stops', async () => {
  const timers = new Timers()
  const looks: boolean[] = []
  const renew = async (settled: boolean) => void looks.push(settled)
  const watch = new RegistrationWatch({ renew }, timers.after)
  assert.is(await timers.run(), 1000)
  assert.is(await timers.run(), 1000)
  assert.equal(looks.splice(0), [true, true])
  watch.hurry()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(looks.splice(0), [false], 'at once')
  let pauses = 0
  while ((await timers.run()) < 1000) pauses++
  assert.ok(pauses > 100 && pauses < 1000)
  assert.is(looks.at(-1), true)
  await watch.stop()
  assert.is(timers.waiting, 0)
})

test('the watch goes on where the portmapper is away', async () => {
  const timers = new Timers()
  const watch = new RegistrationWatch({ renew: () => Promise.reject(new Error()) }, timers.after)
  for (let i = 0; i < 3; i++) assert.is(await timers.run(), 1000)
  await watch.stop()
})

test.run()
