/** Builds and runs nfsbench, a load generator for NFSv3 that is not part of this project. */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Group, RateField } from './rows.ts'
import type { Server } from './servers.ts'

const { NFSBENCH } = process.env
/** bench/load.ts in the place of nfsbench: it works everywhere, and measures itself. */
const OWN = 'own'
const OWN_COMMAND = ['--import', 'tsx', fileURLToPath(new URL('load.ts', import.meta.url))]

/** The option that names the generator, and what `--help` says about it. */
export const NFSBENCH_OPTION = { type: 'string', default: NFSBENCH ?? OWN } as const
export const NFSBENCH_HELP = `--nfsbench PATH   the load generator: its program, or its source's folder ($NFSBENCH).
                    'own' is bench/load.ts, which shows that all of it works, not how fast`

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

/** A command, word by word. */
export type Generator = readonly string[]

/**
 * The program at `path`; where that is a directory, it is built from nfsbench.c there.
 * @throws where there is neither, or it does not build
 */
export function nfsbenchAt(path: string, workDir: string): Generator {
  if (path === OWN) {
    console.error('the load is that of bench/load.ts: its own speed is what is measured')
    return [process.execPath, ...OWN_COMMAND]
  }
  if (!existsSync(path)) throw new Error(`no nfsbench at ${path}: name it with --nfsbench`)
  if (!statSync(path).isDirectory()) return [path]
  const program = join(workDir, 'nfsbench')
  const source = join(path, 'nfsbench.c')
  const flags = ['-O2', '-std=gnu11', '-o', program, source, '-lnfs']
  const { status, stderr } = spawnSync('cc', flags, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`nfsbench does not build (it needs libnfs-dev):\n${stderr}`)
  return [program]
}

/** Whether what it measures is a server. */
export const measuresServers = (path: string): boolean => path !== OWN

/** @throws when nfsbench fails; errors that the server answered are counted in the result */
export async function measure(
  [program = '', ...first]: Generator,
  server: Server,
  group: Pick<Group, 'name' | 'operations' | 'connections' | 'inFlight' | 'options'>,
  seconds: number,
): Promise<Measured[]> {
  const args = Object.entries({
    '--port': server.port,
    '--mountport': server.mountPort,
    '--export': server.exported,
    '--pid': server.pid,
    '--label': server.name,
    '--dir': group.name.replaceAll(/\W+/g, '-'),
    '--op': group.operations.join(','),
    '--conns': group.connections,
    '--inflight': group.inFlight,
    '--seconds': seconds,
  }).flatMap(([option, value]) => [option, String(value)])
  const child = spawn(program, [...first, ...args, ...(group.options ?? [])])
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [status] = await once(child, 'close')
  if (status !== 0) throw new Error(`nfsbench failed on ${server.name}, ${group.name}: ${stderr}`)
  const lines = stdout.trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Measured)
}
