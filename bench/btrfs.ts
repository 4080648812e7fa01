/** Snapshots beside those of btrfs: `npx tsx bench/btrfs.ts --help`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { argumentsOf, numberOf } from './arguments.ts'
import { Btrfs, btrfs, LARGE, Ours, type Side, type Sizes } from './btrfs-sides.ts'
import { loopsMissing, type Mounted, mountLoop } from './loops.ts'
import { median } from './report.ts'
import { markdown, milliseconds, save } from './tables.ts'
import { DEFAULT_DIR, opened } from './tree.ts'

const HELP = `
Usage: npx tsx bench/btrfs.ts [OPTIONS]

The same tree and the same changes here and on btrfs, each on a loop device of its own (this one's
store on ext4), on the same disk; as root, with Debian's btrfs-progs. What is measured is done when
it is on the disk. Ours is called in process; what btrfs takes has the start of its commands in it.
The ratio leaves that out, and is not told where it is more than half. Where btrfs cannot be had,
that is told, and nothing is measured.

  --files N      files of the tree, of 4 KiB each (20000)
  --changes N    how much changes between two snapshots (1000)
  --large N      MiB of a large file (1024)
  --rounds N     how often each is done, in turns (5)
  --dir DIR      the disk to measure on (${DEFAULT_DIR})
  --save         keeps the table in bench/README.md and the figures in bench/results
`
const MIB = 1024 * 1024
const IMAGE_BYTES_MIN = 1024 * MIB

const options = argumentsOf(HELP, {
  files: { type: 'string', default: '20000' },
  changes: { type: 'string', default: '1000' },
  large: { type: 'string', default: '1024' },
  rounds: { type: 'string', default: '5' },
  dir: { type: 'string', default: DEFAULT_DIR },
  save: { type: 'boolean', default: false },
})
const sizes: Sizes = {
  files: numberOf(options.files),
  changes: numberOf(options.changes),
  large: numberOf(options.large),
}
const rounds = numberOf(options.rounds)

/** Milliseconds of each round, by what was done. */
class Times {
  readonly all = new Map<string, number[]>()

  async of(what: string, work: () => Promise<void>): Promise<void> {
    const started = performance.now()
    await work()
    const times = this.all.get(what) ?? []
    this.all.set(what, times)
    times.push(performance.now() - started)
  }

  median(what: string): number {
    return median(this.all.get(what) ?? [])
  }
}

/** Rows, and how often a row's work starts a command of btrfs's. */
const ROWS = {
  create: { name: 'snapshot create', commands: 2 },
  diff: { name: `diff of ${sizes.changes} changes (btrfs send --no-data)`, commands: 1 },
  findNew: { name: 'the same (btrfs find-new: what was written, and no more)', commands: 2 },
  file: { name: `copy of ${sizes.large} MiB out of a snapshot (cp --reflink)`, commands: 2 },
  tree: { name: `copy of the tree out of a snapshot (cp -a --reflink)`, commands: 2 },
  delete: { name: `delete after ${sizes.changes} changes, until all is freed`, commands: 2 },
} as const

async function round(side: Side, number: number, times: Times): Promise<void> {
  const [a, b] = [`a${number}`, `b${number}`]
  await times.of('create', () => side.snapshot(a))
  await side.change(number)
  await side.snapshot(b)
  await times.of('diff', () => side.diff(a, b))
  if (side instanceof Btrfs) await times.of('findNew', () => side.findNew(a))
  await times.of('file', () => side.copy(a, LARGE, `large${number}`))
  await times.of('tree', () => side.copy(a, 'tree', `tree${number}`))
  await times.of('delete', () => side.delete(a))
  await side.delete(b)
}

function table(ours: Times, theirs: Times, start: number): string {
  const rows = Object.entries(ROWS).map(([what, { name, commands }]) => {
    const our = ours.median(what === 'findNew' ? 'diff' : what)
    const their = theirs.median(what)
    const starts = commands * start
    const ratio = starts > their / 2 ? 'not told' : (our / (their - starts)).toFixed(2)
    return [name, milliseconds(their), milliseconds(starts), milliseconds(our), ratio]
  })
  return markdown(['', 'btrfs', 'starts in that', 'zerofs-nfs', 'time ratio'], rows)
}

async function bench(dir: string, mounts: Mounted[]): Promise<void> {
  const bytes = IMAGE_BYTES_MIN + 3 * sizes.large * MIB + sizes.files * rounds * 32 * 1024
  const [theirMount, ourMount] = (['btrfs', 'ext4'] as const).map((type) => {
    const mounted = mountLoop(dir, type, bytes)
    mounts.push(mounted)
    return mounted
  })
  if (theirMount === undefined || ourMount === undefined) return
  const volume = await opened(join(ourMount.path, 'store'))
  const ours = new Ours(volume, sizes)
  const theirs = new Btrfs(theirMount.path, sizes)
  try {
    for (const side of [theirs, ours]) await side.make()
    const times = { ours: new Times(), theirs: new Times(), start: new Times() }
    for (let i = 1; i <= rounds; i++) {
      console.error(`round ${i}`)
      await times.start.of('start', async () => void btrfs('version'))
      await round(theirs, i, times.theirs)
      await round(ours, i, times.ours)
    }
    const start = times.start.median('start')
    const shown = table(times.ours, times.theirs, start)
    console.log(shown)
    const version = btrfs('version').trim()
    const about = `${version}, ${sizes.files} files of 4 KiB, median of ${rounds} rounds`
    const kept = [...times.ours.all, ...times.theirs.all, ...times.start.all]
    if (options.save) save({ name: 'btrfs', dir, about, table: shown, figures: kept })
  } finally {
    await ours.close()
  }
}

const missing = loopsMissing()
if (missing !== undefined) {
  console.log(`btrfs is left out: ${missing}`)
} else {
  const dir = mkdtempSync(join(options.dir, 'zerofs-nfs-bench-'))
  const mounts: Mounted[] = []
  try {
    await bench(dir, mounts)
  } finally {
    for (const mounted of mounts) mounted.unmount()
    rmSync(dir, { recursive: true, force: true })
  }
}
