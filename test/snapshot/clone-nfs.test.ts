/** A clone as NFS clients find it: mounted by its name, a file system of its own. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mountres3_ok } from '../../src/nfs/mount.ts'
import { XdrWriter } from '../../src/xdr/writer.ts'
import { Harness } from '../nfs/harness.ts'
import { bytes, data, OWNER, sound, withVolume, write } from './clone-scene.ts'

const test = suite('snapshot/clone-nfs')

const MOUNT = 100_005
const MNT = 1

async function mount(nfs: Harness<never>, path: string): Promise<Uint8Array> {
  const w = new XdrWriter()
  w.opaque(Buffer.from(path))
  const { r } = await nfs.raw(MOUNT, 3, MNT, w.finish())
  assert.is(r.uint32(), 0, path)
  return mountres3_ok.decode(r).fhandle
}

test('a clone is mounted by its name, written to, and promoted below its clients', () =>
  withVolume(async (volume) => {
    const { datasets } = volume
    const origin = datasets.create('origin', OWNER)
    write(origin, 'file', data(20_000, 1))
    origin.snapshots.create('base')
    const clone = datasets.clone(origin, 'base', 'copy')
    const exported = datasets.all.map(({ name, dataset }) => {
      return { dataset: dataset.id, path: `/${name}` }
    })
    const nfs = new Harness<never>(exported, volume.fs)
    const roots = [await mount(nfs, '/origin'), await mount(nfs, '/copy')]
    const files = []
    for (const object of roots) {
      const found = await nfs.ok('LOOKUP', { what: { dir: object, name: bytes('file') } })
      files.push({ object: found.object, attributes: found.obj_attributes })
    }
    const [there, here] = files
    assert.ok(there?.attributes && here?.attributes)
    assert.is.not(here.attributes.fsid, there.attributes.fsid)
    assert.is(here.attributes.fileid, there.attributes.fileid)
    assert.is.not(Buffer.compare(here.object, there.object), 0)
    const read = async (file: Uint8Array) => {
      const { data: got } = await nfs.ok('READ', { file, offset: 4096, count: 100 })
      return Buffer.from(got)
    }
    const before = await read(there.object)
    assert.equal(await read(here.object), before)
    const written = { file: here.object, offset: 4096, count: 100, stable: 2 } as const
    await nfs.ok('WRITE', { ...written, data: new Uint8Array(100).fill(7) })
    assert.equal(await read(there.object), before)
    assert.equal(await read(here.object), Buffer.alloc(100, 7))
    await datasets.promote('copy')
    await datasets.delete('origin', true)
    assert.equal(await read(here.object), Buffer.alloc(100, 7))
    assert.is(clone.name, 'copy')
    await nfs.fails('GETATTR', { object: there.object }, 'NFS3ERR_STALE')
    await sound(volume)
  }))

test.run()
