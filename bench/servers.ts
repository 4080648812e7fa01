/** The servers that are compared, each on this machine's loopback and on the same disk. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Durability } from './rows.ts'

const READY_SECONDS = 30
const GANESHA = '/usr/bin/ganesha.nfsd'
const COMMAND = fileURLToPath(new URL('../bin/zerofs-nfs.js', import.meta.url))

export interface Server {
  readonly name: string
  readonly port: number
  readonly mountPort: number
  /** The process whose CPU time counts. */
  readonly pid: number
  stop(): Promise<void>
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  if (typeof address !== 'object' || address === null) throw new Error('no free port')
  return address.port
}

/** Why a peer cannot be compared; undefined where it can. */
export function ganeshaMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'nfs-ganesha needs root'
  if (!existsSync(GANESHA))
    return "nfs-ganesha needs Debian's nfs-ganesha, nfs-ganesha-vfs, rpcbind"
  return undefined
}

export async function startOurs(dir: string, durability: Durability): Promise<Server> {
  const [port, mountPort] = [await freePort(), await freePort()]
  const data = join(dir, 'data')
  const ports = ['--port', `${port}`, '--mount-port', `${mountPort}`, '--portmap', 'off']
  const serve = [COMMAND, 'serve', data, ...ports, '--durability', durability]
  const name = `zerofs-nfs ${durability}`
  return start(dir, name, port, mountPort, [process.execPath, ...serve])
}

/**
 * nfs-ganesha insists on a portmapper. It gets one that only it can see: rpcbind in a network
 * namespace of its own, reached by its socket in a private /run.
 */
const GANESHA_SCRIPT = `
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib/nfs
mkdir /run/rpcbind /run/ganesha /var/lib/nfs/ganesha
setpriv --pdeathsig KILL unshare --net sh -c 'ip link set lo up; exec rpcbind -f -w' &
until [ -S /run/rpcbind.sock ]; do sleep 0.1; done
exec ${GANESHA} -F -f "$0/ganesha.conf" -L "$0/ganesha.log" -p /run/ganesha.pid
`

function ganeshaConfig(exported: string, port: number, mountPort: number): string {
  return `
NFS_CORE_PARAM {
  NFS_Port = ${port}; MNT_Port = ${mountPort}; Bind_addr = 127.0.0.1; Protocols = 3;
  Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false; mount_path_pseudo = true;
}
MDCACHE { Entries_HWMark = 500000; }
NFSV4 { Graceless = true; }
EXPORT_DEFAULTS { Access_Type = RW; Squash = No_Root_Squash; SecType = sys; }
EXPORT { Export_Id = 1; Path = ${exported}; Pseudo = /; FSAL { Name = VFS; } }
LOG { Default_Log_Level = EVENT; }
`
}

export async function startGanesha(dir: string): Promise<Server> {
  const [port, mountPort] = [await freePort(), await freePort()]
  const exported = join(dir, 'data')
  mkdirSync(exported, { recursive: true })
  writeFileSync(join(dir, 'ganesha.conf'), ganeshaConfig(exported, port, mountPort))
  const command = ['unshare', '--mount', 'sh', '-ec', GANESHA_SCRIPT, dir]
  return start(dir, 'nfs-ganesha', port, mountPort, command)
}

/** Starts a server that dies with this process, and waits until both of its ports answer. */
async function start(
  dir: string,
  name: string,
  port: number,
  mountPort: number,
  command: readonly string[],
): Promise<Server> {
  mkdirSync(dir, { recursive: true })
  const log = openSync(join(dir, 'log'), 'w')
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], {
    stdio: ['ignore', log, log],
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`${name} could not be started`)
  for (const each of [port, mountPort]) await answers(child, name, each, join(dir, 'log'))
  const stop = async () => {
    const ended = once(child, 'exit')
    if (child.exitCode === null && child.kill('SIGKILL')) await ended
  }
  return { name, port, mountPort, pid, stop }
}

async function answers(child: ChildProcess, name: string, port: number, log: string) {
  const deadline = performance.now() + READY_SECONDS * 1000
  while (performance.now() < deadline && child.exitCode === null) {
    const socket = connect(port, '127.0.0.1')
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (connected) return
    await sleep(100)
  }
  child.kill('SIGKILL')
  throw new Error(`${name} does not answer on port ${port}: see ${log}`)
}
