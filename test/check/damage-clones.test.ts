import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chunkKey, Kind, keyBytes, nameKey } from '../../src/store/keys.ts'
import { encodeTombstone, sealRecord } from '../../src/store/record.ts'
import type { DatasetRecord } from '../../src/store/records.ts'
import { chunkSpec, datasetSpec, inodeSpec } from '../../src/store/tables.ts'
import { Ino } from './rows.ts'
import { Scene, withVolume } from './scene.ts'

const test = suite('check: damage of clones')

const { DIR, ROOT, WIDE } = Ino

/** A tombstone where none should be. */
function bury(scene: Scene, dataset: number, kind: Kind, key: string | number): Promise<void> {
  const bytes = Buffer.from(keyBytes(dataset, kind, key))
  return scene.raw(bytes, sealRecord(bytes, encodeTombstone(3)))
}

async function inClone(
  body: (scene: Scene, clone: number, found: () => Promise<readonly string[]>) => Promise<void>,
): Promise<void> {
  await withVolume(async (volume) => {
    const scene = new Scene(volume)
    await scene.build()
    const { dataset } = volume.datasets.clone(volume.datasets.root, 'second', 'copy')
    await scene.client.write('/copy/wide', 0, 'changed')
    scene.client.remove('/copy/symlink')
    volume.datasets.settleAll()
    await volume.store.checkpoint()
    assert.equal(await scene.problems(), [])
    await body(scene, dataset.id, () => scene.problems())
    assert.equal(await scene.problems(), [], 'all damage was taken back')
  })
}

const changed = (scene: Scene, clone: number, change: Partial<DatasetRecord>) =>
  scene.change(datasetSpec, clone, (value) => ({ ...value, ...change }), 0)

test('tombstones that hide what is needed, or nothing', () =>
  inClone(async (scene, clone, found) => {
    await bury(scene, clone, Kind.NAME, nameKey(ROOT, Buffer.from('never')))
    assert.match((await found()).join(), /is a tombstone, but there is nothing that it hides/)
    await bury(scene, 1, Kind.NAME, nameKey(ROOT, Buffer.from('never')))
    assert.match((await found()).join(), /is a tombstone, but there is nothing that it hides/)
    await bury(scene, clone, Kind.NAME, nameKey(ROOT, Buffer.from('dir')))
    const lost = (await found()).join('\n')
    assert.match(lost, /page 0 lists the name 'dir', but it has no record/)
    await bury(scene, clone, Kind.INODE, DIR)
    assert.match((await found()).join('\n'), /dataset 'copy' has \d+ inodes with .* on its account/)
  }))

test('an origin that is not there, or another one', () =>
  inClone(async (scene, clone, found) => {
    const { value } = scene.get(0, datasetSpec, clone)
    const { origin } = value
    assert.ok(origin)
    await changed(scene, clone, { origin: { ...origin, snapshot: 99 } })
    assert.match((await found()).join(), /clone of snapshot 99 of dataset 1, which is not there/)
    await changed(scene, clone, { origin: { ...origin, epoch: origin.epoch - 1 } })
    assert.match((await found()).join(), /of epoch 2, and says 1 and 3/)
    await changed(scene, clone, { root: DIR })
    assert.match((await found()).join(), /and has another root, inode 1024/)
  }))

test('a block of the origin that a clone takes for its own', () =>
  inClone(async (scene, clone, found) => {
    const { content } = scene.get(clone, inodeSpec, WIDE).value
    const { value } = scene.get(clone, chunkSpec, chunkKey(content, 0))
    const birth = value.birth.map((epoch, slot) => (value.address[slot] ? 3 : epoch))
    assert.is.not(birth.join(), value.birth.join())
    await scene.change(chunkSpec, chunkKey(content, 0), (old) => ({ ...old, birth }), clone)
    assert.match((await found()).join(), /has 2 references, and the space map counts 1/)
  }))

test.run()
