/**
 * A network namespace of its own for one guest and the servers that it talks to.
 *
 *     process of this machine, 10.99.0.1 ── tap0 ── 10.99.0.2, the guest
 *
 * A server here has every port to itself, 111 too, and lives on when the guest does not; it can be
 * killed and started again while the guest keeps its mount. Nothing else can reach the namespace,
 * and it is gone when `use` ends: one process holds it, and that one dies with this process.
 */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'

export const SERVER_ADDRESS = '10.99.0.1'
export const GUEST_ADDRESS = '10.99.0.2'

/** Makes a program die with the process that started it. */
export const DIE_WITH_PARENT = ['setpriv', '--pdeathsig', 'KILL'] as const

const MAKE_NET = `
ip link set lo up
ip tuntap add dev tap0 mode tap vnet_hdr
ip address add ${SERVER_ADDRESS}/30 dev tap0
ip link set tap0 up
echo up
exec sleep infinity
`

export interface HostNet {
  /** Starts a program of this machine in the namespace. */
  spawn(command: readonly string[], options: SpawnOptions): ChildProcess
}

/** Spawns `command` so that it dies with this process. */
export function spawnBound(command: readonly string[], options: SpawnOptions): ChildProcess {
  const [program, ...args] = [...DIE_WITH_PARENT, ...command]
  return spawn(program, args as string[], options)
}

export async function withNet<T>(use: (net: HostNet) => Promise<T>): Promise<T> {
  const holder = spawnBound(['unshare', '--net', 'sh', '-ec', MAKE_NET], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(holder, 'exit')
  try {
    const up = once(holder.stdout as NodeJS.ReadableStream, 'data')
    if ((await Promise.race([up, ended.then(() => undefined)])) === undefined) {
      throw new Error('could not make a network namespace with a tap device')
    }
    const enter = ['nsenter', `--net=/proc/${holder.pid}/ns/net`]
    return await use({ spawn: (command, options) => spawnBound([...enter, ...command], options) })
  } finally {
    holder.kill('SIGKILL')
    await ended
  }
}
