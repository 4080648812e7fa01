/** NFSv3 as a client speaks it: procedures over one connection, and a look at a whole tree. */
import { createHash, randomInt } from 'node:crypto'
import { type Attributes, FileType, IO_BYTES_MAX } from '../../src/fs/filesystem.ts'
import { MOUNT_V3, mountres3_ok } from '../../src/nfs/mount.ts'
import { nfsstat3 } from '../../src/nfs/nfsstat3.ts'
import { COMMIT } from '../../src/nfs/proc/commit.ts'
import { CREATE } from '../../src/nfs/proc/create.ts'
import { GETATTR } from '../../src/nfs/proc/getattr.ts'
import { LINK } from '../../src/nfs/proc/link.ts'
import { LOOKUP } from '../../src/nfs/proc/lookup.ts'
import { MKDIR } from '../../src/nfs/proc/mkdir.ts'
import { READ } from '../../src/nfs/proc/read.ts'
import { READDIRPLUS } from '../../src/nfs/proc/readdirplus.ts'
import { READLINK } from '../../src/nfs/proc/readlink.ts'
import { REMOVE } from '../../src/nfs/proc/remove.ts'
import { RENAME } from '../../src/nfs/proc/rename.ts'
import { RMDIR } from '../../src/nfs/proc/rmdir.ts'
import { SETATTR } from '../../src/nfs/proc/setattr.ts'
import { SYMLINK } from '../../src/nfs/proc/symlink.ts'
import { WRITE } from '../../src/nfs/proc/write.ts'
import type { Definition } from '../../src/nfs/procedure.ts'
import { NFS_V3 } from '../../src/nfs/program.ts'
import { RpcClient } from '../../src/rpc/client.ts'
import { MOUNT_PROGRAM, NFS_PROGRAM } from '../../src/rpc/program.ts'
import { type Codec, opaque, uint32 } from '../../src/xdr/codec.ts'
import type { Found } from './expect.ts'

const ROOT = {
  flavor: 'AUTH_SYS',
  stamp: 0,
  machinename: 'crash',
  uid: 0,
  gid: 0,
  gids: [],
} as const
/** Bytes of a READDIRPLUS reply that are asked for: so few that a directory takes several. */
const READDIR_BYTES = 4096
/** RFC 1813 §5.2.1. */
const MOUNTPROC3_MNT = 1

/** The size of a file that only takes room, and that nobody reads. */
export const FILLER_BYTES = 14_345_678

export type Handle = Uint8Array

/** A status other than NFS3_OK. */
export class NfsError extends Error {
  readonly status: string
  constructor(what: string, status: number) {
    const name = Object.entries(nfsstat3).find(([, value]) => value === status)?.[0]
    super(`${what} answered ${name ?? status}`)
    this.status = name ?? String(status)
  }
}

/** A result of which only NFS3_OK is decoded; otherwise its status. */
function okOf<R>(resok: Codec<R>): Codec<R | Status> {
  return {
    encode: () => undefined,
    decode(r) {
      const status = uint32.decode(r)
      return status === nfsstat3.NFS3_OK ? resok.decode(r) : new Status(status)
    },
  }
}

class Status {
  readonly status: number
  constructor(status: number) {
    this.status = status
  }
}

/** @throws NfsError where it is no NFS3_OK */
function ok<R>(what: string, result: R | Status): R {
  if (result instanceof Status) throw new NfsError(what, result.status)
  return result
}

/** Does what is asked of a server; `what` is the name of the procedure, or of the operation. */
export type Around = <T>(what: string, ask: () => Promise<T>) => Promise<T>

const directly: Around = (_, ask) => ask()

export class Nfs {
  readonly #client: RpcClient
  readonly #around: Around

  private constructor(client: RpcClient, around: Around) {
    this.#client = client
    this.#around = around
  }

