/** A part of bench/deletion.ts: makes a store with big snapshots, each of all that there was. */
import { dense } from './dense.ts'
import { givenPart } from './parts.ts'
import * as tree from './tree.ts'

export interface Part {
  readonly directory: string
  readonly files: number
  /** Bytes of one large file beside the small ones, a multiple of 1 MiB. */
  readonly large: number
  readonly snapshots: number
}

const { directory, files, large, snapshots } = givenPart<Part>()
const volume = await tree.opened(directory)
await tree.makeTree(volume, { files, bytes: 4096 })
const id = tree.newFile(volume, 'large')
await dense(volume, id, large, 0)
for (let i = 1; i <= snapshots; i++) {
  volume.snapshots.create(`s${i}`)
  await tree.changeData(volume, files, files, i)
  await dense(volume, id, large, i)
}
await volume.close()
console.log('{}')
