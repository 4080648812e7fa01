import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bulkLoad, fileName, NAMES_PER_DIRECTORY } from '../../bench/bulk.ts'
import { opened, ROOT } from '../../bench/tree.ts'
import { assertSound } from '../check/assert-sound.ts'
import { withFolder } from '../store/open-store.ts'

const test = suite('stores made in bulk')

/** Enough names for pages of two bitmaps of the lowest level. */
const WIDE = 17_000

test('a store that is made of records is sound, and has what its plan says', () =>
  withFolder(async (directory) => {
    const shape = { inodes: WIDE + 3 + 2 * NAMES_PER_DIRECTORY, wide: WIDE }
    const tree = await bulkLoad(directory, shape)
    const volume = await opened(directory)
    try {
      const { inodes } = await assertSound(volume.store)
      assert.is(inodes, shape.inodes)
      const root = volume.fs.root()
      const wide = tree.directories.at(-1)
      assert.is(wide?.name, 'wide')
      const { id: dir } = volume.fs.lookup(ROOT, root, Buffer.from('wide'))
      const { id } = volume.fs.lookup(ROOT, dir, Buffer.from(fileName(WIDE - 1)))
      assert.is(id.ino, (wide?.firstFile ?? 0) + WIDE - 1)
      assert.is(id.generation, tree.generation)
      const how = { mode: 'GUARDED', attributes: {} } as const
      volume.fs.create(ROOT, dir, Buffer.from('one more'), how)
      await assertSound(volume.store)
    } finally {
      await volume.close()
    }
  }))

test.run()
