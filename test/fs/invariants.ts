/** What always holds between the records of a live dataset (directory.ts, chunks.ts, inode.ts). */
import assert from 'node:assert/strict'
import { nextBit } from '../../src/fs/bitmap.ts'
import { chunksOf, chunkUsed } from '../../src/fs/chunks.ts'
import type { Live } from '../../src/fs/live.ts'
import { nameKey, pageKey } from '../../src/store/keys.ts'
import { FileType, type Inode, PAGE_COOKIES } from '../../src/store/records.ts'

/** Walks the tree from its root. @throws AssertionError naming what does not agree */
export function checkTree(live: Live): void {
  const links = new Map<number, number>()
  const dirs = [live.place.root]
  for (const dir of dirs) {
    const inode = live.at(dir)
    let subdirectories = 0
    for (const { ino, type } of checkPages(live, dir, inode)) {
      const child = live.at(ino)
      assert.equal(child.type, type, `type of ${ino} in directory ${dir}`)
      links.set(ino, (links.get(ino) ?? 0) + 1)
      if (type !== FileType.DIR) continue
      assert.equal(child.parent, dir, `parent of ${ino}`)
      subdirectories++
      dirs.push(ino)
    }
    assert.equal(inode.nlink, 2 + subdirectories, `nlink of directory ${dir}`)
  }
  for (const [ino, count] of links) {
    const inode = live.at(ino)
    if (inode.type !== FileType.DIR) assert.equal(inode.nlink, count, `nlink of ${ino}`)
    if (inode.type === FileType.REG) checkFile(live, ino, inode)
  }
}

function* checkPages(live: Live, dir: number, inode: Inode) {
  let count = 0
  let last = 2
  for (
    let number = nextBit(live.reader, dir, 0);
    number !== undefined;
    number = nextBit(live.reader, dir, number + 1)
  ) {
    const page = live.reader.pages.get(pageKey(dir, number))
    assert(page !== undefined && page.length > 0, `page ${number} of directory ${dir}`)
    for (const { name, ...record } of page) {
      assert.deepEqual(live.reader.names.get(nameKey(dir, name)), record)
      assert.equal(Math.floor(record.cookie / PAGE_COOKIES), number)
      assert(record.cookie > last, 'cookies ascend')
      last = record.cookie
      count++
      yield record
    }
  }
  assert(inode.nextCookie > last, `nextCookie of directory ${dir}`)
  assert.equal(inode.entries, count, `entries of directory ${dir}`)
}

function checkFile(live: Live, ino: number, inode: Inode): void {
  let used = 0
  for (const [, chunk] of chunksOf(live.reader, inode.content, inode.size)) used += chunkUsed(chunk)
  assert.equal(inode.used, used, `used of ${ino}`)
}
