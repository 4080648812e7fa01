/** Snapshots of all datasets in one instant: whole or not at all, whatever goes on meanwhile. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkStore } from '../../src/check/check.ts'
import { FsError } from '../../src/fs/error.ts'
import { NO_CHANGE } from '../../src/snapshot/notes.ts'
import type { OpenDataset } from '../../src/snapshot/open-dataset.ts'
import {
  chooseEverywhere,
  createEverywhere,
  deleteEverywhere,
} from '../../src/snapshot/recursive.ts'
import type { Disk } from '../../src/store/disk.ts'
import { nodeDisk } from '../../src/store/node-disk.ts'
import { Volume } from '../../src/volume.ts'
import { bytes, Client } from '../fs/client.ts'
import { withFolder } from '../store/open-store.ts'
import { blocks, put } from './harness.ts'

const test = suite('snapshot/recursive')

const OWNER = { uid: 0, gid: 0 }
/** Names of datasets; the root's is empty. */
const NAMES = ['', 'a', 'b'] as const

async function opened<T>(
  directory: string,
  body: (volume: Volume, client: Client) => Promise<T>,
  disk: Disk = nodeDisk,
): Promise<T> {
  const report = (message: string, error: unknown) => {
    throw new Error(message, { cause: error })
  }
  const volume = await Volume.open({ directory, create: true, command: 'test', report, disk })
  try {
    return await body(volume, new Client(volume.fs, volume.fs.root()))
  } finally {
    await volume.close()
  }
}

function withThree(body: (volume: Volume, client: Client) => Promise<void>): Promise<void> {
  return withFolder((directory) =>
    opened(directory, async (volume, client) => {
      for (const name of ['a', 'b']) volume.datasets.create(name, OWNER)
      await body(volume, client)
      await sound(volume)
    }),
  )
}

async function sound({ store }: Volume): Promise<void> {
  assert.equal((await checkStore(store, () => undefined)).problems, [])
}

const create = ({ store, datasets }: Volume, name: string) =>
  createEverywhere(store, datasets, name, 'a comment', ['t'])

const names = ({ datasets }: Volume) =>
  datasets.all.map((one: OpenDataset) => one.snapshots.list().map(({ name }) => name))

function failure(body: () => unknown): FsError {
  try {
    body()
  } catch (error) {
    if (error instanceof FsError) return error
    throw error
  }
  throw new Error('it was not refused')
}

test('one name, one time and the same notes in every dataset', () =>
  withThree(async (volume) => {
    volume.datasets.get('a').snapshots.create('own')
    const made = create(volume, 'x').flatMap(({ snapshots }) => snapshots)
    assert.is(made.length, NAMES.length)
    assert.is(new Set(made.map(({ id }) => id)).size, NAMES.length)
    for (const { name, created, comment, tags } of made) {
      assert.equal([name, comment, tags], ['x', 'a comment', ['t']])
      assert.equal(created, made[0]?.created)
    }
    assert.equal(names(volume), [['x'], ['own', 'x'], ['x']])
  }))

test('data that is accepted and not stored yet is in the snapshots, and later data is not', () =>
  withThree(async (volume, client) => {
    for (const name of NAMES) {
      client.create(`${name}/f`)
      await client.write(`${name}/f`, 0, bytes('before'))
    }
    create(volume, 'x')
    for (const name of NAMES) await client.write(`${name}/f`, 0, bytes('after!'))
    for (const name of NAMES) {
      assert.is(await client.readText(`${name}/.snapshots/x/f`), 'before')
      assert.is(await client.readText(`${name}/f`), 'after!')
    }
  }))

