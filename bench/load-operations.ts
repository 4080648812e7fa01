/** What bench/load.ts can do to a server: an operation prepares, and is done again and again. */
import { StableHow } from '../src/fs/filesystem.ts'
import { ACCESS } from '../src/nfs/proc/access.ts'
import { CREATE } from '../src/nfs/proc/create.ts'
import { GETATTR } from '../src/nfs/proc/getattr.ts'
import { LOOKUP } from '../src/nfs/proc/lookup.ts'
import { MKDIR } from '../src/nfs/proc/mkdir.ts'
import { READ } from '../src/nfs/proc/read.ts'
import { READDIR } from '../src/nfs/proc/readdir.ts'
import { READDIRPLUS } from '../src/nfs/proc/readdirplus.ts'
import { REMOVE } from '../src/nfs/proc/remove.ts'
import { RENAME } from '../src/nfs/proc/rename.ts'
import { RMDIR } from '../src/nfs/proc/rmdir.ts'
import { SETATTR } from '../src/nfs/proc/setattr.ts'
import { GUARDED, NFS3, type NfsClient, name } from './nfs-client.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SMALL_BYTES = 4 * KIB
const LIST_BYTES = 64 * KIB
const ACCESS_ALL = 0x3f

/** One request that is kept under way: a connection, and what belongs to it alone. */
export interface Slot {
  readonly client: NfsClient
  readonly id: number
  /** How many it has sent. */
  sent: number
  /** How far its listing of a directory is. */
  cookie: number
  cookieverf: Uint8Array
}

/** What one request came to. */
export interface Outcome {
  readonly bytes?: number
  readonly entries?: number
}

export interface Sizes {
  readonly files: number
  readonly entries: number
  readonly fileBytes: number
}

export interface Operation {
  /** @returns undefined where nothing is left to do */
  issue(slot: Slot): Promise<Outcome> | undefined
  /** Within the time that is measured. */
  finish?(): Promise<void>
}

/** A directory of this run's own on a server, and what the operations have made in it. */
export class Workplace {
  readonly client: NfsClient
  readonly #root: Uint8Array
  readonly sizes: Sizes
  readonly slots: number
  #random = 1
  #files: { readonly dir: Uint8Array; readonly handles: readonly Uint8Array[] } | undefined
  #data: Uint8Array | undefined
  #listing: Uint8Array | undefined
  #made: { readonly dir: Uint8Array; first: number; next: number } | undefined

  constructor(client: NfsClient, root: Uint8Array, sizes: Sizes, slots: number) {
    this.client = client
    this.#root = root
    this.sizes = sizes
    this.slots = slots
  }

  /** Below `limit`; the same numbers in every run. */
  random(limit: number): number {
    this.#random = (Math.imul(this.#random, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((this.#random / 2 ** 32) * limit)
  }

