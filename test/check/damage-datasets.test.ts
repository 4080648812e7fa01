import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { datasetSpec } from '../../src/store/tables.ts'
import { Scene, withVolume } from './scene.ts'

const test = suite('check: damage of datasets')

test('names of datasets that are not their own', () =>
  withVolume(async (volume) => {
    const scene = new Scene(volume)
    await scene.build()
    const { dataset } = volume.datasets.create('home', { uid: 0, gid: 0 })
    volume.datasets.create('work', { uid: 0, gid: 0 })
    scene.client.remove('/symlink')
    await volume.store.checkpoint()
    assert.equal(await scene.problems(), [])
    const rename = (name: string) =>
      scene.change(datasetSpec, dataset.id, (value) => ({ ...value, name }), 0)
    await rename('wide')
    assert.equal(await scene.problems(), [
      `the root directory has an entry 'wide', behind dataset ${dataset.id}`,
    ])
    await rename('work')
    assert.equal(await scene.problems(), [
      `dataset ${dataset.id + 1} has the name of another one, 'work'`,
    ])
    // What the root directory has in snapshots alone is no harm.
    await rename('symlink')
    assert.equal(await scene.problems(), [])
  }))

test.run()
