/** NFSv3 over one connection, as root: what the benchmarks' own clients call. */
import type { CreateHow, StableHow } from '../src/fs/filesystem.ts'
import { MOUNT_V3, mountres3_ok } from '../src/nfs/mount.ts'
import { nfsstat3 } from '../src/nfs/nfsstat3.ts'
import { COMMIT } from '../src/nfs/proc/commit.ts'
import { CREATE } from '../src/nfs/proc/create.ts'
import { LOOKUP } from '../src/nfs/proc/lookup.ts'
import { MKDIR } from '../src/nfs/proc/mkdir.ts'
import { WRITE } from '../src/nfs/proc/write.ts'
import { NFS_V3 } from '../src/nfs/program.ts'
import { RpcClient } from '../src/rpc/client.ts'
import { type Credential, MOUNT_PROGRAM, NFS_PROGRAM } from '../src/rpc/program.ts'
import { type Codec, opaque, uint32 } from '../src/xdr/codec.ts'

const ROOT: Credential = {
  ...{ flavor: 'AUTH_SYS' as const, stamp: 0, machinename: 'bench' },
  ...{ uid: 0, gid: 0, gids: [] },
}
const MNT = 1
const PATH_BYTES_MAX = 1024

/** The procedures by their numbers (RFC 1813 §3). */
export const NFS3 = {
  ...{ GETATTR: 1, SETATTR: 2, LOOKUP: 3, ACCESS: 4, READ: 6, WRITE: 7, CREATE: 8, MKDIR: 9 },
  ...{ REMOVE: 12, RMDIR: 13, RENAME: 14, READDIR: 16, READDIRPLUS: 17, COMMIT: 21 },
} as const

export const GUARDED: CreateHow = { mode: 'GUARDED', attributes: { mode: 0o644 } }

/** An nfsstat3 other than NFS3_OK. */
export class StatusError extends Error {
  readonly status: number
  constructor(status: number) {
    super(`the server answered status ${status}`)
    this.status = status
  }
}

/** What is behind NFS3_OK, or another status. */
function resultOf<R>(resok: Codec<R>): Codec<R | StatusError> {
  return {
    encode: () => undefined,
    decode(r) {
      const status = uint32.decode(r)
      if (status === nfsstat3.NFS3_OK) return resok.decode(r)
      return new StatusError(status)
    },
  }
}

async function okOf<R>(result: Promise<R | StatusError>): Promise<R> {
  const value = await result
  if (value instanceof StatusError) throw value
  return value
}

export const name = (text: string): Uint8Array => Buffer.from(text)

export class NfsClient {
  readonly #rpc: RpcClient

  static async connect(port: number, host = '127.0.0.1'): Promise<NfsClient> {
    const to = { transport: 'tcp', host, port } as const
    return new NfsClient(await RpcClient.connect(to, { credential: ROOT }))
  }

  private constructor(rpc: RpcClient) {
    this.#rpc = rpc
  }

  /** The handle of what is exported; it is asked for on the port of MOUNT. */
  async mount(path: string): Promise<Uint8Array> {
    const call = [MOUNT_PROGRAM, MOUNT_V3, MNT, opaque(PATH_BYTES_MAX)] as const
    const answer = this.#rpc.call(...call, name(path), resultOf(mountres3_ok))
    return (await okOf(answer)).fhandle.slice()
  }

  /** @throws StatusError */
  call<A, R>(
    number: number,
    { args, resok }: { readonly args: Codec<A>; readonly resok: Codec<R> },
    value: A,
  ): Promise<R> {
    return okOf(this.#rpc.call(NFS_PROGRAM, NFS_V3, number, args, value, resultOf(resok)))
  }

  async null(): Promise<void> {
    const nothing = { encode: () => undefined, decode: () => undefined }
    await this.#rpc.call(NFS_PROGRAM, NFS_V3, 0, nothing, undefined, nothing)
  }

  async lookup(dir: Uint8Array, of: string): Promise<Uint8Array> {
    const what = { what: { dir, name: name(of) } }
    return (await this.call(NFS3.LOOKUP, LOOKUP, what)).object.slice()
  }

  /** @returns its handle, also where it is there already */
  async mkdir(dir: Uint8Array, called: string): Promise<Uint8Array> {
    const args = { where: { dir, name: name(called) }, attributes: { mode: 0o755 } }
    await this.call(NFS3.MKDIR, MKDIR, args).catch(unlessExists)
    return this.lookup(dir, called)
  }

  async create(dir: Uint8Array, called: string): Promise<Uint8Array> {
    const args = { where: { dir, name: name(called) }, how: GUARDED }
    await this.call(NFS3.CREATE, CREATE, args).catch(unlessExists)
    return this.lookup(dir, called)
  }

  async write(file: Uint8Array, offset: number, data: Uint8Array, stable: StableHow) {
    const args = { file, offset, count: data.length, stable, data }
    return (await this.call(NFS3.WRITE, WRITE, args)).count
  }

  async commit(file: Uint8Array): Promise<void> {
    await this.call(NFS3.COMMIT, COMMIT, { file, offset: 0, count: 0 })
  }

  close(): Promise<void> {
    return this.#rpc.close()
  }
}

function unlessExists(error: unknown): void {
  if (error instanceof StatusError && error.status === nfsstat3.NFS3ERR_EXIST) return
  throw error
}
