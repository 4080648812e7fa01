/**
 * The MACs of file handles: AES-128 of their first 16 bytes (fhandle.ts).
 *
 * A call into the cipher costs more than a microsecond, and the AES in it a hundredth of that. New
 * files have numbers that follow each other; so where one is asked for behind the other, the cipher
 * is given the bodies of the next ones as well, which differ in their ino alone.
 */
import assert from 'node:assert/strict'
import { type Cipher, createCipheriv } from 'node:crypto'

/** Bytes that a MAC covers, and those of the MAC: one block of AES. */
const BLOCK_BYTES = 16
/** MACs made at once: 2 KiB of them. */
const AHEAD = 128
/** Where the lower half of the ino stands. */
const INO_AT = 10
const INO_END = 14

export class HandleMacs {
  readonly #cipher: Cipher
  /** AHEAD bodies, which differ in the lower half of their inos alone. */
  readonly #bodies = new Uint8Array(AHEAD * BLOCK_BYTES)
  readonly #view = new DataView(this.#bodies.buffer)
  /** The MACs of the bodies; undefined where only the first is known, or not even that. */
  #macs: Uint8Array | undefined
  /** The lower half of the first body's ino; of the one that was asked for last. */
  #first = 0
  #last = 0

  /** @param key 16 bytes */
  constructor(key: Uint8Array) {
    this.#cipher = createCipheriv('aes-128-ecb', key, null)
    // Without padding the cipher gives back each block at once, and never ends.
    this.#cipher.setAutoPadding(false)
  }

  /** @param body 16 bytes @returns 16 bytes */
  of(body: Uint8Array): Uint8Array {
    assert.equal(body.length, BLOCK_BYTES, 'a MAC covers one block')
    return this.#cipher.update(body)
  }

  /** The same, for bodies that may well have inos in ascending order. */
  ofNext(body: Uint8Array): Uint8Array {
    const view = new DataView(body.buffer, body.byteOffset, body.length)
    const ino = view.getUint32(INO_AT)
    const last = this.#last
    this.#last = ino
    if (!this.#isLikeFirst(body)) {
      this.#fill(body)
      return this.of(body)
    }
    const ahead = ino - this.#first
    if (this.#macs !== undefined && ahead >= 0 && ahead < AHEAD) return this.#mac(ahead)
    if (ino !== last + 1 || ino > 0xffff_ffff - AHEAD) return this.of(body)
    for (let i = 0; i < AHEAD; i++) this.#view.setUint32(i * BLOCK_BYTES + INO_AT, ino + i)
    this.#first = ino
    this.#macs = this.#cipher.update(this.#bodies)
    return this.#mac(0)
  }

  #mac(ahead: number): Uint8Array {
    assert(this.#macs, 'the MACs are made')
    return this.#macs.subarray(ahead * BLOCK_BYTES, (ahead + 1) * BLOCK_BYTES)
  }

  #isLikeFirst(body: Uint8Array): boolean {
    for (let i = 0; i < BLOCK_BYTES; i++) {
      if (i === INO_AT) i = INO_END
      if (this.#bodies[i] !== body[i]) return false
    }
    return true
  }

  /** Other bodies from now on: nothing is known of them. */
  #fill(body: Uint8Array): void {
    for (let i = 0; i < AHEAD; i++) this.#bodies.set(body, i * BLOCK_BYTES)
    this.#macs = undefined
  }
}
