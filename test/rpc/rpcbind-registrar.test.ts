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
import { PortRegistry } from '../../src/rpc/portmap-registry.ts'
import { SystemRegistrar } from '../../src/rpc/rpcbind-registrar.ts'

const test = suite('rpc/rpcbind-registrar')

const report = (error: unknown) => {
  throw error
}

const services: readonly Service[] = [
  { prog: 100_003, vers: 3, netid: 'tcp', host: '127.0.0.1', port: 2049 },
  { prog: 100_003, vers: 3, netid: 'tcp6', host: '::1', port: 2049 },
  { prog: 100_005, vers: 3, netid: 'tcp', host: '127.0.0.1', port: 20048 },
  { prog: 100_005, vers: 3, netid: 'udp', host: '127.0.0.1', port: 20048 },
]

interface System {
  readonly registry: PortRegistry
  readonly socketPath: string
  readonly port: number
}

/** A portmapper as the system's: our own, at a Unix socket and at a TCP port. */
async function withSystem(use: (system: System) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'portmap-'))
  const registry = new PortRegistry()
  const programs = portmapPrograms(registry, { listenHost: '127.0.0.1', clock: () => 0 })
  const dispatcher = new Dispatcher(programs, report)
  const socketPath = join(folder, 'rpcbind.sock')
  const unix = await Listener.listen({ path: socketPath }, dispatcher)
  const tcp = await Listener.listen({ host: '127.0.0.1', port: 0 }, dispatcher)
  try {
    await use({ registry, socketPath, port: (tcp.address as AddressInfo).port })
  } finally {
    await Promise.all([unix.close(0), tcp.close(0)])
    await rm(folder, { recursive: true })
  }
}

const portsOf = (registry: PortRegistry, prog: number) =>
  registry
    .entries()
    .filter((entry) => entry.prog === prog)
    .map(({ netid, host, port }) => `${netid} ${host} ${port}`)
    .sort()

test('registers IPv4 and IPv6 over the Unix socket, and takes it back', async () => {
  await withSystem(async ({ registry, socketPath, port }) => {
    const registrar = new SystemRegistrar({ uid: 0, socketPath, port })
    const { registered, summary } = await registrar.register(services)
    assert.ok(registered, summary)
    assert.match(summary, /rpcbind version 4/)
    assert.equal(portsOf(registry, 100_003), ['tcp 127.0.0.1 2049', 'tcp6 ::1 2049'])
    assert.equal(portsOf(registry, 100_005), ['tcp 127.0.0.1 20048', 'udp 127.0.0.1 20048'])
    await registrar.unregister()
    assert.is(registry.entries().length, 0)
    await registrar.unregister()
  })
})

test('without the Unix socket registers IPv4 by version 2, which cannot say addresses', async () => {
  await withSystem(async ({ registry, port }) => {
    const registrar = new SystemRegistrar({ uid: 0, socketPath: '/nonexistent/socket', port })
    const { registered, summary } = await registrar.register(services)
    assert.ok(registered, summary)
    assert.match(summary, /PMAP version 2 over TCP/)
    assert.equal(portsOf(registry, 100_003), ['tcp 0.0.0.0 2049'])
    assert.equal(portsOf(registry, 100_005), ['tcp 0.0.0.0 20048', 'udp 0.0.0.0 20048'])
    await registrar.unregister()
    assert.is(registry.entries().length, 0)
  })
})

test('several addresses of one service become one registration for all', async () => {
  await withSystem(async ({ registry, socketPath, port }) => {
    const nfs = { prog: 100_003, vers: 3, netid: 'tcp', port: 2049 } as const
    const registrar = new SystemRegistrar({ uid: 0, socketPath, port })
    await registrar.register([
      { ...nfs, host: '127.0.0.1' },
      { ...nfs, host: '192.0.2.1' },
    ])
    assert.equal(portsOf(registry, 100_003), ['tcp 0.0.0.0 2049'])
  })
})

test('what a killed server left behind is replaced', async () => {
  await withSystem(async ({ registry, socketPath, port }) => {
    const registrar = new SystemRegistrar({ uid: 0, socketPath, port })
    const left = { prog: 100_003, vers: 3, netid: 'tcp', host: '127.0.0.1', port: 1 } as const
    registry.set({ privileged: false }, { ...left, owner: 'gone' })
    assert.ok((await registrar.register(services)).registered)
    assert.equal(portsOf(registry, 100_003), ['tcp 127.0.0.1 2049', 'tcp6 ::1 2049'])
  })
})

