import { createCipheriv } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FsError } from '../../src/fs/error.ts'
import type { FileId } from '../../src/fs/filesystem.ts'
import { FileHandles, HANDLE_BYTES } from '../../src/nfs/fhandle.ts'

const test = suite('nfs/fhandle')

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i)
const ID: FileId = {
  dataset: 0x01_0203,
  snapshot: 0xfffe_fdfc,
  snapdir: true,
  ino: 0xa1a2_b1b2_b3b4,
  generation: 0xc1c2,
}
const BODY = [0x02, 0x01, 0x02, 0x03, 0xff, 0xfe, 0xfd, 0xfc].concat([
  ...[0xa1, 0xa2, 0xb1, 0xb2, 0xb3, 0xb4, 0xc1, 0xc2],
])

const isBadHandle = (error: unknown) => error instanceof FsError && error.code === 'BADHANDLE'

test('a handle is the drawn body, and AES-128 of it under the key', () => {
  const handle = new FileHandles(KEY).encode(ID)
  const cipher = createCipheriv('aes-128-ecb', KEY, null).setAutoPadding(false)
  const mac = cipher.update(Uint8Array.from(BODY))
  assert.equal([...handle], [...BODY, ...mac])
  assert.is(handle.length, HANDLE_BYTES)
})

test('handles of one server are files to the next one with the same key', () => {
  assert.equal(new FileHandles(KEY).decode(new FileHandles(KEY).encode(ID)), ID)
})

test('each field makes a handle of its own, also where two share a place in the table', () => {
  const handles = new FileHandles(KEY)
  const ids: FileId[] = [
    ID,
    { ...ID, dataset: 7 },
    { ...ID, snapshot: 0 },
    { ...ID, snapdir: false },
    { ...ID, ino: 0x1_0000_0000 },
    { ...ID, ino: 0 },
    { ...ID, generation: 0 },
  ]
  const encoded = ids.map((id) => handles.encode(id))
  assert.is(new Set(encoded.map((bytes) => Buffer.from(bytes).toString('hex'))).size, ids.length)
  for (const round of [1, 2]) {
    const decoded = encoded.map((bytes) => handles.decode(bytes))
    assert.equal(decoded, ids, `round ${round}`)
  }
})

test('a handle with any one bit flipped is refused, known or not', () => {
  const handles = new FileHandles(KEY)
  const handle = handles.encode(ID)
  for (const server of [handles, new FileHandles(KEY)]) {
    for (let bit = 0; bit < HANDLE_BYTES * 8; bit++) {
      const forged = Uint8Array.from(handle)
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.throws(() => server.decode(forged), isBadHandle, `bit ${bit}`)
    }
  }
})

test('a handle of any other length is refused', () => {
  const handles = new FileHandles(KEY)
  const handle = handles.encode(ID)
  for (let size = 0; size <= 64; size++) {
    if (size === HANDLE_BYTES) continue
    const other = new Uint8Array(size)
    other.set(handle.subarray(0, size))
    assert.throws(() => handles.decode(other), isBadHandle, `${size} bytes`)
  }
})

test('a kind that does not exist is refused even with the right MAC', () => {
  const cipher = createCipheriv('aes-128-ecb', KEY, null).setAutoPadding(false)
  for (const kind of [0, 3, 0x81]) {
    const body = Uint8Array.from(BODY)
    body[0] = kind
    const handle = Uint8Array.from([...body, ...cipher.update(body)])
    assert.throws(() => new FileHandles(KEY).decode(handle), isBadHandle)
  }
})

test('a handle of another key is refused', () => {
  const foreign = new FileHandles(new Uint8Array(16)).encode(ID)
  assert.throws(() => new FileHandles(KEY).decode(foreign), isBadHandle)
})

test('a decoded handle is remembered by its bytes, not by the buffer they came in', () => {
  const received = Uint8Array.from(new FileHandles(KEY).encode(ID))
  const handles = new FileHandles(KEY)
  handles.decode(received)
  received.fill(0)
  assert.equal(handles.encode(ID), new FileHandles(KEY).encode(ID))
  assert.throws(() => handles.decode(received), isBadHandle)
})

test('a handle that was given out keeps its bytes when others take its place in the table', () => {
  const handles = new FileHandles(KEY)
  const handle = handles.encode(ID)
  const before = Uint8Array.from(handle)
  handles.encode({ ...ID, generation: 1 })
  handles.encode({ ...ID, snapdir: false })
  assert.equal(handle, before)
})

test.run()