test('never a later change of one dataset without an earlier one of another', () =>
  withThree(async (volume, client) => {
    for (const name of NAMES) client.create(`${name}/count`)
    let going = true
    // Each change of `a` comes before the same one of `b`, which comes before that of the root.
    const writer = async (file: string) => {
      for (let i = 1; going; i++) {
        for (const name of ['a', 'b', '']) {
          await client.write(`${name}/${file}`, 0, bytes(String(i).padStart(8, '0')))
          await new Promise(setImmediate)
        }
      }
    }
    for (const name of NAMES) client.create(`${name}/other`)
    const writers = [writer('count'), writer('other')]
    for (let taken = 0; taken < 40; taken++) {
      for (let turns = (taken * 7) % 5; turns >= 0; turns--) await new Promise(setImmediate)
      create(volume, `s${taken}`)
    }
    going = false
    await Promise.all(writers)
    const differing = new Set<number>()
    for (let taken = 0; taken < 40; taken++) {
      for (const file of ['count', 'other']) {
        const at = async (name: string) =>
          Number(await client.readText(`${name}/.snapshots/s${taken}/${file}`))
        const [a, b, root] = [await at('a'), await at('b'), await at('')]
        assert.ok(a >= b && b >= root && root >= a - 1, `${a}, ${b}, ${root}`)
        differing.add(a - root)
      }
    }
    assert.equal([...differing].sort(), [0, 1], 'snapshots between the changes, and after all')
  }))

test('where one cannot be made, none is, and the sentence names the dataset', () =>
  withThree(async (volume) => {
    volume.datasets.get('b').snapshots.create('x')
    const error = failure(() => create(volume, 'x'))
    assert.is(error.code, 'EXIST')
    assert.is(error.message, "in dataset 'b': a snapshot 'x' exists already")
    assert.equal(names(volume), [[], [], ['x']])
    volume.snapshots.create('y')
    assert.match(failure(() => create(volume, 'y')).message, 'in the root dataset: ')
    assert.is(failure(() => create(volume, 'no/name')).code, 'INVAL')
  }))

test('datasets that are being deleted are left out', () =>
  withThree(async (volume) => {
    const gone = volume.datasets.delete('a', false)
    const made = create(volume, 'x')
    assert.equal(
      made.map(({ of }) => of.name),
      ['', 'b'],
    )
    await gone
  }))

/** A disk that can lose its power in the middle of one write to the intent log. */
class CutDisk implements Disk {
  /** What is done when so many bytes of the next write are written. */
  cut: { readonly bytes: number; readonly run: () => Promise<void> } | undefined

  async open(path: string, options?: { readonly dsync?: boolean }) {
    const file = await nodeDisk.open(path, options)
    if (options?.dsync !== true) return file
    const write: typeof file.write = async (buffers, position) => {
      const { cut } = this
      this.cut = undefined
      const whole = Buffer.concat(buffers)
      if (cut !== undefined) {
        await file.write([whole.subarray(0, cut.bytes)], position)
        await cut.run()
      }
      await file.write([whole], position)
    }
    return new Proxy(file, {
      get: (of, name) => {
        if (name === 'write') return write
        const value: unknown = Reflect.get(of, name)
        return typeof value === 'function' ? value.bind(of) : value
      },
    })
  }

  syncDirectory(path: string): Promise<void> {
    return nodeDisk.syncDirectory(path)
  }

  space(path: string) {
    return nodeDisk.space(path)
  }
}