  static async connect(host: string, port: number, around = directly): Promise<Nfs> {
    // As a real client: one that always began with the same xid would be taken for its former self.
    const options = { credential: ROOT, firstXid: randomInt(2 ** 32) }
    return new Nfs(await RpcClient.connect({ transport: 'tcp', host, port }, options), around)
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  /** The handle of the export's root. */
  async mount(): Promise<Handle> {
    const what = [MOUNT_PROGRAM, MOUNT_V3, MOUNTPROC3_MNT] as const
    const results = okOf(mountres3_ok)
    const result = await this.#client.call(...what, opaque(1024), Buffer.from('/'), results)
    return ok('MNT', result).fhandle.slice()
  }

  #proc<A, R, F>(name: string, number: number, { args, resok }: Definition<A, R, F>) {
    const results = okOf(resok)
    const call = (given: A) => this.#client.call(NFS_PROGRAM, NFS_V3, number, args, given, results)
    return async (given: A): Promise<R> => ok(name, await this.#around(name, () => call(given)))
  }

  readonly getattr = this.#proc('GETATTR', 1, GETATTR)
  readonly setattr = this.#proc('SETATTR', 2, SETATTR)
  readonly lookup = this.#proc('LOOKUP', 3, LOOKUP)
  readonly readlink = this.#proc('READLINK', 5, READLINK)
  readonly read = this.#proc('READ', 6, READ)
  readonly write = this.#proc('WRITE', 7, WRITE)
  readonly create = this.#proc('CREATE', 8, CREATE)
  readonly mkdir = this.#proc('MKDIR', 9, MKDIR)
  readonly symlink = this.#proc('SYMLINK', 10, SYMLINK)
  readonly remove = this.#proc('REMOVE', 12, REMOVE)
  readonly rmdir = this.#proc('RMDIR', 13, RMDIR)
  readonly rename = this.#proc('RENAME', 14, RENAME)
  readonly link = this.#proc('LINK', 15, LINK)
  readonly readdirplus = this.#proc('READDIRPLUS', 17, READDIRPLUS)
  readonly commit = this.#proc('COMMIT', 21, COMMIT)

  /** The handle that a path leads to. @throws NfsError NFS3ERR_NOENT */
  async walk(from: Handle, path: string): Promise<Handle> {
    let at = from
    for (const part of path.split('/').filter((name) => name !== '')) {
      const { object } = await this.lookup({ what: { dir: at, name: Buffer.from(part) } })
      at = object.slice()
    }
    return at
  }

  /** All bytes of a file. */
  async readAll(file: Handle): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    for (let offset = 0; ; ) {
      const { data, eof } = await this.read({ file, offset, count: IO_BYTES_MAX })
      pieces.push(data)
      offset += data.length
      if (eof) return new Uint8Array(Buffer.concat(pieces))
      if (data.length === 0) throw new Error('READ answered nothing before the end of the file')
    }
  }

  /** Everything below a directory, data included. */
  async look(handle: Handle): Promise<Found> {
    const { obj_attributes } = await this.getattr({ object: handle })
    return this.#look(handle, obj_attributes, new Map())
  }

  async #look(handle: Handle, attributes: Attributes, seen: Map<number, Found>): Promise<Found> {
    const known = seen.get(attributes.fileid)
    if (known !== undefined) return known
    const names = new Map<string, Found>()
    const body = { data: new Uint8Array(0) as Uint8Array | string, target: '' }
    const found = Object.assign(body, {
      ...{ attributes, names, handle: Buffer.from(handle).toString('hex') },
    })
    seen.set(attributes.fileid, found)
    if (attributes.type === FileType.REG && attributes.size !== FILLER_BYTES) {
      body.data = await this.readAll(handle).catch((error: unknown) => {
        if (error instanceof NfsError && error.status === 'NFS3ERR_IO') return error.message
        throw error
      })
    }
    if (attributes.type === FileType.LNK) {
      body.target = Buffer.from((await this.readlink({ symlink: handle })).data).toString()
    }
    if (attributes.type === FileType.DIR) {
      for (const [name, at] of await this.#list(handle)) {
        const { obj_attributes } = await this.getattr({ object: at })
        names.set(name, await this.#look(at, obj_attributes, seen))
      }
    }
    return found
  }

  async #list(dir: Handle): Promise<Map<string, Handle>> {
    const names = new Map<string, Handle>()
    for (let cookie = 0; ; ) {
      const counts = { dircount: READDIR_BYTES, maxcount: READDIR_BYTES }
      const asked = { dir, cookie, cookieverf: new Uint8Array(8), ...counts }
      const { reply } = await this.readdirplus(asked)
      if (!Array.isArray(reply.entries)) throw new Error('a list of entries is an array')
      for (const { name, name_handle, cookie: next } of reply.entries) {
        const text = Buffer.from(name).toString()
        cookie = next
        if (text === '.' || text === '..') continue
        if (name_handle === undefined) throw new Error(`READDIRPLUS has no handle for ${text}`)
        if (names.has(text)) throw new Error(`READDIRPLUS lists ${text} twice`)
        names.set(text, name_handle.slice())
      }
      if (reply.eof) return names
    }
  }
}

/** A tree in one text, a line for each name: all attributes, handles, and what the data hashes to. */
export function manifest(found: Found, path = '/'): string {
  const { attributes, handle, data, target, names } = found
  const hash =
    typeof data === 'string' ? data : createHash('sha256').update(data).digest('hex').slice(0, 16)
  const line = `${path} ${JSON.stringify(attributes)} ${handle} ${hash} ${target}`
  const below = [...names].map(([name, child]) => manifest(child, `${path}${name}/`))
  return [line, ...below].join('\n')
}
