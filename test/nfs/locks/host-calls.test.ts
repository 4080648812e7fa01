import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HostCalls, type HostCallsParts } from '../../../src/nfs/locks/host-calls.ts'
import { type FakeHost, Pauses, withFakeHost } from './fake-host.ts'

const test = suite('nfs/locks/host-calls')

const monitor = {
  ...{ mon_name: '10.0.0.9', my_name: '', my_prog: 100_021, my_vers: 3, my_proc: 16 },
  priv: Buffer.from('0123456789abcdef'),
}
// Ports below 1024 are root's.
const isRoot = process.getuid?.() === 0

interface Scene {
  readonly host: FakeHost
  readonly pauses: Pauses
  readonly calls: HostCalls
  readonly reported: string[]
}

async function withCalls(
  use: (scene: Scene) => Promise<void>,
  more: Partial<HostCallsParts> = {},
): Promise<void> {
  await withFakeHost(async (host) => {
    const pauses = new Pauses()
    const reported: string[] = []
    const calls = new HostCalls({
      portHere: (_vers, transport) => (transport === 'udp' ? host.port : undefined),
      ...{ random: () => 0.5, ...pauses, portmapPort: host.portmapPort },
      report: (message, error) => reported.push(`${message}: ${String(error)}`),
      ...more,
    })
    await use({ host, pauses, calls, reported })
    calls.stop()
  })
}

if (isRoot) {
  test("this host's lock manager is told from a privileged port, as it insists on", async () => {
    await withCalls(async ({ host, pauses, calls, reported }) => {
      calls.tell(monitor, 9)
      await pauses.next()
      await host.until(1)
      assert.equal(host.told, ['news 10.0.0.9 9 0123456789abcdef privileged'])
      assert.equal(reported, [])
    })
  })

  test('rpc.statd is asked to monitor a host, and no longer', async () => {
    await withCalls(async ({ host, pauses, calls }) => {
      host.register()
      calls.monitor('10.0.0.9', 'server', true)
      await pauses.next()
      await host.until(1)
      calls.monitor('10.0.0.9', 'server', false)
      await pauses.next()
      await host.until(2)
      assert.equal(host.told, ['mon 10.0.0.9 100021/4/16 privileged', 'unmon 10.0.0.9 privileged'])
    })
  })
}

test('what cannot be reached is tried again, and told about in the end', async () => {
  const nowhere = { portHere: () => undefined }
  await withCalls(async ({ pauses, calls, reported }) => {
    calls.tell(monitor, 9)
    for (const ms of [0, 1000, 5000, 15_000]) assert.is(await pauses.next(), ms)
    while (reported.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    assert.match(reported[0] ?? '', /program 100021 .* 10\.0\.0\.9 has restarted.*not registered/)
    assert.is(pauses.waiting, 0)
  }, nowhere)
})

test('stopping calls off what was to come', async () => {
  await withCalls(async ({ pauses, calls }) => {
    calls.tell(monitor, 9)
    calls.stop()
    assert.is(pauses.waiting, 0)
  })
})

test.run()
