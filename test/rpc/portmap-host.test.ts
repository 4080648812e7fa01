import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  choosePortmap,
  mountOptions,
  PortmapError,
  type PortmapHostOptions,
} from '../../src/rpc/portmap-host.ts'
import { PortRegistry } from '../../src/rpc/portmap-registry.ts'
import type { Program } from '../../src/rpc/program.ts'

const test = suite('rpc/portmap-host')

/** What the world around the choice does, and what the choice did with it. */
function world(overrides: Partial<PortmapHostOptions> & { errors?: Record<string, string> } = {}) {
  const open = new Map<string, readonly Program[]>()
  const registrations: string[] = []
  const { errors = {}, ...rest } = overrides
  const options: PortmapHostOptions = {
    mode: 'auto',
    listenHosts: ['127.0.0.1', '::1'],
    services: [{ prog: 100_003, vers: 3, netid: 'tcp', host: '127.0.0.1', port: 2049 }],
    registry: new PortRegistry(),
    registrar: {
      register: async () => ({ registered: false, summary: 'nobody answers' }),
      unregister: async () => void registrations.push('unregister'),
    },
    clock: () => 0,
    open: async (transport, host, port, programs) => {
      const place = `${transport} ${host} ${port}`
      const code = errors[place]
      if (code !== undefined) throw Object.assign(new Error(code), { code })
      open.set(place, programs)
      return { close: async () => void open.delete(place) }
    },
    ...rest,
  }
  return { options, open, registrations }
}

const willing = {
  register: async () => ({ registered: true, summary: 'registered with the system' }),
  unregister: async () => undefined,
}

async function refusal(options: PortmapHostOptions): Promise<string> {
  try {
    await choosePortmap(options)
  } catch (error) {
    assert.instance(error, PortmapError)
    return (error as Error).message
  }
  throw new Error('expected a PortmapError')
}

test('a free port 111 is served on every address, TCP and UDP, and on loopback in any case', async () => {
  const { options, open } = world({ listenHosts: ['192.0.2.1'] })
  const portmap = await choosePortmap(options)
  assert.is(portmap.by, 'own')
  const places = ['127.0.0.1', '::1', '192.0.2.1'].flatMap((host) => [
    `tcp ${host} 111`,
    `udp ${host} 111`,
  ])
  assert.equal([...open.keys()].sort(), places.sort())
  assert.is(options.registry.find(100_003, 3, 'tcp')[0]?.port, 2049)
  assert.is(options.registry.find(100_000, 4, 'udp6')[0]?.host, '::1')
  assert.is(options.registry.find(100_000, 2, 'tcp').length, 2)
  await portmap.close()
  assert.is(open.size, 0)
})

test('a wildcard covers the addresses of its family', async () => {
  const { options, open } = world({ listenHosts: ['0.0.0.0', '192.0.2.1'] })
  await choosePortmap(options)
  assert.equal([...open.keys()].filter((place) => place.startsWith('tcp')).sort(), [
    'tcp 0.0.0.0 111',
    'tcp ::1 111',
  ])
})

test('a host without IPv6 is served over IPv4', async () => {
  const errors = { 'tcp ::1 111': 'EADDRNOTAVAIL', 'udp ::1 111': 'EAFNOSUPPORT' }
  const { options, open } = world({ errors })
  assert.is((await choosePortmap(options)).by, 'own')
  assert.equal([...open.keys()], ['tcp 127.0.0.1 111', 'udp 127.0.0.1 111'])
  assert.is(options.registry.find(100_000, 4, 'tcp6').length, 0)
})

test('one taken socket is enough to leave port 111 to the system, with none of ours left open', async () => {
  const errors = { 'udp ::1 111': 'EADDRINUSE' }
  const { options, open } = world({ errors, registrar: willing })
  const portmap = await choosePortmap(options)
  assert.is(portmap.by, 'system')
  assert.is(open.size, 0)
  assert.is(options.registry.entries().length, 0)
})

test('a taken port without a portmapper to register with is off, with both reasons', async () => {
  const { options } = world({ errors: { 'tcp 127.0.0.1 111': 'EADDRINUSE' } })
  const portmap = await choosePortmap(options)
  assert.is(portmap.by, 'off')
  assert.is(
    portmap.summary,
    'TCP port 111 of 127.0.0.1 is taken by another program; nobody answers',
  )
})

test('who is not root registers with the system, or is told', async () => {
  const errors = { 'tcp 127.0.0.1 111': 'EACCES' }
  assert.is((await choosePortmap(world({ errors, registrar: willing }).options)).by, 'system')
  const portmap = await choosePortmap(world({ errors }).options)
  assert.is(portmap.by, 'off')
  assert.match(portmap.summary, /only root may open TCP port 111 of 127.0.0.1; nobody answers/)
})

test('own and system say in one sentence why they cannot be had', async () => {
  const errors = { 'tcp 127.0.0.1 111': 'EADDRINUSE' }
  const own = world({ mode: 'own', errors, registrar: willing })
  assert.is(await refusal(own.options), 'TCP port 111 of 127.0.0.1 is taken by another program')
  const system = world({ mode: 'system' })
  assert.is(await refusal(system.options), 'nobody answers')
  assert.is(system.open.size, 0)
  const odd = world({ mode: 'own', errors: { 'udp 127.0.0.1 111': 'EMFILE' } })
  assert.match(
    await refusal(odd.options),
    /UDP port 111 of 127.0.0.1 could not be opened \(EMFILE\)/,
  )
  assert.is(odd.open.size, 0)
})

test('off opens nothing and registers nothing', async () => {
  const { options, open } = world({ mode: 'off', registrar: willing })
  assert.is((await choosePortmap(options)).by, 'off')
  assert.is(open.size, 0)
})

test('closing takes back what was registered with the system', async () => {
  const { options, registrations } = world({ mode: 'system' })
  const registrar = { ...options.registrar, register: willing.register }
  const portmap = await choosePortmap({ ...options, registrar })
  await portmap.close()
  assert.equal(registrations, ['unregister'])
})

test('mount needs no options where a portmapper answers for us at the standard port', () => {
  assert.is(mountOptions({ by: 'own' }, 2049, 20048, true), '')
  assert.is(mountOptions({ by: 'system' }, 2049, 20048, true), '')
  assert.is(mountOptions({ by: 'own' }, 2050, 20048, true), 'vers=3')
  assert.is(mountOptions({ by: 'system' }, 2050, 20048, false), 'vers=3,nolock')
  assert.is(mountOptions({ by: 'own' }, 2049, 20048, false), '')
  assert.is(
    mountOptions({ by: 'off' }, 2049, 20048, true),
    'vers=3,tcp,nolock,port=2049,mountport=20048,mountproto=tcp',
  )
})

test.run()
