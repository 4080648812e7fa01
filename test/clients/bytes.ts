/**
 * Calls and replies as the RFCs draw them, written down without the code under test: a word is four
 * bytes, an opaque its length, its bytes and padding.
 */

/** A number is a word, a bigint two of them, text or bytes an opaque; `raw` is neither. */
export type Item = number | bigint | string | Uint8Array | Raw
export interface Raw {
  readonly raw: Uint8Array
}

export function raw(bytes: Uint8Array): Raw {
  return { raw: bytes }
}

export function encode(...items: readonly Item[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(items.map(bytesOf)))
}

function bytesOf(item: Item): Uint8Array {
  if (typeof item === 'number') return word(item)
  if (typeof item === 'bigint') {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(item)
    return bytes
  }
  if (item instanceof Uint8Array || typeof item === 'string') {
    const bytes = Buffer.from(item)
    return Buffer.concat([word(bytes.length), bytes, Buffer.alloc(-bytes.length & 3)])
  }
  return item.raw
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Credentials (RFC 5531 §8.2): flavor and body. */
export const NONE: readonly Item[] = [0, '']
export function sys(uid: number, gid: number, gids: readonly number[] = [], machine = 'client') {
  return [1, encode(0x5eed, machine, uid, gid, gids.length, ...gids)]
}

/** RFC 5531 §9: xid, CALL, version 2, the procedure, credential, an empty verifier, arguments. */
export function call(
  xid: number,
  [prog, vers, proc]: readonly [number, number, number],
  credential: readonly Item[],
  ...args: readonly Item[]
): Uint8Array {
  return encode(xid, 0, 2, prog, vers, proc, ...credential, 0, '', ...args)
}

/** Reads a reply from its first byte to its last. */
export class Reply {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes)
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  word(): number {
    this.#at += 4
    return this.#bytes.readUInt32BE(this.#at - 4)
  }

  words(count: number): number[] {
    return Array.from({ length: count }, () => this.word())
  }

  long(): bigint {
    this.#at += 8
    return this.#bytes.readBigUInt64BE(this.#at - 8)
  }

  opaque(): Buffer {
    const length = this.word()
    const bytes = Buffer.from(this.#bytes.subarray(this.#at, this.#at + length))
    this.#at += length + (-length & 3)
    return bytes
  }

  text(): string {
    return this.opaque().toString('latin1')
  }

  skip(bytes: number): void {
    this.#at += bytes
  }

  /** What follows accept_stat, and accept_stat itself, of a reply that was accepted. */
  accepted(xid: number): number {
    const head = this.words(3)
    const verifier = this.words(2)
    const wanted = [xid, 1, 0, 0, 0]
    if (`${[...head, ...verifier]}` !== `${wanted}`) {
      throw new Error(`the reply begins with ${[...head, ...verifier]}, not with ${wanted}`)
    }
    return this.word()
  }

  /** fattr3, where post_op_attr has it. */
  attributes(): Attributes | undefined {
    if (this.word() === 0) return undefined
    const [type = 0, mode = 0, nlink = 0, uid = 0, gid = 0] = this.words(5)
    const size = this.long()
    this.skip(8 + 8 + 8)
    const fileid = this.long()
    const times = [this.long(), this.long(), this.long()] as const
    return { type, mode, nlink, uid, gid, size, fileid, mtime: times[1], ctime: times[2] }
  }

  /** wcc_data: only whether each is there matters here. */
  wcc(): void {
    if (this.word() === 1) this.skip(24)
    this.attributes()
  }
}

export interface Attributes {
  readonly type: number
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly size: bigint
  readonly fileid: bigint
  /** Seconds and nanoseconds as they lie on the wire. */
  readonly mtime: bigint
  readonly ctime: bigint
}
