/** Every benchmark, one after the other, beside the peers that are installed: `npm run bench`. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { argumentsOf } from './arguments.ts'
import { measuresServers, NFSBENCH_HELP, NFSBENCH_OPTION } from './nfsbench.ts'
import { DEFAULT_DIR } from './tree.ts'

const HELP = `
Usage: npm run bench -- [OPTIONS]

Runs every benchmark and keeps what it showed: the tables in bench/README.md and in
docs/performance.md, the charts in docs/charts, the figures in bench/results. It takes about half an
hour, and the machine has to do nothing else. The program is built first: npm run build.

  ${NFSBENCH_HELP}
  --unfs3 PATH      the program of unfs3 (unfsd on the PATH)
  --dir DIR         the disk to measure on (${DEFAULT_DIR}): 30 GiB
  --only NAME       one of them: compare, kernel, clients, snapshots, restore, deletion, readers,
                    flat or btrfs
`

/** In this order, each with the options that it shares with this command. */
const BENCHMARKS: Readonly<Record<string, readonly Shared[]>> = {
  compare: ['nfsbench', 'unfs3', 'dir'],
  kernel: ['unfs3', 'dir'],
  clients: ['nfsbench', 'dir'],
  snapshots: ['dir'],
  restore: ['dir'],
  deletion: ['nfsbench', 'dir'],
  readers: ['nfsbench', 'dir'],
  flat: ['dir'],
  btrfs: ['dir'],
}

type Shared = 'nfsbench' | 'unfs3' | 'dir'

const options = argumentsOf(HELP, {
  nfsbench: NFSBENCH_OPTION,
  unfs3: { type: 'string' },
  dir: { type: 'string', default: DEFAULT_DIR },
  only: { type: 'string' },
})

/** @returns whether it went well */
function run(name: string, shared: readonly Shared[]): boolean {
  console.log(`\n# ${name}\n`)
  const given = shared.flatMap((option) => {
    const value = options[option]
    return value === undefined ? [] : [`--${option}`, value]
  })
  // What the project's own load generator shows is how fast that is.
  const kept = shared.includes('nfsbench') && !measuresServers(options.nfsbench) ? [] : ['--save']
  const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url))
  const command = ['--import', 'tsx', script, ...given, ...kept]
  return spawnSync(process.execPath, command, { stdio: 'inherit' }).status === 0
}

const { only } = options
if (only !== undefined && !(only in BENCHMARKS)) throw new Error(`there is no benchmark '${only}'`)
const failed = Object.entries(BENCHMARKS)
  .filter(([name]) => only === undefined || name === only)
  .filter(([name, shared]) => !run(name, shared))
  .map(([name]) => name)
if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`)
process.exitCode = failed.length > 0 ? 1 : 0
