/**
 * Boots a real Linux kernel with its NFS client, and runs a shell script in it.
 *
 * The kernel is User-Mode Linux: an ordinary program of Debian's package user-mode-linux. Its root
 * directory is this machine's, covered by a memory file system, so that every program is there
 * under its own path and nothing the script writes outlives the guest, save in `shares`.
 *
 *     test ──runGuest──> linux.uml ──> init.sh (pid 1) ──> lib.sh + the script
 *       ^                                                    │
 *       └──── output, and messages both ways, on one serial line
 *
 * A guest reaches nobody but itself, or, with a `HostNet`, the processes started in that network
 * namespace. Every process that is started here dies with this one, whichever way that goes.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex, Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { GUEST_ADDRESS, type HostNet, SERVER_ADDRESS } from './net.ts'
import { withTempDir } from './tempdir.ts'

const MEMORY = '1500M'
const TIMEOUT_SECONDS_DEFAULT = 120

/** The root of the project: the guest sees it under the same path. */
export const PROJECT = fileURLToPath(new URL('../../', import.meta.url))

/** Runs when the script calls `host NAME ARG...`; what it returns is printed there, as one line. */
export type Handler = (...args: string[]) => Promise<string | undefined> | string | undefined

export interface GuestOptions {
  /** For bash, with -eu and pipefail, as root in `/`, without a terminal. lib.sh is sourced. */
  readonly script: string
  readonly net?: HostNet
  /** Existing directories of this machine that the guest may write to, under the same path. */
  readonly shares?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly on?: Readonly<Record<string, Handler>>
  /** For everything, boot included. A guest that takes longer ends with an error. */
  readonly timeoutSeconds?: number
}

export interface GuestResult {
  /** The script's exit code. */
  readonly code: number
  /** What it wrote to stdout and stderr, in order. */
  readonly output: string
}

/** Why no guest can run here, in one sentence; undefined where it can. */
export function guestUnavailable(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'needs Linux on x86-64'
  if (process.getuid?.() !== 0) return 'needs root'
  const programs = { 'linux.uml': 'user-mode-linux', 'mount.nfs': 'nfs-common', insmod: 'kmod', ip: 'iproute2' }
  for (const [program, debianPackage] of Object.entries(programs)) {
    if (findProgram(program) === undefined) return `needs Debian's package ${debianPackage}`
  }
  return undefined
}
