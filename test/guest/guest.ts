/**
 * Boots a real Linux kernel with its NFS client, and runs a shell script in it.
 *
 * The kernel is User-Mode Linux: an ordinary program of Debian's package user-mode-linux. Its root
 * directory is this machine's, covered by a memory file system: every program is there under its
 * own path, and nothing that the script writes outlives the guest, save in `shares`.
 *
 *     test ──runGuest──> linux.uml ──> init.sh (pid 1) ──> lib.sh + the script
 *       ^                                                    │
 *       └──── output, and messages both ways, on one serial line
 *
 * A guest reaches nobody but itself, or, with a `HostNet`, what was started in that namespace.
 * Every process started here dies with this one, whichever way that goes.
 */

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex, Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { failure } from './failure.ts'
import { GUEST_ADDRESS, type HostNet, SERVER_ADDRESS, spawnBound } from './net.ts'
import { type Handler, SerialLine } from './serial.ts'
import { withTempDir } from './tempdir.ts'

const MEMORY = '1500M'
const CONSOLE_CHARS_MAX = 8000
const TIMEOUT_SECONDS_DEFAULT = 120

/** The root of the project. The guest sees it under the same path. */
export const PROJECT = fileURLToPath(new URL('../../', import.meta.url))

const { ZEROFS_NFS: given } = process.env

/** The command under test, word by word: ours, or another that ZEROFS_NFS names. */
export const ZEROFS_NFS: readonly string[] = given?.split(' ') ?? [
  process.execPath,
  join(PROJECT, 'bin/zerofs-nfs.js'),
]

export interface GuestOptions {
  /** For bash with -eu and pipefail, as root in `/`, without a terminal; lib.sh is sourced. */
  readonly script: string
  /** Without one the guest has nothing but its loopback interfaces. */
  readonly net?: HostNet
  /** Existing directories of this machine that the guest may write to, under the same path. */
  readonly shares?: readonly string[]
  /** What `host NAME ARG...` in the script calls. */
  readonly on?: Readonly<Record<string, Handler>>
  /** For everything, boot included. */
  readonly timeoutSeconds?: number
}

export interface GuestResult {
  /** The script's exit code. */
  readonly code: number
  /** What it wrote to stdout and stderr, in order. */
  readonly output: string
}

/** Why no guest can run on this machine; undefined where it can. */
export function guestUnavailable(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'needs Linux on x86-64'
  if (process.getuid?.() !== 0) return 'needs root'
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun'
  const programs = [
    ['/usr/bin/linux.uml', 'user-mode-linux'],
    ['/usr/sbin/mount.nfs', 'nfs-common'],
    ['/usr/sbin/modprobe', 'kmod'],
    ['/usr/sbin/ip', 'iproute2'],
    ['/usr/bin/git', 'git'],
    ['/usr/bin/fio', 'fio'],
    ['/usr/bin/sqlite3', 'sqlite3'],
    ['/usr/bin/quota', 'quota'],
    ['/usr/bin/getfacl', 'acl'],
  ] as const
  const missing = programs.filter(([path]) => !existsSync(path)).map(([, name]) => name)
  return missing.length === 0 ? undefined : `needs Debian's ${missing.join(', ')}`
}

/**
 * Runs one script in one guest.
 * @throws when the guest died or took too long; a script that fails is a `code`.
 */
export async function runGuest(options: GuestOptions): Promise<GuestResult> {
  const seconds = options.timeoutSeconds ?? TIMEOUT_SECONDS_DEFAULT
  return withTempDir(async (dir) => {
    furnish(dir, options)
    const kernel = boot(dir, options.net)
    const line = new SerialLine(kernel.stdio[3] as Duplex, options.on ?? {})
    let kernelConsole = ''
    const keep = (text: string) => {
      kernelConsole = (kernelConsole + text).slice(-CONSOLE_CHARS_MAX)
    }
    ;(kernel.stdout as Readable).setEncoding('utf8').on('data', keep)
    const story = () => `Its output:\n${line.output}\nIts console:\n${kernelConsole}`

    let timer: NodeJS.Timeout | undefined
    const overdue = new Promise<never>((_, reject) => {
      const late = () => reject(failure(`the guest took more than ${seconds} s`, story()))
      timer = setTimeout(late, seconds * 1000)
    })
    const ended = once(kernel, 'close')
    const died = ended.then(() => {
      throw failure('the guest died', story())
    })
    died.catch(() => {})
    try {
      const code = await Promise.race([line.exitCode, died, overdue])
      return { code, output: line.output }
    } finally {
      clearTimeout(timer)
      killGroup(kernel)
      await ended
    }
  })
}

/** Puts what init.sh needs into the guest's directory. */
function furnish(dir: string, { script, net, shares = [] }: GuestOptions): void {
  for (const name of ['init.sh', 'lib.sh']) {
    copyFileSync(new URL(name, import.meta.url), join(dir, name))
  }
  const words = (list: readonly string[]) => `(${list.map(quote).join(' ')})`
  const env = [
    `GUEST_ADDRESS=${net === undefined ? '' : GUEST_ADDRESS}`,
    `SERVER_ADDRESS=${net === undefined ? '127.0.0.1' : SERVER_ADDRESS}`,
    `SHARES=${words(shares)}`,
    `PROJECT=${quote(PROJECT)}`,
    `ZEROFS_NFS=${words(ZEROFS_NFS)}`,
  ]
  writeFileSync(join(dir, 'env'), `${env.join('\n')}\n`)
  writeFileSync(join(dir, 'script'), script)
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}

/** Starts the kernel: file descriptor 1 is its console, 3 its first serial line. */
function boot(dir: string, net: HostNet | undefined): ChildProcess {
  const uml = [
    'linux.uml',
    `mem=${MEMORY}`,
    ...['root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'ro', `init=${dir}/init.sh`],
    ...[`uml_dir=${dir}/`, 'umid=uml', 'panic=1', 'quiet'],
    ...['con=null', 'con0=null,fd:1', 'ssl=null', 'ssl0=fd:3'],
    ...(net === undefined ? [] : ['vec0:transport=tap,ifname=tap0,depth=128,gro=1']),
  ]
  // A process id namespace takes all of the guest's processes along when its first one dies. The
  // guest's memory is a file in /dev/shm, which may be small or full: it gets one of its own. One
  // CPU for all of them makes its process switches several times faster.
  const command = [
    ...['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c'],
    'mount -t tmpfs -o mode=1777 tmpfs /dev/shm && taskset -c "$0" "$@"; exit',
    ...[lastCpu(), ...uml],
  ]
  const start = net?.spawn ?? spawnBound
  return start(command, { detached: true, stdio: ['ignore', 'pipe', 'ignore', 'pipe'] })
}

/** The last CPU that this process may run on. */
function lastCpu(): string {
  const status = readFileSync('/proc/self/status', 'utf8')
  return /^Cpus_allowed_list:.*?(\d+)$/m.exec(status)?.[1] ?? '0'
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
