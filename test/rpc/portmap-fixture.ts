/**
 * A server with nothing behind it, to be found through a portmapper: NFS at TCP port 2049 and
 * MOUNT at port 20048, which answer NULL, and a portmapper as the mode says. Prints the outcome as
 * one line of JSON, and ends when its input does.
 *
 *     node --import tsx test/rpc/portmap-fixture.ts auto|own|system
 */
import { once } from 'node:events'
import { Dispatcher } from '../../src/rpc/dispatch.ts'
import { Listener } from '../../src/rpc/listener.ts'
import {
  choosePortmap,
  PORTMAP_LIMITS,
  type PortmapMode,
  type Service,
} from '../../src/rpc/portmap-host.ts'
import { PortRegistry } from '../../src/rpc/portmap-registry.ts'
import { MOUNT_PROGRAM, NFS_PROGRAM, type Program } from '../../src/rpc/program.ts'
import { netidOf } from '../../src/rpc/rpcbind-address.ts'
import { SystemRegistrar } from '../../src/rpc/rpcbind-registrar.ts'
import { UdpEndpoint } from '../../src/rpc/udp.ts'

const HOSTS = ['127.0.0.1', '::1']
const NFS = { prog: NFS_PROGRAM, vers: 3, procedures: [] }
const MOUNT = { prog: MOUNT_PROGRAM, vers: 3, procedures: [] }

const dispatcherOf = (programs: readonly Program[]) =>
  new Dispatcher(programs, (error) => {
    throw error
  })

async function open(
  transport: 'tcp' | 'udp',
  host: string,
  port: number,
  programs: readonly Program[],
) {
  const dispatcher = dispatcherOf(programs)
  const listener =
    transport === 'tcp'
      ? await Listener.listen({ host, port }, dispatcher, { limits: PORTMAP_LIMITS })
      : await UdpEndpoint.listen({ host, port }, dispatcher)
  return { close: () => listener.close(0) }
}

const services: Service[] = []
const listeners: { close(): Promise<void> }[] = []
for (const host of HOSTS) {
  for (const [transport, program, port] of [
    ['tcp', NFS, 2049],
    ['tcp', MOUNT, 20048],
    ['udp', MOUNT, 20048],
  ] as const) {
    listeners.push(await open(transport, host, port, [program]))
    const { prog, vers } = program
    services.push({ prog, vers, netid: netidOf(transport, host), host, port })
  }
}

const portmap = await choosePortmap({
  mode: process.argv[2] as PortmapMode,
  listenHosts: HOSTS,
  services,
  registry: new PortRegistry(),
  registrar: new SystemRegistrar({ uid: process.getuid?.() ?? 0 }),
  clock: () => 0,
  open,
})
process.stdout.write(`${JSON.stringify({ by: portmap.by, summary: portmap.summary })}\n`)

process.stdin.resume()
await once(process.stdin, 'end')
await portmap.close()
for (const listener of listeners) await listener.close()
