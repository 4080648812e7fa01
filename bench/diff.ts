/** What a diff costs, in a store just opened: `npx tsx bench/diff.ts --help`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Diff } from '../src/snapshot/diff.ts'
import { argumentsOf, numberOf } from './arguments.ts'
import { changeNames, DEFAULT_DIR, makeTree, opened } from './tree.ts'

const HELP = `
Usage: npx tsx bench/diff.ts [OPTIONS]

What a diff of two snapshots takes, with the store just opened and again: it should not grow with
the files.

  --files N     files of the tree (100000)
  --changes N   how much changes between the snapshots (1000)
  --dir DIR     the disk to measure on (${DEFAULT_DIR})
`

const options = argumentsOf(HELP, {
  files: { type: 'string', default: '100000' },
  changes: { type: 'string', default: '1000' },
  dir: { type: 'string', default: DEFAULT_DIR },
})

async function bench(directory: string): Promise<void> {
  const files = numberOf(options.files)
  const filling = await opened(directory)
  await makeTree(filling, { files, bytes: 0 })
  filling.snapshots.create('before')
  await changeNames(filling, files, numberOf(options.changes))
  filling.snapshots.create('after')
  await filling.close()

  const volume = await opened(directory)
  const { live, snapshots } = volume
  const times: number[] = []
  let told = 0
  for (let round = 0; round < 2; round++) {
    const started = performance.now()
    told = 0
    const entries = new Diff(live, snapshots, { from: 'before', to: 'after' }).entries()
    for await (const { kind } of entries) if (kind !== undefined) told++
    times.push(Math.round(performance.now() - started))
  }
  await volume.close()
  const [cold, warm] = times
  console.log(`${files} files, ${told} changes told: ${cold} ms cold, ${warm} ms warm`)
}

const directory = mkdtempSync(join(options.dir, 'zerofs-nfs-diff-'))
bench(join(directory, 'store')).finally(() => rmSync(directory, { recursive: true }))
