import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FILE_BYTES_MAX, IO_BYTES_MAX, StableHow } from '../../../src/fs/filesystem.ts'
import { WRITE_REFERENCE_BYTES_MIN } from '../../../src/nfs/proc/write.ts'
import { bytes, Harness } from '../harness.ts'

const test = suite('nfs/proc: READ, WRITE, COMMIT')

const { UNSTABLE, DATA_SYNC, FILE_SYNC } = StableHow

/** A server with one file, and its handle. */
async function withFile(content = '', durability: 'sync' | 'async' = 'sync') {
  const nfs = new Harness([{ path: '/', durability }])
  const how = { mode: 'GUARDED', attributes: {} } as const
  const made = await nfs.ok('CREATE', { where: { dir: nfs.root, name: bytes('f') }, how })
  const file = made.obj ?? new Uint8Array(0)
  const id = nfs.handles.decode(file)
  const node = nfs.fs.node(id)
  node.data = bytes(content)
  node.attributes = { ...node.attributes, size: content.length }
  nfs.fs.barriers = 0
  return { nfs, file, id, node }
}

const writing = (file: Uint8Array, data: Uint8Array, stable: StableHow = UNSTABLE, offset = 0) => ({
  ...{ file, offset, count: data.length, stable, data },
})

for (const later of [false, true]) {
  const when = later ? 'from a cold disk' : 'at once'

  test(`READ answers data, count, eof and attributes ${when}, and gives the buffer back`, async () => {
    const { nfs, file, id } = await withFile('0123456789')
    nfs.fs.later = later
    const read = await nfs.ok('READ', { file, offset: 2, count: 4 })
    assert.is(Buffer.from(read.data).toString(), '2345')
    assert.is(read.count, 4)
    assert.is(read.eof, false)
    assert.equal(read.file_attributes, nfs.fs.getattr(id))
    assert.is(nfs.fs.released, 1)
  })

  test(`WRITE writes ${when}, and answers both sides of the change and the verifier`, async () => {
    const { nfs, file, node } = await withFile('0123')
    nfs.fs.later = later
    const before = node.attributes
    const wrote = await nfs.ok('WRITE', writing(file, bytes('abcd'), UNSTABLE, 2))
    assert.is(Buffer.from(node.data).toString(), '01abcd')
    assert.is(wrote.count, 4)
    assert.is(wrote.committed, UNSTABLE)
    assert.equal([...wrote.verf], [...nfs.fs.writeVerifier])
    const { size, mtime, ctime } = before
    assert.equal(wrote.file_wcc, { before: { size, mtime, ctime }, after: node.attributes })
  })

  test(`READ and WRITE fail ${when} with the attributes of the file`, async () => {
    const { nfs, id } = await withFile()
    nfs.fs.later = later
    const after = nfs.fs.getattr(nfs.fs.root())
    const read = { file: nfs.root, offset: 0, count: 1 }
    assert.equal(await nfs.fails('READ', read, 'NFS3ERR_ISDIR'), { file_attributes: after })
    const { file_wcc } = await nfs.fails('WRITE', writing(nfs.root, bytes('a')), 'NFS3ERR_ISDIR')
    assert.equal(file_wcc.after, after)
    assert.equal(file_wcc.before?.ctime, after.ctime)
    assert.ok(nfs.fs.getattr(id))
  })
}

test('READ up to the end says eof, one byte before it does not, behind it answers nothing', async () => {
  const { nfs, file } = await withFile('0123456789')
  const at = async (offset: number, count: number) => {
    const read = await nfs.ok('READ', { file, offset, count })
    return [read.count, read.data.length, read.eof]
  }
  assert.equal(await at(0, 10), [10, 10, true])
  assert.equal(await at(0, 9), [9, 9, false])
  assert.equal(await at(5, 100), [5, 5, true])
  assert.equal(await at(10, 1), [0, 0, true])
  assert.equal(await at(2 ** 63, 1), [0, 0, true])
  assert.equal(await at(3, 0), [0, 0, false])
})

test('READ of more than the transfer size is a short read', async () => {
  const { nfs, file, node } = await withFile()
  node.data = new Uint8Array(IO_BYTES_MAX + 1).fill(7)
  const read = await nfs.ok('READ', { file, offset: 0, count: 0xffff_ffff })
  assert.is(read.count, IO_BYTES_MAX)
  assert.is(read.data.length, IO_BYTES_MAX)
  assert.is(read.eof, false)
})

