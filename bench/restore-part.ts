/** A part of bench/restore.ts: makes what is restored, or measures restores of it. */
import { Restore } from '../src/snapshot/restore.ts'
import type { RestoreSummary } from '../src/snapshot/restore-request.ts'
import { dense, MIB } from './dense.ts'
import { type Cost, CountingDisk, Meter, medianCost } from './meter.ts'
import { givenPart } from './parts.ts'
import { peakMemory } from './tables.ts'
import * as tree from './tree.ts'

export interface Part {
  readonly work: 'make' | 'measure'
  readonly directory: string
  readonly files: number
  readonly bytes: number
  /** MiB of the large file. */
  readonly large: number
  readonly rounds: number
}

export interface Row {
  readonly what: string
  readonly cost: Cost
  /** Files and bytes that came back. */
  readonly files: number
  readonly bytes: number
}

export interface Measured {
  readonly rows: readonly Row[]
  readonly memory: number
}

const SNAPSHOT = 's'
const LARGE = 'large'
const TREE = 'tree'

async function make({ directory, files, bytes, large }: Part): Promise<void> {
  const volume = await tree.opened(directory)
  await dense(volume, tree.newFile(volume, LARGE), large * MIB, 1)
  const { id } = volume.fs.mkdir(tree.ROOT, volume.fs.root(), tree.name(TREE), { mode: 0o755 })
  await tree.makeTree(volume, { files, bytes }, id)
  volume.snapshots.create(SNAPSHOT)
  await volume.close()
}

async function measure({ directory, files, large, rounds }: Part): Promise<Measured> {
  const disk = new CountingDisk()
  const volume = await tree.opened(directory, disk)
  const { fs, live, snapshots } = volume
  const meter = new Meter(volume, disk)
  const costs = new Map<string, Row & { readonly all: Cost[] }>()
  const restore = async (what: string, path: string, to?: string) => {
    let summary: RestoreSummary | undefined
    const cost = await meter.cost(async () => {
      const where = { paths: [tree.name(path)], to: to === undefined ? to : tree.name(to) }
      const request = { snapshot: SNAPSHOT, overwrite: 'if-changed', ...where } as const
      summary = await new Restore(live, snapshots, request, () => undefined).run()
    })
    if (summary === undefined || summary.failed.length > 0) throw new Error(`${what} failed`)
    const { files, bytes } = summary
    const all = [...(costs.get(what)?.all ?? []), cost]
    costs.set(what, { what, files, bytes, cost: medianCost(all), all })
  }
  const size = `a file of ${large} MiB`
  const many = `a tree of ${files.toLocaleString('en')} files`
  for (let round = 1; round <= rounds; round++) {
    // The first MiB is another one, so the whole content is exchanged.
    await tree.put(volume, fs.lookup(tree.ROOT, fs.root(), tree.name(LARGE)).id, 0, MIB, round)
    await restore(`${size}, changed, in place`, LARGE)
    await restore(`${size}, to another name`, LARGE, `large copy ${round}`)
    await restore(`${many}, nothing changed, in place`, TREE)
    await restore(`${many}, to another name`, TREE, `tree copy ${round}`)
    fs.rename(tree.ROOT, fs.root(), tree.name(TREE), fs.root(), tree.name(`gone ${round}`))
    await restore(`${many}, gone, in place`, TREE)
    await snapshots.deleteAll(snapshots.list().filter(({ name }) => name !== SNAPSHOT))
  }
  await volume.close()
  return { rows: [...costs.values()], memory: peakMemory() }
}

const part = givenPart<Part>()
console.log(JSON.stringify(part.work === 'make' ? await make(part) : await measure(part)) ?? '{}')
