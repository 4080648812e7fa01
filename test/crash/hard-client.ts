/**
 * A client as a `hard` mount has it: it sends a call until it is answered, over one of several
 * connections, which it loses at any time, to a server that comes and goes. And a user of it, who
 * knows what every call must be answered when each was done exactly once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { FileType } from '../../src/fs/filesystem.ts'
import { nfsstat3 } from '../../src/nfs/nfsstat3.ts'
import { XdrReader } from '../../src/xdr/reader.ts'
import type { Random } from '../model/random.ts'
import { type Args, bytes, type Name, type Resok } from '../nfs/harness.ts'
import { callOf, resultOf, statusOf, Wire } from '../nfs/wire.ts'

const LINKS = 3
/** The newest answered calls are kept to be sent once more: fewer than the server remembers. */
const KEPT_MAX = 500
const CUT_MS_MAX = 4
/** Names that a user has at most. */
const NAMES_MAX = 12

/** The port of the server, as soon as there is one. */
export type Port = () => Promise<number>

interface Answered {
  readonly name: Name
  readonly call: Uint8Array
  readonly reply: Uint8Array
}

export class HardClient {
  readonly #port: Port
  readonly #random: Random
  readonly #links: (Wire | undefined)[] = []
  readonly #kept: Answered[] = []
  #xid: number
  readonly counts = { calls: 0, cuts: 0, lost: 0, repeated: 0 }

  constructor(port: Port, random: Random) {
    this.#port = port
    this.#random = random
    this.#xid = random.uint32()
  }

  /** Where the links of two clients on one address meet, or of one: their xids may be the same. */
  meet(xid: number): void {
    this.#xid = xid
  }