test('WRITE answers UNSTABLE without waiting, and stable writes when the barrier is passed', async () => {
  for (const durability of ['sync', 'async'] as const) {
    const { nfs, file } = await withFile('', durability)
    for (const [stable, committed, barriers] of [
      [UNSTABLE, UNSTABLE, 0],
      [DATA_SYNC, FILE_SYNC, 1],
      [FILE_SYNC, FILE_SYNC, 2],
    ] as const) {
      const wrote = await nfs.ok('WRITE', writing(file, bytes('a'), stable))
      assert.is(wrote.committed, committed)
      assert.is(nfs.fs.barriers, barriers)
    }
  }
})

test('WRITE whose count is not the length of its data is INVAL and writes nothing', async () => {
  const { nfs, file, node } = await withFile('abc')
  for (const count of [0, 2, 4, 0xffff_ffff]) {
    const args = { ...writing(file, bytes('xyz')), count }
    const { file_wcc } = await nfs.fails('WRITE', args, 'NFS3ERR_INVAL')
    assert.equal(file_wcc.after, node.attributes)
  }
  assert.is(Buffer.from(node.data).toString(), 'abc')
})

test('WRITE of no bytes succeeds', async () => {
  const { nfs, file } = await withFile('abc')
  assert.is((await nfs.ok('WRITE', writing(file, new Uint8Array(0)))).count, 0)
})

test('WRITE of more than the transfer size is a short write', async () => {
  const { nfs, file, node } = await withFile()
  const data = new Uint8Array(IO_BYTES_MAX + 4).fill(5)
  const wrote = await nfs.ok('WRITE', writing(file, data))
  assert.is(wrote.count, IO_BYTES_MAX)
  assert.is(node.data.length, IO_BYTES_MAX)
})

test('WRITE beyond the largest file is FBIG', async () => {
  const { nfs, file } = await withFile()
  for (const offset of [FILE_BYTES_MAX, 2 ** 63]) {
    await nfs.fails('WRITE', writing(file, bytes('ab'), UNSTABLE, offset), 'NFS3ERR_FBIG')
  }
})

test("large data is the file system's to keep, and smaller data is never copied", async () => {
  const { nfs, file } = await withFile()
  for (const argsOwned of [false, true]) {
    nfs.argsOwned = argsOwned
    for (const size of [WRITE_REFERENCE_BYTES_MIN - 1, WRITE_REFERENCE_BYTES_MIN]) {
      await nfs.ok('WRITE', writing(file, new Uint8Array(size).fill(3)))
      const kept = nfs.fs.lastData ?? new Uint8Array(0)
      assert.is(kept.length, size)
      const copied = !argsOwned && size >= WRITE_REFERENCE_BYTES_MIN
      assert.is(kept.byteLength === kept.buffer.byteLength, copied, `${argsOwned} ${size}`)
      // The harness has overwritten what it owned; only a copy or an owned record is untouched.
      assert.is(kept[0], argsOwned || copied ? 3 : 0xaa)
    }
  }
})

test('WRITE answers the verifier from before the write, so that a lost flush shows at COMMIT', async () => {
  const { nfs, file } = await withFile()
  nfs.fs.later = true
  const before = nfs.fs.writeVerifier
  const pending = nfs.ok('WRITE', writing(file, bytes('a')))
  nfs.fs.writeVerifier = Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9)
  assert.equal([...(await pending).verf], [...before])
  const { verf } = await nfs.ok('COMMIT', { file, offset: 0, count: 0 })
  assert.equal([...verf], [...nfs.fs.writeVerifier])
})

test('COMMIT waits for the barrier, and answers the verifier of after it', async () => {
  const { nfs, file, node } = await withFile()
  nfs.fs.held = []
  let answered = false
  const pending = nfs.ok('COMMIT', { file, offset: 0, count: 0 }).then((result) => {
    answered = true
    return result
  })
  await new Promise(setImmediate)
  assert.is(answered, false)
  nfs.fs.writeVerifier = Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9)
  for (const pass of nfs.fs.held) pass()
  const { file_wcc, verf } = await pending
  assert.equal(file_wcc.after, node.attributes)
  assert.equal([...verf], [...nfs.fs.writeVerifier])
})

test('COMMIT is taken in a read-only export', async () => {
  const nfs = new Harness([{ path: '/', readOnly: true }])
  const { file_wcc } = await nfs.ok('COMMIT', { file: nfs.root, offset: 0, count: 0 })
  assert.equal(file_wcc.after, nfs.fs.getattr(nfs.fs.root()))
})

test.run()
