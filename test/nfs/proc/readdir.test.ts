import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { READDIR } from '../../../src/nfs/proc/readdir.ts'
import { READDIRPLUS } from '../../../src/nfs/proc/readdirplus.ts'
import type { Codec } from '../../../src/xdr/codec.ts'
import { XdrReader } from '../../../src/xdr/reader.ts'
import { XdrWriter } from '../../../src/xdr/writer.ts'
import { as, bytes, Harness } from '../harness.ts'

const test = suite('nfs/proc: READDIR, READDIRPLUS')

const ZERO = new Uint8Array(8)
/** Bytes of resok without entries: attributes, verifier, end of list, eof. */
const EMPTY = 4 + 84 + 8 + 4 + 4
const padded = (size: number) => size + (-size & 3)
/** Bytes of an entry3 and of an entryplus3, each with the flag before it. */
const entryBytes = (name: string) => 4 + 8 + 4 + padded(name.length) + 8
const plusBytes = (name: string) => entryBytes(name) + 4 + 84 + 4 + 4 + 32
/** What dircount counts of an entry. */
const dirBytes = (name: string) => entryBytes(name) - 4

/** Names of all lengths modulo four. */
const NAMES = ['a', 'bb', 'ccc', 'dddd', 'eeeee', 'f'.repeat(255)]
const ALL = ['.', '..', ...NAMES]

async function withNames(names = NAMES) {
  const nfs = new Harness()
  for (const name of names) {
    const how = { mode: 'GUARDED', attributes: {} } as const
    await nfs.ok('CREATE', { where: { dir: nfs.root, name: bytes(name) }, how })
  }
  return nfs
}

const reading = (nfs: Harness, cookie: number, count: number) => ({
  ...{ dir: nfs.root, cookie, cookieverf: ZERO, count },
})
const plus = (nfs: Harness, cookie: number, maxcount: number, dircount = maxcount) => ({
  ...{ dir: nfs.root, cookie, cookieverf: ZERO, dircount, maxcount },
})

interface Entry {
  readonly name: Uint8Array
  readonly cookie: number
}
function entriesOf<E extends Entry>(reply: { readonly entries: unknown }): readonly E[] {
  return reply.entries as readonly E[]
}
const namesOf = (reply: { readonly entries: unknown }) =>
  entriesOf(reply).map(({ name }) => Buffer.from(name).toString())

/** How many of `sizes` fit into a budget, one after the other. */
function fitting(sizes: readonly number[], budget: number): number {
  let used = 0
  const overflow = sizes.findIndex((size) => {
    used += size
    return used > budget
  })
  return overflow === -1 ? sizes.length : overflow
}

function bytesOf<T>(codec: Codec<T>, value: T): number {
  const w = new XdrWriter()
  codec.encode(w, value)
  return w.length
}

test('READDIR fills every count from 0 on to the byte, and never goes beyond', async () => {
  const nfs = await withNames()
  const sizes = ALL.map(entryBytes)
  const full = EMPTY + sizes.reduce((sum, size) => sum + size, 0)
  for (let count = 0; count <= full + 4; count++) {
    const fit = fitting(sizes, count - EMPTY)
    if (fit === 0) {
      const failed = await nfs.fails('READDIR', reading(nfs, 0, count), 'NFS3ERR_TOOSMALL')
      assert.equal(failed, { dir_attributes: nfs.fs.getattr(nfs.fs.root()) })
      continue
    }
    const resok = await nfs.ok('READDIR', reading(nfs, 0, count))
    assert.equal(namesOf(resok.reply), ALL.slice(0, fit), `count ${count}`)
    assert.is(resok.reply.eof, fit === ALL.length, `count ${count}`)
    assert.ok(bytesOf(READDIR.resok, resok) <= count, `count ${count}`)
  }
})

test('READDIRPLUS fills every maxcount from 0 on to the byte, and never goes beyond', async () => {
  const nfs = await withNames()
  const sizes = ALL.map(plusBytes)
  const full = EMPTY + sizes.reduce((sum, size) => sum + size, 0)
  for (let maxcount = 0; maxcount <= full + 4; maxcount++) {
    const fit = fitting(sizes, maxcount - EMPTY)
    if (fit === 0) {
      await nfs.fails('READDIRPLUS', plus(nfs, 0, maxcount), 'NFS3ERR_TOOSMALL')
      continue
    }
    const resok = await nfs.ok('READDIRPLUS', plus(nfs, 0, maxcount))
    assert.equal(namesOf(resok.reply), ALL.slice(0, fit), `maxcount ${maxcount}`)
    assert.is(resok.reply.eof, fit === ALL.length, `maxcount ${maxcount}`)
    assert.ok(bytesOf(READDIRPLUS.resok, resok) <= maxcount, `maxcount ${maxcount}`)
  }
})

