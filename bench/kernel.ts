/** What people do, through a kernel's NFS client: `npx tsx bench/kernel.ts --help`. */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { guestUnavailable, runGuest } from '../test/guest/guest.ts'
import { type HostNet, SERVER_ADDRESS, withNet } from '../test/guest/net.ts'
import { argumentsOf, numberOf } from './arguments.ts'
import { keepAwake } from './awake.ts'
import { kernelTable, WORKS, type Work } from './kernel-table.ts'
import { makeTars, type Tars } from './kernel-tree.ts'
import { peers } from './peers.ts'
import { type Network, type Server, startOurs } from './servers.ts'
import { keptOfThisCommit, save } from './tables.ts'
import { DEFAULT_DIR } from './tree.ts'

const HELP = `
Usage: npx tsx bench/kernel.ts [OPTIONS]

Mounts this server, in both modes, and its peers in a guest with a Linux kernel, and does on each in
turns what people do: unpacks a tree of files, 'git status' and 'git checkout' of a repository of
that size, 'find', 'rm -r', and fio. It needs what test/guest needs. Before each work the client's
caches are emptied. The program is built first: npm run build.

  --unfs3 PATH      the program of unfs3 (unfsd on the PATH)
  --rounds N        how often each is done (3)
  --work NAME       trees, fio or all (all)
  --files N         files of the tree (5000)
  --large N         MiB of fio's file (128); 1/8 of that moves in 4 KiB pieces
  --dir DIR         the disk to measure on (${DEFAULT_DIR})
  --no-peer         measures this server alone
  --save            keeps the table, the chart and the figures
  --add             adds to what was kept of the same commit: other work, or more rounds
`
const SCRIPT = readFileSync(new URL('kernel.sh', import.meta.url), 'utf8')
const RTO_MIN = '3ms'
const TICKS_PER_SECOND = 100
const ROUND_SECONDS_MAX = 300

const options = argumentsOf(HELP, {
  unfs3: { type: 'string' },
  rounds: { type: 'string', default: '3' },
  work: { type: 'string', default: 'all' },
  files: { type: 'string', default: '5000' },
  large: { type: 'string', default: '128' },
  dir: { type: 'string', default: DEFAULT_DIR },
  'no-peer': { type: 'boolean', default: false },
  save: { type: 'boolean', default: false },
  add: { type: 'boolean', default: false },
})

async function startAll(dir: string, network: Network, servers: Server[]): Promise<void> {
  for (const peer of peers(options.unfs3)) {
    const missing = options['no-peer'] ? 'not asked for' : peer.missing
    if (missing === undefined) servers.push(await peer.start(join(dir, peer.name), network))
    else console.log(`${peer.name} is left out: ${missing}`)
  }
  servers.push(await startOurs(join(dir, 'sync'), 'sync', network))
  servers.push(await startOurs(join(dir, 'async'), 'async', network))
}

/** Seconds of CPU, user and system. */
function cpuOf({ pid }: Server): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const [user, system] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 14).map(Number)
  return ((user ?? 0) + (system ?? 0)) / TICKS_PER_SECOND
}

/** A server's name as a word. */
const wordOf = ({ name }: Server): string => name.replaceAll(' ', '-')

function scriptFor(servers: readonly Server[], tars: Tars): string {
  const { work, rounds } = options
  const large = work === 'trees' ? 0 : numberOf(options.large)
  const words = servers.map((s) => [wordOf(s), s.port, s.mountPort, s.exported].join(' '))
  return `
    FILES=${tars.files} GIT=${tars.git} ROUNDS=${numberOf(rounds)} TREES=${work === 'fio' ? '' : 1}
    FIO_MIB=${large} FIO_SMALL_MIB=${Math.max(1, Math.round(large / 8))}
    SERVERS=(${words.join(' ')})
    ${SCRIPT}`
}

/**
 * The guest's network card now and then overlooks that something has come, until more comes: what
 * it waits for is a retransmission. The least time before one is 200 ms; here it is a few, so that
 * what is measured is servers.
 */
async function retransmitSoon(net: HostNet): Promise<void> {
  const route = ['10.99.0.0/30', 'dev', 'tap0', 'proto', 'kernel', 'scope', 'link']
  const change = ['ip', 'route', 'change', ...route, 'src', SERVER_ADDRESS, 'rto_min', RTO_MIN]
  const [code] = await once(net.spawn(change, { stdio: 'inherit' }), 'exit')
  if (code !== 0) throw new Error(`${change.join(' ')} failed with ${code}`)
}

/** Does all of it in one guest. */
async function measured(dir: string): Promise<readonly Work[]> {
  const tars = makeTars(dir, numberOf(options.files))
  const works: Work[] = []
  const servers: Server[] = []
  const sleep = keepAwake()
  await withNet(async (net) => {
    try {
      await retransmitSoon(net)
      await startAll(dir, { host: SERVER_ADDRESS, spawn: net.spawn }, servers)
      let before = 0
      const find = (word: string) => {
        const server = servers.find((each) => wordOf(each) === word)
        if (server === undefined) throw new Error(`no server is called ${word}`)
        return server
      }
      const began = async (word = '') => {
        before = cpuOf(find(word))
      }
      const ended = async (word = '', work = '', took = '', ...calls: readonly string[]) => {
        const server = find(word)
        const cpu = cpuOf(server) - before
        works.push({ server: server.name, work, ms: Number(took) / 1000, cpu, calls })
        console.error(`${server.name}: ${work} ${Math.round(Number(took) / 1000)} ms`)
      }
      const timeoutSeconds = numberOf(options.rounds) * ROUND_SECONDS_MAX
      const script = scriptFor(servers, tars)
      const { code, output } = await runGuest({ net, script, timeoutSeconds, on: { began, ended } })
      if (code !== 0) throw new Error(`the guest's script failed with ${code}:\n${output}`)
    } finally {
      sleep()
      for (const server of servers) await server.stop()
    }
  })
  return works
}

function keep(now: readonly Work[], dir: string): void {
  const before = options.add ? keptOfThisCommit<readonly Work[]>('kernel') : undefined
  const works = [...(before ?? []), ...now]
  const { table, chart, rounds } = kernelTable(works)
  const about =
    `Linux 6.1 in the guest, ${options.files} files, fio on ${options.large} MiB, ` +
    `median of ${rounds} rounds or more`
  const charts = { kernel: chart }
  save({ name: 'kernel', dir, about, table, charts, figures: works })
}

const unavailable = guestUnavailable()
if (unavailable === undefined) {
  const dir = mkdtempSync(join(options.dir, 'zerofs-nfs-bench-'))
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  process.once('SIGINT', () => process.exit(130))
  const works = await measured(dir)
  console.log(kernelTable(works).table)
  if (options.save) keep(works, dir)
} else
  console.log(`no guest can run here: ${unavailable}; ${WORKS.length} kinds of work are left out`)
