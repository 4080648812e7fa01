/** The servers that ours is compared with, where they are installed. */

import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { freePorts, LOOPBACK, type Network, type Server, start } from './servers.ts'

export const PEERS = ['nfs-ganesha', 'unfs3'] as const
export type PeerName = (typeof PEERS)[number]

const GANESHA = '/usr/bin/ganesha.nfsd'
const { PATH = '' } = process.env

/** One that is installed, or why it is not. */
export interface Peer {
  readonly name: PeerName
  /** Why it cannot be compared; undefined where it can. */
  readonly missing: string | undefined
  start(dir: string, network?: Network): Promise<Server>
}

/** @param unfs3 its program, unless it is found on the PATH */
export function peers(unfs3: string | undefined): readonly Peer[] {
  const program = unfs3 ?? onPath('unfsd')
  return [
    { name: 'nfs-ganesha', missing: ganeshaMissing(), start: startGanesha },
    {
      name: 'unfs3',
      missing: unfs3Missing(program),
      start: (dir, network) => startUnfs3(program ?? '', dir, network),
    },
  ]
}

function onPath(program: string): string | undefined {
  const paths = PATH.split(delimiter).map((folder) => join(folder, program))
  return paths.find((path) => existsSync(path))
}

function ganeshaMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'nfs-ganesha needs root'
  if (!existsSync(GANESHA))
    return "nfs-ganesha needs Debian's nfs-ganesha, nfs-ganesha-vfs, rpcbind"
  return undefined
}

function unfs3Missing(program: string | undefined): string | undefined {
  if (process.getuid?.() !== 0) return 'unfs3 needs root'
  if (program === undefined) return 'there is no unfsd on the PATH: name it with --unfs3'
  if (!existsSync(program) || statSync(program).isDirectory()) return `${program} is no program`
  return undefined
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

function ganeshaConfig(exported: string, host: string, port: number, mountPort: number): string {
  return `
NFS_CORE_PARAM {
  NFS_Port = ${port}; MNT_Port = ${mountPort}; Bind_addr = ${host}; Protocols = 3;
  Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false; mount_path_pseudo = true;
}
MDCACHE { Entries_HWMark = 500000; }
NFSV4 { Graceless = true; }
EXPORT_DEFAULTS { Access_Type = RW; Squash = No_Root_Squash; SecType = sys; }
EXPORT { Export_Id = 1; Path = ${exported}; Pseudo = /; FSAL { Name = VFS; } }
LOG { Default_Log_Level = EVENT; }
`
}

async function startGanesha(dir: string, network: Network = LOOPBACK): Promise<Server> {
  const { port, mountPort } = await freePorts()
  const data = join(dir, 'data')
  mkdirSync(data, { recursive: true })
  const config = ganeshaConfig(data, network.host, port, mountPort)
  writeFileSync(join(dir, 'ganesha.conf'), config)
  const command = ['unshare', '--mount', 'sh', '-ec', GANESHA_SCRIPT, dir]
  const served = { name: 'nfs-ganesha', dir, data, port, mountPort, exported: '/', command }
  return start(served, network)
}

/** In the foreground, over TCP, and without a portmapper. */
async function startUnfs3(
  program: string,
  dir: string,
  network: Network = LOOPBACK,
): Promise<Server> {
  const { port, mountPort } = await freePorts()
  const data = join(dir, 'data')
  mkdirSync(data, { recursive: true })
  const list = join(dir, 'exports')
  writeFileSync(list, `${data} (rw,no_root_squash,insecure)\n`)
  const where = ['-l', network.host, '-n', `${port}`, '-m', `${mountPort}`]
  const command = [program, '-d', '-p', '-t', '-e', list, ...where]
  return start({ name: 'unfs3', dir, data, port, mountPort, exported: data, command }, network)
}
