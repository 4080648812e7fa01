import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DiskFile } from '../../src/store/disk.ts'
import { nodeDisk, without } from '../../src/store/node-disk.ts'

const test = suite('node-disk')

async function withFile(
  body: (file: DiskFile, path: string) => Promise<void>,
  contents?: string,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'node-disk-'))
  const path = join(directory, 'file')
  if (contents !== undefined) writeFileSync(path, contents)
  const file = await nodeDisk.open(path)
  try {
    await body(file, path)
  } finally {
    await file.close()
    rmSync(directory, { recursive: true })
  }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

test('makes a file that only its owner may read and write', () =>
  withFile(async (_, path) => {
    assert.is(statSync(path).mode & 0o777, 0o600)
  }))

test('opens what is there without changing it', () =>
  withFile(async (file) => assert.is(await file.size(), 5), 'hello'))

test('writes buffers one behind the other, at their position', () =>
  withFile(async (file, path) => {
    await file.write([Buffer.from('de'), Buffer.alloc(0), Buffer.from('fgh')], 3)
    await file.write([Buffer.from('abc')], 0)
    await file.write([], 100)
    await file.datasync()
    assert.is(readFileSync(path, 'latin1'), 'abcdefgh')
    file.writeSync([Buffer.from('B'), Buffer.alloc(0), Buffer.from('CD')], 1)
    assert.is(readFileSync(path, 'latin1'), 'aBCDefgh')
  }))

test('writes more buffers than one system call takes', () =>
  withFile(async (file, path) => {
    const buffers = Array.from({ length: 3000 }, (_, i) => Buffer.from(String(i % 10)))
    await file.write(buffers, 0)
    assert.is(readFileSync(path, 'latin1'), '0123456789'.repeat(300))
  }))

test('goes on where a short write stopped', () => {
  const buffers = [Buffer.from('abc'), Buffer.from('de'), Buffer.from('f')]
  const rest = (bytes: number) => without(buffers, bytes).map(text)
  assert.equal(rest(0), ['abc', 'de', 'f'])
  assert.equal(rest(2), ['c', 'de', 'f'])
  assert.equal(rest(3), ['de', 'f'])
  assert.equal(rest(5), ['f'])
  assert.equal(rest(6), [])
})

test('reads zeros past the end of the file, whatever was in the buffer', () =>
  withFile(async (file) => {
    const into = Buffer.alloc(8, 'x')
    await file.read(into, 2)
    assert.is(text(into), 'llo\0\0\0\0\0')
    into.fill('x')
    file.readSync(into, 2)
    assert.is(text(into), 'llo\0\0\0\0\0')
    file.readSync(into.fill('x'), 1000)
    assert.is(text(into), '\0'.repeat(8))
    await file.read(Buffer.alloc(0), 0)
  }, 'hello'))

test('reads into a view without touching what is around it', () =>
  withFile(async (file) => {
    const into = Buffer.alloc(7, 'x')
    await file.read(into.subarray(1, 6), 1)
    assert.is(text(into), 'xello\0x')
  }, 'hello'))

test('writes more at once than one call takes, of one buffer and of many', () =>
  withFile(async (file, path) => {
    const bytes = Buffer.from(Array.from({ length: 1_300_000 }, (_, i) => i % 251))
    const pieces = Array.from({ length: 13 }, (_, i) => bytes.subarray(i * 1e5, (i + 1) * 1e5))
    const many = [Buffer.alloc(0), ...pieces, Buffer.alloc(0)]
    for (const buffers of [[bytes], many, [bytes.subarray(0, 9), bytes.subarray(9)]]) {
      await file.truncate(0)
      file.writeSync(buffers, 3)
      assert.is(Buffer.compare(readFileSync(path).subarray(3), bytes), 0)
    }
    file.writeSync([], 0)
    assert.is(await file.size(), bytes.length + 3)
  }))

test('truncates', () =>
  withFile(async (file) => {
    await file.truncate(2)
    assert.is(await file.size(), 2)
    const into = Buffer.alloc(3)
    file.readSync(into, 0)
    assert.is(text(into), 'he\0')
  }, 'hello'))

test('a file opened with dsync is written as any other', () =>
  withFile(async (_, path) => {
    const file = await nodeDisk.open(path, { dsync: true })
    await file.write([Buffer.from('now')], 0)
    await file.close()
    assert.is(readFileSync(path, 'latin1'), 'now')
  }))

test('tells why a write failed', async () => {
  const full = await nodeDisk.open('/dev/full')
  const codes: unknown[] = []
  for (const buffers of [[Buffer.from('x')], [Buffer.from('x'), Buffer.from('y')]]) {
    await full.write(buffers, 0).catch((error) => codes.push(error.code))
  }
  try {
    full.writeSync([Buffer.from('x')], 0)
  } catch (error) {
    codes.push((error as NodeJS.ErrnoException).code)
  }
  await full.close()
  assert.equal(codes, ['ENOSPC', 'ENOSPC', 'ENOSPC'])
})

test('tells why a file cannot be opened', async () => {
  const code = await nodeDisk.open('/nonexistent/file').catch((error) => error.code)
  assert.is(code, 'ENOENT')
})

test('syncs a directory, and tells the room there is', async () => {
  await nodeDisk.syncDirectory(tmpdir())
  const { total, free } = nodeDisk.space(tmpdir())
  assert.ok(free > 0 && free <= total)
})

test.run()
