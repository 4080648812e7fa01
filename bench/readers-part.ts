/** A part of bench/readers.ts: makes a store with so many snapshots, each with changes of its own. */
import { dense, MIB } from './dense.ts'
import { givenPart } from './parts.ts'
import * as tree from './tree.ts'

export interface Part {
  readonly directory: string
  readonly snapshots: number
  readonly files: number
  /** Files that are written between two snapshots. */
  readonly changes: number
}

const { directory, snapshots, files, changes } = givenPart<Part>()
const volume = await tree.opened(directory)
await tree.makeTree(volume, { files, bytes: 4096 })
const id = tree.newFile(volume, 'large')
await dense(volume, id, MIB, 0)
for (let i = 1; i <= snapshots; i++) {
  volume.snapshots.create(`s${i}`)
  await tree.changeData(volume, files, changes, i)
}
await volume.close()
console.log('{}')
