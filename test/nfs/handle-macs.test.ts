import { createCipheriv } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HandleMacs } from '../../src/nfs/handle-macs.ts'

const test = suite('nfs/handle-macs')

const KEY = Uint8Array.from({ length: 16 }, (_, i) => 3 * i)

/** A body with an ino, and something else about it. */
function bodyOf(ino: number, other = 1): Uint8Array {
  const body = Buffer.alloc(16, other)
  body.writeUIntBE(ino, 8, 6)
  return new Uint8Array(body)
}

function expected(body: Uint8Array): number[] {
  return [...createCipheriv('aes-128-ecb', KEY, null).setAutoPadding(false).update(body)]
}

function check(macs: HandleMacs, body: Uint8Array): void {
  assert.equal([...macs.ofNext(body)], expected(body))
}

test('a MAC is AES-128 of its body, in whatever order inos come', () => {
  const macs = new HandleMacs(KEY)
  for (let ino = 100; ino < 500; ino++) check(macs, bodyOf(ino))
  for (const ino of [499, 350, 100, 500, 501, 7, 8, 9, 502, 900, 901, 902, 700]) {
    check(macs, bodyOf(ino))
  }
})

test('bodies that differ in anything but the ino are not taken for each other', () => {
  const macs = new HandleMacs(KEY)
  for (let ino = 100; ino < 110; ino++) check(macs, bodyOf(ino))
  for (let at = 0; at < 16; at++) {
    for (const ino of [110, 111, 112]) {
      const body = bodyOf(ino)
      body[at] = (body[at] ?? 0) ^ 0x40
      check(macs, body)
    }
  }
  for (let ino = 110; ino < 120; ino++) check(macs, bodyOf(ino, ino % 2))
})

test('the half of the ino that is counted does not overflow into the other', () => {
  const macs = new HandleMacs(KEY)
  for (let ino = 0xffff_ff00; ino < 0x1_0000_0100; ino++) check(macs, bodyOf(ino))
})

test('one that is asked for by itself has no effect on those in order', () => {
  const macs = new HandleMacs(KEY)
  for (let ino = 100; ino < 110; ino++) {
    check(macs, bodyOf(ino))
    assert.equal([...macs.of(bodyOf(5, 9))], expected(bodyOf(5, 9)))
  }
})

test.run()