/** An NFS server that answers NULL; `use` gets its port. */
async function withNfs(use: (port: number) => Promise<void>): Promise<void> {
  const dispatcher = new Dispatcher([{ prog: 100_003, vers: 3, procedures: [] }], report)
  const listener = await Listener.listen({ host: '127.0.0.1', port: 0 }, dispatcher)
  try {
    await use((listener.address as AddressInfo).port)
  } finally {
    await listener.close(0)
  }
}

const asForeign = (port: number) =>
  ({ prog: 100_003, vers: 3, netid: 'tcp', host: '0.0.0.0', port, owner: 'knfsd' }) as const

test('the registration of a server that answers is left alone, whatever the way', async () => {
  await withSystem(async ({ registry, socketPath, port }) => {
    await withNfs(async (otherPort) => {
      registry.set({ privileged: false }, asForeign(otherPort))
      const registrar = new SystemRegistrar({ uid: 0, socketPath, port })
      const { registered, summary } = await registrar.register(services)
      assert.not(registered)
      assert.is(
        summary,
        `another server of program 100003 version 3 is registered with the system's portmapper, at tcp port ${otherPort}`,
      )
      assert.equal(portsOf(registry, 100_003), [`tcp 0.0.0.0 ${otherPort}`])
      assert.is(portsOf(registry, 100_005).length, 0)
    })
  })
})

test('where the host has a server of quotas, that one stays, and the rest is ours', async () => {
  await withSystem(async ({ registry, socketPath, port }) => {
    const rquota = { prog: 100_011, netid: 'tcp', host: '127.0.0.1', port: 20048 } as const
    const ours = [...services, { ...rquota, vers: 1 }, { ...rquota, vers: 2 }]
    const dispatcher = new Dispatcher([{ prog: 100_011, vers: 1, procedures: [] }], report)
    const other = await Listener.listen({ host: '127.0.0.1', port: 0 }, dispatcher)
    try {
      const otherPort = (other.address as AddressInfo).port
      const theirs = { ...rquota, vers: 1, port: otherPort, owner: 'rquotad' }
      registry.set({ privileged: false }, theirs)
      const registrar = new SystemRegistrar({ uid: 0, socketPath, port })
      assert.ok((await registrar.register(ours)).registered)
      assert.equal(portsOf(registry, 100_011), [`tcp 127.0.0.1 ${otherPort}`])
      assert.is(portsOf(registry, 100_003).length, 2)
      await registrar.unregister()
      assert.equal(portsOf(registry, 100_011), [`tcp 127.0.0.1 ${otherPort}`])
    } finally {
      await other.close(0)
    }
    // It ended: what it left behind is replaced.
    const registrar = new SystemRegistrar({ uid: 0, socketPath, port })
    assert.ok((await registrar.register(ours)).registered)
    assert.equal(portsOf(registry, 100_011), ['tcp 127.0.0.1 20048', 'tcp 127.0.0.1 20048'])
  })
})

test('what was left behind at the port where we answer now is ours', async () => {
  await withSystem(async ({ registry, socketPath, port }) => {
    await withNfs(async (ourPort) => {
      registry.set({ privileged: false }, asForeign(ourPort))
      const registrar = new SystemRegistrar({ uid: 0, socketPath, port })
      const nfs = { prog: 100_003, vers: 3, netid: 'tcp', host: '127.0.0.1' } as const
      assert.ok((await registrar.register([{ ...nfs, port: ourPort }])).registered)
      assert.equal(portsOf(registry, 100_003), [`tcp 127.0.0.1 ${ourPort}`])
    })
  })
})

test('a refusal says which program, and nothing of ours stays registered', async () => {
  await withSystem(async ({ registry, socketPath, port }) => {
    registry.serve([
      { prog: 100_005, vers: 3, netid: 'udp', host: '::1', port: 1, owner: 'the system' },
    ])
    const registrar = new SystemRegistrar({ uid: 0, socketPath, port })
    const { registered, summary } = await registrar.register(services)
    assert.not(registered)
    assert.match(summary, /it refused program 100005 version 3/)
    assert.is(registry.entries().length, 1)
  })
})

test('nobody at port 111 is a sentence with every way that was tried, and no exception', async () => {
  const closed = await Listener.listen({ host: '127.0.0.1', port: 0 }, new Dispatcher([], report))
  const { port } = closed.address as AddressInfo
  await closed.close(0)
  const registrar = new SystemRegistrar({ uid: 0, socketPath: '/nonexistent/socket', port })
  const { registered, summary } = await registrar.register(services)
  assert.not(registered)
  assert.match(summary, /rpcbind version 4 at \/nonexistent\/socket: .*ENOENT/)
  assert.match(summary, /PMAP version 2 over TCP at 127.0.0.1: .*ECONNREFUSED/)
  assert.match(summary, /PMAP version 2 over UDP at 127.0.0.1: /)
  await registrar.unregister()
})

test.run()
