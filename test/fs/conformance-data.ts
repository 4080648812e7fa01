/** READ, WRITE, COMMIT and sizes on any FileSystem that can change. */
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { FileType, StableHow } from '../../src/fs/filesystem.ts'
import { compareTime } from '../../src/store/time.ts'
import { ALICE, bytes, Client, ROOT, rejects, text } from './client.ts'
import { pattern, type WithSubject } from './conformance.ts'

const MIB = 1024 * 1024

export function dataConformance(test: Test, withEmpty: WithSubject): void {
  const on = (name: string, body: (client: Client) => Promise<void> | void) =>
    test(`data: ${name}`, () => withEmpty(async ({ fs, root }) => body(new Client(fs, root))))

  on('what was written is read, however it lies', async (client) => {
    client.create('f')
    const expected = new Uint8Array(3 * MIB)
    const source = pattern(MIB)
    const writes = [
      [0, 100],
      [4000, 200],
      [4096, 4096],
      [1500, 9000],
      [MIB - 1, 2],
      [2 * MIB - 70_000, 140_000],
      [3 * MIB - 1, 1],
    ] as const
    for (const [at, count] of writes) {
      await client.write('f', at, source.slice(0, count))
      expected.set(source.subarray(0, count), at)
      const size = client.stat('f').size
      assert.is(Buffer.compare(await readAll(client, 'f'), expected.subarray(0, size)), 0)
    }
    client.fs.commit(ROOT, client.id('f'))
    assert.is(Buffer.compare(await readAll(client, 'f'), expected), 0)
  })

  on('a WRITE extends the file and moves mtime and ctime', async (client) => {
    const id = client.create('f')
    for (const stable of [StableHow.UNSTABLE, StableHow.DATA_SYNC, StableHow.FILE_SYNC]) {
      const before = client.stat('f')
      const result = await client.fs.write(ROOT, id, before.size, bytes('more'), stable)
      assert.is(result.count, 4)
      const { size, mtime, ctime } = before
      assert.equal(result.change.before, { size, mtime, ctime })
      const after = client.stat('f')
      assert.equal(result.change.after, after)
      assert.is(after.size, before.size + 4)
      assert.ok(compareTime(after.mtime, mtime) > 0)
      assert.ok(compareTime(after.ctime, ctime) > 0)
      assert.equal(after.atime, before.atime)
    }
    assert.is(await client.readText('f'), 'moremoremore')
  })

  on(
    'a WRITE of whole chunks tells what the file has become, and so does each later one',
    async (client) => {
      client.create('f')
      const id = client.id('f')
      let size = 0
      for (const [offset, length] of [
        ...[
          [0, MIB],
          [MIB, MIB],
          [2 * MIB + 5, MIB],
          [100, 4096],
          [0, 2 * MIB],
        ],
      ] as const) {
        for (const stable of [StableHow.UNSTABLE, StableHow.FILE_SYNC]) {
          const data = pattern(length)
          const { change } = await client.fs.write(ROOT, id, offset, data, stable)
          size = Math.max(size, offset + length)
          assert.is(change.after?.size, size)
          assert.equal(change.after, client.stat('f'))
        }
      }
    },
  )

  on('a WRITE of nothing changes nothing', async (client) => {
    const id = client.create('f')
    const before = client.stat('f')
    const { count } = await client.fs.write(ROOT, id, 1000, new Uint8Array(0), 0)
    assert.is(count, 0)
    assert.equal(client.stat('f'), before)
  })

  on('a size cuts, and what comes back behind it is zeros', async (client) => {
    client.create('f')
    await client.write('f', 0, pattern(3 * MIB + 5).slice(0, MIB))
    for (const size of [600_001, 8192, 4097, 4095, 100, 1, 0]) {
      client.set('f', { size })
      assert.is(client.stat('f').size, size)
      client.set('f', { size: size + 5000 })
      const data = await client.read('f')
      const expected = new Uint8Array(size + 5000)
      expected.set(pattern(size))
      assert.is(Buffer.compare(data, expected), 0, `after a cut to ${size}`)
      client.set('f', { size })
    }
    assert.is(client.stat('f').used, 0)
  })

  on('COMMIT keeps what was written, and changes nothing to be seen', async (client) => {
    const id = client.create('f')
    await client.write('f', 0, 'unstable')
    const { before, after } = client.fs.commit(ROOT, id)
    assert.equal(after, client.stat('f'))
    assert.equal(before, { size: after.size, mtime: after.mtime, ctime: after.ctime })
    assert.is(await client.readText('f'), 'unstable')
    assert.equal(client.fs.commit(ROOT, id).after, after)
    client.fs.commit(ROOT, client.start)
  })

  on('a barrier calls back when all of it is safe', async (client) => {
    client.create('f')
    await client.write('f', 0, 'data', StableHow.FILE_SYNC)
    const error = await new Promise((resolve) => client.fs.barrier(resolve))
    assert.is(error, undefined)
    assert.is(client.fs.writeVerifier.length, 8)
  })

  on('the data stays with the file, whatever else changes about it', async (client) => {
    client.create('f')
    await client.write('f', 0, 'written before')
    client.set('f', { mode: 0o600 })
    client.link('f', 'g')
    client.rename('f', 'h')
    client.mkdir('d')
    client.rename('h', 'd/h')
    await client.write('d/h', 8, 'after.')
    client.remove('g')
    assert.is(await client.readText('d/h'), 'written after.')
    assert.is(client.stat('d/h').size, 14)
  })

  on('a write by somebody else takes suid and sgid away', async (client) => {
    for (const [mode, left] of [
      [0o4777, 0o777],
      [0o2777, 0o777],
      [0o6777, 0o777],
      [0o1777, 0o1777],
    ] as const) {
      client.create('f')
      client.set('f', { mode })
      await client.write('f', 0, 'x')
      assert.is(client.stat('f').mode, mode, 'root’s write does not')
      const { change } = await client.fs.write(ALICE, client.id('f'), 0, bytes('y'), 0)
      assert.is(change.after.mode, left)
      assert.is(client.stat('f').mode, left)
      client.set('f', { mode })
      client.as(ALICE).set('f', { size: 0 })
      assert.is(client.stat('f').mode, left)
      client.remove('f')
    }
  })

  on('WRITE is for regular files, and not beyond the largest', async (client) => {
    client.mkdir('d')
    const pipe = { specdata1: 0, specdata2: 0 }
    client.fs.mknod(ROOT, client.start, bytes('p'), FileType.FIFO, pipe, {})
    client.create('f')
    await rejects('ISDIR', () => client.write('d', 0, 'x'))
    await rejects('INVAL', () => client.write('p', 0, 'x'))
    await rejects('FBIG', () => client.write('f', 2 ** 53 - 1, 'x'))
    assert.is(client.stat('f').size, 0)
  })

  on('a file may be sparse up to a terabyte and more', async (client) => {
    client.create('f')
    await client.write('f', 2 ** 44, 'far away')
    await client.write('f', 2 ** 41, 'near')
    client.fs.commit(ROOT, client.id('f'))
    assert.is(client.stat('f').size, 2 ** 44 + 8)
    assert.ok(client.stat('f').used <= 65_536)
    assert.is(text(await client.read('f', 2 ** 44 - 2, 20)), '\0\0far away')
    assert.is(text(await client.read('f', 2 ** 41, 5)), 'near\0')
    client.set('f', { size: 2 ** 41 + 2 })
    client.set('f', { size: 2 ** 44 + 8 })
    assert.is(text(await client.read('f', 2 ** 44, 20)), '\0'.repeat(8))
    assert.is(text(await client.read('f', 2 ** 41, 5)), 'ne\0\0\0')
  })
}

async function readAll(client: Client, path: string): Promise<Uint8Array> {
  const { size } = client.stat(path)
  const parts: Uint8Array[] = []
  for (let at = 0; at < size; at += MIB) parts.push(await client.read(path, at, MIB))
  return Buffer.concat(parts)
}