/** Runs `act`, with a copy made in the middle of the log's write; looks at it, and at one behind. */
async function cutIn(
  act: (volume: Volume) => unknown,
  bytesWritten: number,
  look: (volume: Volume, whole: boolean) => Promise<void>,
): Promise<void> {
  await withFolder(async (directory) => {
    const [store, during, behind] = ['store', 'during', 'behind'].map((n) => join(directory, n))
    if (store === undefined || during === undefined || behind === undefined) return
    const disk = new CutDisk()
    const copy = (to: string) => cp(store, to, { recursive: true })
    await opened(
      store,
      async (volume, client) => {
        for (const name of ['a', 'b']) volume.datasets.create(name, OWNER)
        for (const name of NAMES) await put(client, `${name}/f`, 0, blocks(2, 1))
        create(volume, 'old')
        for (const name of NAMES) await put(client, `${name}/f`, 0, blocks(1, 2))
        await volume.store.flush()
        for (const name of NAMES) await client.write(`${name}/f`, 4096, bytes('dirty'))
        disk.cut = { bytes: bytesWritten, run: () => copy(during) }
        await act(volume)
        await volume.store.flush()
        assert.is(disk.cut, undefined, 'it was written to the log')
        await copy(behind)
      },
      disk,
    )
    for (const [folder, whole] of [
      [during, false],
      [behind, true],
    ] as const) {
      await opened(folder, async (volume) => {
        await look(volume, whole)
        await sound(volume)
      })
    }
  })
}

for (const bytesWritten of [0, 1000, 4096]) {
  test(`a crash in the middle of it leaves none: ${bytesWritten} bytes were written`, async () => {
    const make = (volume: Volume) => create(volume, 'new')
    await cutIn(make, bytesWritten, async (volume, whole) => {
      const found = whole ? ['old', 'new'] : ['old']
      assert.equal(names(volume), [found, found, found])
      const client = new Client(volume.fs, volume.fs.root())
      for (const name of whole ? NAMES : []) {
        const data = await client.read(`${name}/.snapshots/new/f`)
        assert.is(Buffer.from(data.subarray(4096, 4101)).toString(), 'dirty')
      }
    })
  })
}

test('a crash in the middle of a deletion leaves all, or completes it for all', async () => {
  const remove = ({ store, datasets }: Volume) => {
    void deleteEverywhere(store, chooseEverywhere(datasets, ['old']))
  }
  await cutIn(remove, 100, async (volume, whole) => {
    assert.equal(names(volume), whole ? [[], [], []] : [['old'], ['old'], ['old']])
    for (const { snapshots } of volume.datasets.all) await snapshots.freeMarked()
    if (whole) assert.is(volume.store.spaceMap.usedBlocks, 6)
  })
})

test('delete takes what the words name in each dataset, and nothing where one is held', () =>
  withThree(async (volume, client) => {
    const { datasets, store } = volume
    for (const name of NAMES) await put(client, `${name}/f`, 0, blocks(3, 1))
    for (const name of ['d1', 'd2', 'keep']) create(volume, name)
    datasets.get('a').snapshots.create('d3')
    for (const name of NAMES) client.remove(`${name}/f`)

    const chosen = chooseEverywhere(datasets, ['d*', 'keep'])
    assert.equal(
      chosen.map(({ of, snapshots }) => [of.name, ...snapshots.map(({ name }) => name)]),
      [
        ['', 'd1', 'd2', 'keep'],
        ['a', 'd1', 'd2', 'keep', 'd3'],
        ['b', 'd1', 'd2', 'keep'],
      ],
    )
    assert.is(failure(() => chooseEverywhere(datasets, ['keep', 'none'])).code, 'NOENT')

    const b = datasets.get('b').snapshots
    b.change('keep', { ...NO_CHANGE, hold: 'me' })
    const held = failure(() => deleteEverywhere(store, chooseEverywhere(datasets, ['d*', 'keep'])))
    assert.is(held.code, 'ACCES')
    assert.match(held.message, "in dataset 'b': ")
    assert.match(held.message, "'zerofs-nfs snapshot release keep me --dataset b' lets go of it")
    assert.is(names(volume).flat().length, 10)

    await deleteEverywhere(store, chooseEverywhere(datasets, ['d*']))
    assert.equal(names(volume), [['keep'], ['keep'], ['keep']])
    b.change('keep', { ...NO_CHANGE, release: 'me' })
    const freed = await deleteEverywhere(store, chooseEverywhere(datasets, ['keep']))
    assert.is(freed, 9 * 4096)
    assert.is(store.spaceMap.usedBlocks, 0)
  }))

test.run()