  async call<K extends Name>(name: K, args: Args<K>): Promise<Resok<K>> {
    this.#xid = (this.#xid + 1) >>> 0
    const call = callOf(this.#xid, name, args)
    const reply = await this.#exchange(call)
    this.counts.calls++
    assert.is(statusOf(reply), nfsstat3.NFS3_OK, `${name} is answered ${statusOf(reply)}`)
    if (name !== 'GETATTR') this.#keep({ name, call, reply })
    return resultOf(name, reply)
  }

  /** Sends some call that was answered before: the answer must be the same. */
  async repeat(): Promise<void> {
    if (this.#kept.length === 0) return
    const { name, call, reply } = this.#random.pick(this.#kept)
    const again = Buffer.from(await this.#exchange(call)).toString('hex')
    assert.is(again, Buffer.from(reply).toString('hex'), `${name} is answered otherwise`)
    this.counts.repeated++
  }

  async mount(): Promise<Uint8Array> {
    for (;;) {
      try {
        return await (await this.#link(0)).mount(this.#random.uint32())
      } catch {
        await this.#lose(0)
      }
    }
  }

  async close(): Promise<void> {
    for (const n of this.#links.keys()) await this.#lose(n)
  }

  #keep(answered: Answered): void {
    this.#kept.push(answered)
    if (this.#kept.length > KEPT_MAX) this.#kept.shift()
  }

  async #exchange(call: Uint8Array): Promise<Uint8Array> {
    for (;;) {
      const n = this.#random.below(LINKS)
      try {
        const link = await this.#link(n)
        if (!this.#random.oneIn(4)) return await this.#answer(link, call)
        link.send(call)
        if (this.#random.oneIn(2)) await sleep(this.#random.below(CUT_MS_MAX))
        this.counts.cuts++
      } catch {
        this.counts.lost++
      }
      await this.#lose(n)
    }
  }

  async #answer(link: Wire, call: Uint8Array): Promise<Uint8Array> {
    const xid = new XdrReader(call).uint32()
    if (this.#random.oneIn(5)) link.send(call)
    link.send(call)
    for (;;) {
      const reply = await link.reply()
      if (new XdrReader(reply).uint32() === xid) return reply
    }
  }

  async #link(n: number): Promise<Wire> {
    const link = this.#links[n] ?? (await Wire.open(await this.#port()))
    this.#links[n] = link
    return link
  }

  async #lose(n: number): Promise<void> {
    const link = this.#links[n]
    this.#links[n] = undefined
    await link?.cut()
  }
}

interface Thing {
  readonly handle: Uint8Array
  readonly type: FileType
}

/** Somebody with a directory of his own, who knows what is in it. */
export class User {
  readonly client: HardClient
  readonly #random: Random
  readonly #dir: Uint8Array
  readonly #things = new Map<string, Thing>()
  #next = 0

  private constructor(client: HardClient, random: Random, dir: Uint8Array) {
    this.client = client
    this.#random = random
    this.#dir = dir
  }

  static async begin(client: HardClient, random: Random, name: string): Promise<User> {
    const where = { dir: await client.mount(), name: bytes(name) }
    const { obj } = await client.call('MKDIR', { where, attributes: { mode: 0o755 } })
    return new User(client, random, (obj ?? new Uint8Array()).slice())
  }

  /** The names that there are, as they should be. */
  get names(): string[] {
    return [...this.#things.keys()].sort()
  }

  get dir(): Uint8Array {
    return this.#dir
  }

  async step(): Promise<void> {
    if (this.#random.oneIn(4)) await this.client.repeat()
    else if (this.#things.size === 0 || this.#random.oneIn(2)) await this.#add()
    else await this.#change(this.#random.pick([...this.#things.keys()]))
    while (this.#things.size > NAMES_MAX) await this.#remove(this.names[0] ?? '')
  }

  #at(name: string) {
    return { dir: this.#dir, name: bytes(name) }
  }

  async #add(): Promise<void> {
    const name = `name ${this.#next++}`
    const where = this.#at(name)
    const attributes = { mode: 0o644 }
    const kept = (type: FileType, { obj }: { obj: Uint8Array | undefined }) =>
      this.#things.set(name, { type, handle: (obj ?? new Uint8Array()).slice() })
    switch (this.#random.below(5)) {
      case 0:
        kept(FileType.DIR, await this.client.call('MKDIR', { where, attributes }))
        break
      case 1: {
        const symlink = { symlink_attributes: {}, symlink_data: bytes('x') }
        kept(FileType.LNK, await this.client.call('SYMLINK', { where, symlink }))
        break
      }
      case 2: {
        const spec = { specdata1: 0, specdata2: 0 }
        const what = { type: FileType.FIFO, attributes, spec }
        kept(FileType.FIFO, await this.client.call('MKNOD', { where, what }))
        break
      }
      default: {
        const how = { mode: 'GUARDED' as const, attributes }
        kept(FileType.REG, await this.client.call('CREATE', { where, how }))
      }
    }
  }

  async #change(name: string): Promise<void> {
    const thing = this.#things.get(name)
    if (thing === undefined) return
    const to = `name ${this.#next++}`
    switch (this.#random.below(4)) {
      case 0:
        await this.client.call('RENAME', { from: this.#at(name), to: this.#at(to) })
        this.#things.delete(name)
        this.#things.set(to, thing)
        break
      case 1:
        if (thing.type === FileType.DIR) break
        await this.client.call('LINK', { file: thing.handle, link: this.#at(to) })
        this.#things.set(to, thing)
        break
      case 2: {
        const object = thing.handle
        const { obj_attributes } = await this.client.call('GETATTR', { object })
        const guard = obj_attributes.ctime
        const new_attributes = { mode: 0o600 + this.#random.below(8) }
        await this.client.call('SETATTR', { object, new_attributes, guard })
        break
      }
      default:
        await this.#remove(name)
    }
  }

  async #remove(name: string): Promise<void> {
    const isDir = this.#things.get(name)?.type === FileType.DIR
    await this.client.call(isDir ? 'RMDIR' : 'REMOVE', { object: this.#at(name) })
    this.#things.delete(name)
  }
}
