/** The way to a client's lock manager, over real sockets: its portmapper, then the lock manager. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { nlmTypes } from '../../../src/nfs/locks/nlm-types.ts'
import { Peers, type PeersParts, PeerUnreachable } from '../../../src/nfs/locks/peers.ts'
import { RpcError } from '../../../src/rpc/client.ts'
import { Dispatcher } from '../../../src/rpc/dispatch.ts'
import { Listener } from '../../../src/rpc/listener.ts'
import { portmapPrograms } from '../../../src/rpc/portmap.ts'
import { PortRegistry } from '../../../src/rpc/portmap-registry.ts'
import { NLM_PROG, type Procedure, type Program } from '../../../src/rpc/program.ts'
import { UdpEndpoint } from '../../../src/rpc/udp.ts'
import { bytes } from '../harness.ts'

const test = suite('nfs/locks/peers')

const { testargs, res } = nlmTypes(4)
const GRANTED = 5
const alock = {
  ...{ caller_name: 'guest', fh: bytes('handle'), oh: bytes('7@guest'), svid: 7 },
  ...{ l_offset: 2n ** 63n, l_len: 0n },
}
const args = { cookie: bytes('cookie'), exclusive: true, alock }

interface Client {
  readonly peers: Peers
  /** Procedures that the lock manager was asked, and by which transport. */
  readonly asked: string[]
  readonly registry: PortRegistry
  /** Ports of the lock manager. */
  readonly tcp: number
  readonly udp: number
  /** Ends the lock manager's TCP connections. */
  cut(): Promise<void>
}

function lockManager(asked: string[]): Program {
  const procedure: Procedure<unknown> = {
    args: testargs,
    handle({ caller }, given, reply) {
      asked.push(`GRANTED ${caller.transport}`)
      const { cookie } = given as { cookie: Uint8Array }
      res.encode(reply.begin(), { cookie, status: 0 })
      reply.end()
    },
  }
  const procedures: (Procedure<unknown> | undefined)[] = []
  procedures[GRANTED] = procedure
  return { prog: NLM_PROG, vers: 4, procedures }
}

async function withClient(
  use: (client: Client) => Promise<void>,
  more: Partial<PeersParts> = {},
): Promise<void> {
  const asked: string[] = []
  const registry = new PortRegistry()
  const at = { host: '127.0.0.1', port: 0 }
  const listen = (programs: readonly Program[]) =>
    new Dispatcher(programs, (error) => asked.push(String(error)))
  const locks = listen([lockManager(asked)])
  const [tcp, udp] = [await Listener.listen(at, locks), await UdpEndpoint.listen(at, locks)]
  const options = { listenHost: at.host, clock: () => 0 }
  const portmap = await UdpEndpoint.listen(at, listen(portmapPrograms(registry, options)))
  const peers = new Peers({
    isHere: () => false,
    portHere: () => undefined,
    after: (ms, run) => {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    },
    portmapPort: portmap.address.port,
    ...more,
  })
  const { port } = tcp.address as { port: number }
  const cut = () => tcp.close(0)
  try {
    await use({ peers, asked, registry, tcp: port, udp: udp.address.port, cut })
  } finally {
    await peers.close()
    await Promise.all([tcp.close(0), udp.close(0), portmap.close(0)])
  }
}

function register({ registry, tcp, udp }: Client, ...netids: ('tcp' | 'udp')[]): void {
  registry.serve(
    netids.map((netid) => {
      const port = netid === 'tcp' ? tcp : udp
      return { prog: NLM_PROG, vers: 4, netid, host: '127.0.0.1', port, owner: '' }
    }),
  )
}

const peer = { address: '127.0.0.1', vers: 4 as const }
const call = ({ peers }: Client) => peers.call(peer, GRANTED, testargs, args, res)

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

test('is found by the portmapper of the client, and called by TCP where it has that', async () => {
  await withClient(async (client) => {
    register(client, 'tcp', 'udp')
    assert.is((await call(client)).status, 0)
    await call(client)
    assert.equal(client.asked, ['GRANTED tcp', 'GRANTED tcp'])
  })
})

test('is called by UDP where there is nothing else', async () => {
  await withClient(async (client) => {
    register(client, 'udp')
    await call(client)
    assert.equal(client.asked, ['GRANTED udp'])
  })
})

test('not registered, or not there, is known never to have heard of the call', async () => {
  await withClient(async (client) => {
    assert.instance(await failure(call(client)), PeerUnreachable)
    register(client, 'tcp')
    await client.cut()
    assert.instance(await failure(call(client)), PeerUnreachable)
  })
  const away = { portmapPort: 1 }
  await withClient(async (client) => {
    assert.instance(await failure(call(client)), PeerUnreachable)
  }, away)
})

test('refused, it may have heard', async () => {
  await withClient(async (client) => {
    register(client, 'tcp')
    const error = await failure(client.peers.call(peer, 6, testargs, args, res))
    assert.instance(error, RpcError)
    assert.is((error as RpcError).code, 'PROC_UNAVAIL')
  })
})

test('a connection that has ended is made anew', async () => {
  await withClient(async (client) => {
    register(client, 'tcp', 'udp')
    await call(client)
    await client.cut()
    // Whether the end was noticed before or by this call, the next one goes another way.
    await failure(call(client))
    await call(client)
    assert.is(client.asked.at(-1), 'GRANTED udp')
  })
})

test("of this host the kernel's lock manager is asked, where it said it is", async () => {
  let port = 0
  const here = { isHere: () => true, portHere: () => port, portmapPort: 1 }
  await withClient(async (client) => {
    port = client.tcp
    await call(client)
    assert.equal(client.asked, ['GRANTED tcp'])
  }, here)
})

test.run()
