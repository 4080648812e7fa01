/** Builds and runs nfsbench, a load generator for NFSv3 that is not part of this project. */

import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Group, RateField } from './rows.ts'
import type { Server } from './servers.ts'

/** One line of nfsbench's output, as far as it is used here. */
export interface Measured extends Readonly<Record<RateField, number>> {
  readonly op: string
  readonly ops: number
  readonly errors: number
  readonly first_error: number
  readonly seconds: number
  readonly p50_us: number
  readonly p99_us: number
  readonly server_cpu_s: number
  readonly server_cpu_us_per_op: number
  /** CPU seconds of the machine that neither the server nor nfsbench spent: noise. */
  readonly other_cpu_s: number
}

/**
 * The program at `path`; where that is a directory, it is built from nfsbench.c there.
 * @throws where there is neither, or it does not build
 */
export function nfsbenchAt(path: string, workDir: string): string {
  if (!existsSync(path)) throw new Error(`no nfsbench at ${path}: name it with --nfsbench`)
  if (!statSync(path).isDirectory()) return path
  const program = join(workDir, 'nfsbench')
  const source = join(path, 'nfsbench.c')
  const flags = ['-O2', '-std=gnu11', '-o', program, source, '-lnfs']
  const { status, stderr } = spawnSync('cc', flags, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`nfsbench does not build (it needs libnfs-dev):\n${stderr}`)
  return program
}

/** @throws when nfsbench fails; errors that the server answered are counted in the result */
export function measure(
  program: string,
  server: Server,
  group: Group,
  seconds: number,
): Measured[] {
  const args = Object.entries({
    '--port': server.port,
    '--mountport': server.mountPort,
    '--pid': server.pid,
    '--label': server.name,
    '--dir': group.name.replaceAll(/\W+/g, '-'),
    '--op': group.operations.join(','),
    '--conns': group.connections,
    '--inflight': group.inFlight,
    '--seconds': seconds,
  }).flatMap(([option, value]) => [option, String(value)])
  const { status, stdout, stderr } = spawnSync(program, [...args, ...(group.options ?? [])], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`nfsbench failed on ${server.name}, ${group.name}: ${stderr}`)
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Measured)
}
