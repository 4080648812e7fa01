/** Whether a store of very many files is as quick as a small one: `npx tsx bench/flat.ts --help`. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { argumentsOf, numberOf, numbersOf } from './arguments.ts'
import { type BulkTree, bulkLoad } from './bulk.ts'
import { measureSize, type Sized } from './flat-part.ts'
import { dropFromCache } from './flat-server.ts'
import type { Flooded } from './flood.ts'
import { markdown, milliseconds, save, size } from './tables.ts'
import { DEFAULT_DIR } from './tree.ts'

const HELP = `
Usage: npx tsx bench/flat.ts [OPTIONS]

Stores of several sizes, made of records without a server, and a server process on each: how long it
takes to start, GETATTR and LOOKUP of random files among a few and among all, CREATE in an empty
directory and in one of very many names, making a snapshot, and the memory that it took. Four
connections with 16 calls in flight each. The program is built first: npm run build.

  --inodes N,N,...  sizes of the store (1e4,1e6,1e7)
  --wide N          files of the wide directory, in stores that have at least twice as many (1e6)
  --seconds N       how long each is measured (3)
  --memory SIZE     the server's ceiling (its default)
  --dir DIR         the disk to measure on (${DEFAULT_DIR})
  --keep DIR        where stores are kept, and found again, instead
  --save            keeps the table in bench/README.md and the figures in bench/results
`

const options = argumentsOf(HELP, {
  inodes: { type: 'string', default: '1e4,1e6,1e7' },
  wide: { type: 'string', default: '1e6' },
  seconds: { type: 'string', default: '3' },
  memory: { type: 'string' },
  dir: { type: 'string', default: DEFAULT_DIR },
  keep: { type: 'string' },
  save: { type: 'boolean', default: false },
})

async function treeAt(directory: string, inodes: number): Promise<BulkTree> {
  const plan = `${directory}.json`
  if (existsSync(plan)) return JSON.parse(readFileSync(plan, 'utf8')) as BulkTree
  console.error(`${inodes} inodes: making them`)
  const wide = inodes < 2 * numberOf(options.wide) ? 0 : numberOf(options.wide)
  const tree = await bulkLoad(directory, { inodes, wide })
  writeFileSync(plan, JSON.stringify(tree))
  return tree
}

async function measure(dir: string, inodes: number): Promise<Sized> {
  const directory = join(dir, `flat-${inodes}`)
  const tree = await treeAt(directory, inodes)
  const serve = options.memory === undefined ? [] : ['--memory', options.memory]
  const flat = { seconds: Number(options.seconds), serve }
  return measureSize(directory, tree, flat, () => dropFromCache(directory))
}

const rateOf = ({ perSecond, cpu }: Flooded): string =>
  `${Math.round(perSecond).toLocaleString('en')} · ${cpu.toFixed(2)} us`

function table(all: readonly Sized[]): string {
  const head = ['', ...all.map(({ inodes }) => `${inodes.toLocaleString('en')} inodes`)]
  const row = (name: string, of: (sized: Sized) => string) => [name, ...all.map(of)]
  const figures = Object.keys(all[0]?.figures ?? {}).map((name) =>
    row(`${name} (ops/s · CPU)`, ({ figures }) => {
      const figure = figures[name]
      return figure === undefined ? '' : rateOf(figure)
    }),
  )
  return markdown(head, [
    row('start, nothing in the page cache', ({ coldMs }) => milliseconds(coldMs)),
    row('start again', ({ warmMs }) => milliseconds(warmMs)),
    ...figures,
    row('making a snapshot', ({ snapshotMs }) => milliseconds(snapshotMs)),
    row('resident memory, at most', ({ resident }) => size(resident.peak)),
    row('of it, the database as the page cache has it', ({ resident }) => size(resident.mapped)),
  ])
}

const dir = options.keep ?? mkdtempSync(join(options.dir, 'zerofs-nfs-bench-'))
try {
  const all: Sized[] = []
  for (const inodes of numbersOf(options.inodes)) all.push(await measure(dir, inodes))
  const shown = table(all)
  console.log(shown)
  const about = `sync, 4 clients with 16 requests in flight each, ${options.seconds} s`
  if (options.save) save({ name: 'flat', dir, about, table: shown, figures: all })
} finally {
  if (options.keep === undefined) rmSync(dir, { recursive: true, force: true })
}