  async files() {
    if (this.#files !== undefined) return this.#files
    const dir = await this.client.mkdir(this.#root, 'files')
    const handles: Uint8Array[] = []
    for (let i = 0; i < this.sizes.files; i++) {
      handles.push(await this.client.create(dir, `file${i}`))
    }
    this.#files = { dir, handles }
    return this.#files
  }

  /** @param empty whether it is to hold nothing, and not all of its bytes */
  async data(empty: boolean): Promise<Uint8Array> {
    this.#data ??= await this.client.create(this.#root, 'data')
    const set = { object: this.#data, new_attributes: { size: 0 }, guard: undefined }
    await this.client.call(NFS3.SETATTR, SETATTR, set)
    for (let at = 0; !empty && at < this.sizes.fileBytes; at += MIB) {
      await this.client.write(this.#data, at, Buffer.alloc(MIB, 1), StableHow.UNSTABLE)
    }
    await this.client.commit(this.#data)
    return this.#data
  }

  async listing(): Promise<Uint8Array> {
    if (this.#listing !== undefined) return this.#listing
    this.#listing = await this.client.mkdir(this.#root, `list${this.sizes.entries}`)
    for (let i = 0; i < this.sizes.entries; i++) {
      await this.client.create(this.#listing, `entry${i}`)
    }
    return this.#listing
  }

  /** A new directory; what is made in it, one after the other, can be removed in that order. */
  async making(stem: string) {
    const called = `${stem}-${process.pid}-${Math.round(performance.now() * 1000)}`
    this.#made = { dir: await this.client.mkdir(this.#root, called), first: 0, next: 0 }
    return this.#made
  }

  made() {
    if (this.#made === undefined) throw new Error('nothing was made before that can be removed')
    return this.#made
  }
}

const done = (): Outcome => ({})
const made = (i: number): Uint8Array => name(`n${i}`)

async function onFiles(
  work: Workplace,
  ask: (slot: Slot, file: Uint8Array) => Promise<unknown>,
): Promise<Operation> {
  const { handles } = await work.files()
  const any = () => handles[work.random(handles.length)] ?? new Uint8Array()
  return { issue: (slot) => ask(slot, any()).then(done) }
}

async function reads(work: Workplace, count: number, sequential: boolean): Promise<Operation> {
  const file = await work.data(false)
  const places = work.sizes.fileBytes / count
  let next = 0
  const place = () => (sequential ? next++ % places : work.random(places))
  const issue = async ({ client }: Slot) => {
    const args = { file, offset: place() * count, count }
    return { bytes: (await client.call(NFS3.READ, READ, args)).count }
  }
  return { issue }
}

async function writes(work: Workplace, stable: StableHow): Promise<Operation> {
  const file = await work.data(false)
  const places = work.sizes.fileBytes / SMALL_BYTES
  const data = Buffer.alloc(SMALL_BYTES, 2)
  const issue = async ({ client }: Slot) => ({
    bytes: await client.write(file, work.random(places) * SMALL_BYTES, data, stable),
  })
  return { issue }
}

async function writesInOrder(work: Workplace): Promise<Operation> {
  const file = await work.data(true)
  const data = Buffer.alloc(MIB, 3)
  let next = 0
  const issue = async ({ client }: Slot) => {
    const at = (next++ * MIB) % work.sizes.fileBytes
    return { bytes: await client.write(file, at, data, StableHow.UNSTABLE) }
  }
  return { issue, finish: () => work.client.commit(file) }
}

async function makes(
  work: Workplace,
  stem: string,
  make: (client: NfsClient, dir: Uint8Array, name: Uint8Array) => Promise<unknown>,
): Promise<Operation> {
  const place = await work.making(stem)
  return { issue: ({ client }) => make(client, place.dir, made(place.next++)).then(done) }
}

function removes(
  work: Workplace,
  remove: (client: NfsClient, dir: Uint8Array, name: Uint8Array) => Promise<unknown>,
): Operation {
  const place = work.made()
  const issue = ({ client }: Slot) =>
    place.first < place.next ? remove(client, place.dir, made(place.first++)).then(done) : undefined
  return { issue }
}

async function renames(work: Workplace): Promise<Operation> {
  const { dir } = await work.making('rename')
  for (let i = 0; i < work.slots; i++) await work.client.create(dir, `r${i}.0`)
  const issue = ({ client, id, sent }: Slot) => {
    const from = { dir, name: name(`r${id}.${sent}`) }
    const to = { dir, name: name(`r${id}.${sent + 1}`) }
    return client.call(NFS3.RENAME, RENAME, { from, to }).then(done)
  }
  return { issue }
}

/** @param page asks for the next one @returns the cookies of its entries */
async function lists(
  work: Workplace,
  page: (slot: Slot, dir: Uint8Array) => Promise<Page>,
): Promise<Operation> {
  const dir = await work.listing()
  const issue = async (slot: Slot) => {
    const { cookieverf, reply } = await page(slot, dir)
    if (!Array.isArray(reply.entries)) throw new Error('a list of entries is an array')
    slot.cookie = reply.eof ? 0 : reply.entries.at(-1).cookie
    slot.cookieverf = reply.eof ? new Uint8Array(8) : cookieverf.slice()
    return { entries: reply.entries.length }
  }
  return { issue }
}

interface Page {
  readonly cookieverf: Uint8Array
  readonly reply: { readonly entries: unknown; readonly eof: boolean }
}

const asked = ({ cookie, cookieverf }: Slot) => ({ cookie, cookieverf })

/** By the names that nfsbench has for them. */
export const OPERATIONS: Readonly<Record<string, (work: Workplace) => Promise<Operation>>> = {
  null: async () => ({ issue: ({ client }) => client.null().then(done) }),
  getattr: (work) =>
    onFiles(work, ({ client }, object) => client.call(NFS3.GETATTR, GETATTR, { object })),
  access: (work) =>
    onFiles(work, ({ client }, object) =>
      client.call(NFS3.ACCESS, ACCESS, { object, access: ACCESS_ALL }),
    ),
  setattr: (work) =>
    onFiles(work, ({ client }, object) => {
      const args = { object, new_attributes: { mode: 0o600 }, guard: undefined }
      return client.call(NFS3.SETATTR, SETATTR, args)
    }),
  lookup: async (work) => {
    const { dir } = await work.files()
    const what = () => ({ what: { dir, name: name(`file${work.random(work.sizes.files)}`) } })
    return { issue: ({ client }) => client.call(NFS3.LOOKUP, LOOKUP, what()).then(done) }
  },
  read_rand: (work) => reads(work, SMALL_BYTES, false),
  read_seq: (work) => reads(work, MIB, true),
  write_rand: (work) => writes(work, StableHow.UNSTABLE),
  write_sync: (work) => writes(work, StableHow.FILE_SYNC),
  write_seq: writesInOrder,
  create: (work) =>
    makes(work, 'create', (client, dir, called) =>
      client.call(NFS3.CREATE, CREATE, { where: { dir, name: called }, how: GUARDED }),
    ),
  mkdir: (work) =>
    makes(work, 'mkdir', (client, dir, called) => {
      const args = { where: { dir, name: called }, attributes: { mode: 0o755 } }
      return client.call(NFS3.MKDIR, MKDIR, args)
    }),
  remove: async (work) =>
    removes(work, (client, dir, called) =>
      client.call(NFS3.REMOVE, REMOVE, { object: { dir, name: called } }),
    ),
  rmdir: async (work) =>
    removes(work, (client, dir, called) =>
      client.call(NFS3.RMDIR, RMDIR, { object: { dir, name: called } }),
    ),
  rename: renames,
  readdir: (work) =>
    lists(work, (slot, dir) =>
      slot.client.call(NFS3.READDIR, READDIR, { dir, ...asked(slot), count: LIST_BYTES }),
    ),
  readdirplus: (work) =>
    lists(work, (slot, dir) => {
      const counts = { dircount: LIST_BYTES, maxcount: LIST_BYTES }
      return slot.client.call(NFS3.READDIRPLUS, READDIRPLUS, { dir, ...asked(slot), ...counts })
    }),
}