test('READDIRPLUS holds dircount too, but for its first entry', async () => {
  const nfs = await withNames()
  const sizes = ALL.map(dirBytes)
  const full = sizes.reduce((sum, size) => sum + size, 0)
  for (let dircount = 0; dircount <= full + 4; dircount++) {
    const fit = Math.max(1, fitting(sizes, dircount))
    const { reply } = await nfs.ok('READDIRPLUS', plus(nfs, 0, 65_536, dircount))
    assert.equal(namesOf(reply), ALL.slice(0, fit), `dircount ${dircount}`)
    assert.is(reply.eof, fit === ALL.length, `dircount ${dircount}`)
  }
})

test('pages of one entry each list every name once, and end', async () => {
  const nfs = await withNames()
  for (const name of ['READDIR', 'READDIRPLUS'] as const) {
    const names: string[] = []
    let cookie = 0
    for (let eof = false; !eof; ) {
      const count = EMPTY + (name === 'READDIR' ? entryBytes : plusBytes)('x'.repeat(255))
      const page =
        name === 'READDIR'
          ? await nfs.ok(name, reading(nfs, cookie, count))
          : await nfs.ok(name, plus(nfs, cookie, count, 1))
      names.push(...namesOf(page.reply))
      cookie = entriesOf(page.reply).at(-1)?.cookie ?? cookie
      eof = page.reply.eof
    }
    assert.equal(names, ALL)
  }
})

test('READDIRPLUS gives each name its handle and attributes', async () => {
  const nfs = await withNames(['a'])
  const { reply, dir_attributes } = await nfs.ok('READDIRPLUS', plus(nfs, 0, 65_536))
  assert.equal(dir_attributes, nfs.fs.getattr(nfs.fs.root()))
  for (const entry of entriesOf<
    Entry & { fileid: number; name_attributes: unknown; name_handle: Uint8Array }
  >(reply)) {
    const found = await nfs.ok('LOOKUP', { what: { dir: nfs.root, name: entry.name } })
    assert.equal([...entry.name_handle], [...found.object])
    assert.equal(entry.name_attributes, found.obj_attributes)
    assert.is(entry.fileid, found.obj_attributes?.fileid)
  }
})

test('behind the last entry there is nothing, and that is the end', async () => {
  const nfs = await withNames([])
  const { reply } = await nfs.ok('READDIR', reading(nfs, 2, EMPTY))
  assert.equal(reply, { entries: [], eof: true })
})

test('the cookie verifier is zero, and any other is as good', async () => {
  const nfs = await withNames(['a'])
  const cookieverf = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
  const { reply } = await nfs.ok('READDIR', { ...reading(nfs, 2, 4096), cookieverf })
  assert.equal(namesOf(reply), ['a'])
  const all = await nfs.ok('READDIRPLUS', { ...plus(nfs, 2, 4096), cookieverf })
  assert.equal([...all.cookieverf], [...ZERO])
})

test('a reply holds a mebibyte at most, whatever count allows', async () => {
  const nfs = await withNames([])
  const root = nfs.fs.node(nfs.fs.root())
  for (let i = 0; i < 5000; i++) {
    root.entries.set(`${i}`.padStart(255, 'x'), { ino: 1, cookie: ++root.cookies })
  }
  const resok = await nfs.ok('READDIR', reading(nfs, 0, 0xffff_ffff))
  const size = bytesOf(READDIR.resok, resok)
  assert.ok(size <= 1024 * 1024 && size > 1024 * 1024 - entryBytes('x'.repeat(255)))
  assert.is(resok.reply.eof, false)
})

test('READDIR and READDIRPLUS of a file or without permission fail with its attributes', async () => {
  const nfs = await withNames(['a'])
  const { object, obj_attributes } = await nfs.ok('LOOKUP', {
    what: { dir: nfs.root, name: bytes('a') },
  })
  const failed = { dir_attributes: obj_attributes }
  const file = { ...reading(nfs, 0, 4096), dir: object }
  assert.equal(await nfs.fails('READDIR', file, 'NFS3ERR_NOTDIR'), failed)
  const filePlus = { ...plus(nfs, 0, 4096), dir: object }
  assert.equal(await nfs.fails('READDIRPLUS', filePlus, 'NFS3ERR_NOTDIR'), failed)
  const root = nfs.fs.node(nfs.fs.root())
  root.attributes = { ...root.attributes, mode: 0 }
  nfs.credential = as(5)
  await nfs.fails('READDIR', reading(nfs, 0, 4096), 'NFS3ERR_ACCES')
})

test('a client reads the lists that it was sent, and no endless ones', () => {
  const w = new XdrWriter()
  w.uint32(1)
  assert.throws(() => READDIR.resok.decode(new XdrReader(w.finish())))
})

test.run()
