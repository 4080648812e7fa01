/**
 * NFS and MOUNT as bytes: each call is encoded, dispatched as a connection would, and its reply
 * decoded to the last byte. Arguments lie in a buffer that is overwritten as soon as the dispatcher
 * returns, as a receive buffer is, so that whoever keeps a view of it is found out.
 */
import * as assert from 'uvu/assert'
import type { FileId, FileSystem } from '../../src/fs/filesystem.ts'
import { type ExportOptions, Exports } from '../../src/nfs/exports.ts'
import { FileHandles, HANDLE_KEY_BYTES } from '../../src/nfs/fhandle.ts'
import { mountPrograms } from '../../src/nfs/mount.ts'
import { Mounts } from '../../src/nfs/mounts.ts'
import { nfsstat3 } from '../../src/nfs/nfsstat3.ts'
import { ACCESS } from '../../src/nfs/proc/access.ts'
import { COMMIT } from '../../src/nfs/proc/commit.ts'
import { CREATE } from '../../src/nfs/proc/create.ts'
import { FSINFO } from '../../src/nfs/proc/fsinfo.ts'
import { FSSTAT } from '../../src/nfs/proc/fsstat.ts'
import { GETATTR } from '../../src/nfs/proc/getattr.ts'
import { LINK } from '../../src/nfs/proc/link.ts'
import { LOOKUP } from '../../src/nfs/proc/lookup.ts'
import { MKDIR } from '../../src/nfs/proc/mkdir.ts'
import { MKNOD } from '../../src/nfs/proc/mknod.ts'
import { PATHCONF } from '../../src/nfs/proc/pathconf.ts'
import { READ } from '../../src/nfs/proc/read.ts'
import { READDIR } from '../../src/nfs/proc/readdir.ts'
import { READDIRPLUS } from '../../src/nfs/proc/readdirplus.ts'
import { READLINK } from '../../src/nfs/proc/readlink.ts'
import { REMOVE } from '../../src/nfs/proc/remove.ts'
import { RENAME } from '../../src/nfs/proc/rename.ts'
import { RMDIR } from '../../src/nfs/proc/rmdir.ts'
import { SETATTR } from '../../src/nfs/proc/setattr.ts'
import { SYMLINK } from '../../src/nfs/proc/symlink.ts'
import { WRITE } from '../../src/nfs/proc/write.ts'
import type { Definition, Service } from '../../src/nfs/procedure.ts'
import { nfsProgram } from '../../src/nfs/program.ts'
import { CredentialReader, encodeCredential } from '../../src/rpc/auth.ts'
import { Dispatcher, type Peer } from '../../src/rpc/dispatch.ts'
import type { Caller, Credential, Program } from '../../src/rpc/program.ts'
import { XdrReader } from '../../src/xdr/reader.ts'
import { XdrWriter } from '../../src/xdr/writer.ts'
import { MemoryFs } from './memoryfs.ts'

/** RFC 1813 §3.3: written down again, so that a row out of place in the program's table shows. */
const PROCEDURES = {
  GETATTR: [1, GETATTR],
  SETATTR: [2, SETATTR],
  LOOKUP: [3, LOOKUP],
  ACCESS: [4, ACCESS],
  READLINK: [5, READLINK],
  READ: [6, READ],
  WRITE: [7, WRITE],
  CREATE: [8, CREATE],
  MKDIR: [9, MKDIR],
  SYMLINK: [10, SYMLINK],
  MKNOD: [11, MKNOD],
  REMOVE: [12, REMOVE],
  RMDIR: [13, RMDIR],
  RENAME: [14, RENAME],
  LINK: [15, LINK],
  READDIR: [16, READDIR],
  READDIRPLUS: [17, READDIRPLUS],
  FSSTAT: [18, FSSTAT],
  FSINFO: [19, FSINFO],
  PATHCONF: [20, PATHCONF],
  COMMIT: [21, COMMIT],
} as const
export type Name = keyof typeof PROCEDURES

type Types<K extends Name> =
  (typeof PROCEDURES)[K][1] extends Definition<infer A, infer R, infer F>
    ? { args: A; resok: R; resfail: F }
    : never
export type Args<K extends Name> = Types<K>['args']
export type Resok<K extends Name> = Types<K>['resok']
export type Resfail<K extends Name> = Types<K>['resfail']

export type Result<K extends Name> =
  | { readonly status: 0; readonly resok: Resok<K> }
  | { readonly status: number; readonly resfail: Resfail<K> }

export const LOCAL: Caller = { address: '127.0.0.1', port: 700, local: true, transport: 'tcp' }
export const REMOTE: Caller = { address: '192.0.2.7', port: 700, local: false, transport: 'tcp' }
export const as = (uid: number, gid = uid, gids: readonly number[] = []): Credential => ({
  ...{ flavor: 'AUTH_SYS', stamp: 1, machinename: 'test', uid, gid, gids },
})
export const bytes = (name: string) => new Uint8Array(Buffer.from(name))

/** accept_stat of a reply. */
export const GARBAGE_ARGS = 4
export const SYSTEM_ERR = 5

/** @typeParam F what is served: a tree in memory, unless it is given another file system */
export class Harness<F extends FileSystem = MemoryFs> {
  readonly fs: F
  readonly handles = new FileHandles(new Uint8Array(HANDLE_KEY_BYTES).fill(9))
  readonly reported: unknown[] = []
  readonly service: Service
  readonly mounts = new Mounts()
  readonly root: Uint8Array
  caller = LOCAL
  credential: Credential = as(0)
  argsOwned = false
  readonly #dispatcher: Dispatcher
  #xid = 0

  constructor(
    exports: readonly ExportOptions[] = [{ path: '/' }],
    fs: FileSystem = new MemoryFs(),
    others: (service: Service) => readonly Program[] = () => [],
  ) {
    this.fs = fs as F
    const { handles } = this
    const report = (error: unknown) => this.reported.push(error)
    this.service = { fs, handles, exports: new Exports(exports), report }
    const programs = [
      nfsProgram(this.service),
      ...mountPrograms(this.service, this.mounts),
      ...others(this.service),
    ]
    this.#dispatcher = new Dispatcher(programs, (error) => this.reported.push(error))
    this.root = handles.encode(fs.root())
  }

  handle(id: FileId): Uint8Array {
    return this.handles.encode(id)
  }

  /** One call; resolves with the reply's accept_stat and what follows it. */
  raw(prog: number, vers: number, proc: number, args: Uint8Array) {
    const w = new XdrWriter()
    const { body } = encodeCredential(this.credential)
    const flavor = this.credential.flavor === 'AUTH_NONE' ? 0 : 1
    for (const value of [++this.#xid, 0, 2, prog, vers, proc, flavor]) w.uint32(value)
    w.opaque(body)
    w.uint32(0)
    w.uint32(0)
    w.opaqueFixed(args)
    const record = Uint8Array.from(w.finish())
    const { caller, argsOwned } = this
    return new Promise<{ stat: number; r: XdrReader }>((resolve) => {
      const reply = new XdrWriter()
      const peer: Peer = {
        caller,
        credentials: new CredentialReader(),
        openReply: () => reply,
        closeReply(onSent) {
          const r = new XdrReader(Uint8Array.from(reply.finish()), 20)
          onSent?.()
          resolve({ stat: r.uint32(), r })
        },
        hold: () => undefined,
        release: () => undefined,
      }
      this.#dispatcher.dispatch(peer, new XdrReader(record), argsOwned ? record.length : 0)
      if (!argsOwned) record.fill(0xaa)
    })
  }

  async call<K extends Name>(name: K, args: Args<K>): Promise<Result<K>> {
    const [number, definition] = PROCEDURES[name]
    const { resok, resfail } = definition as Definition<unknown, unknown, unknown>
    const { stat, r } = await this.raw(100_003, 3, number, encodeArgs(name, args))
    assert.is(stat, 0, `accept_stat ${stat}`)
    const status = r.uint32()
    const body = (status === 0 ? resok : resfail).decode(r)
    assert.is(r.remaining, 0, 'bytes behind the results')
    return (status === 0 ? { status, resok: body } : { status, resfail: body }) as Result<K>
  }

  async ok<K extends Name>(name: K, args: Args<K>): Promise<Resok<K>> {
    const result = await this.call(name, args)
    if ('resok' in result) return result.resok
    throw new Error(`${name} is answered ${statusName(result.status)}`)
  }

  async fails<K extends Name>(
    name: K,
    args: Args<K>,
    status: keyof typeof nfsstat3,
  ): Promise<Resfail<K>> {
    const result = await this.call(name, args)
    assert.is(statusName(result.status), status, name)
    if ('resok' in result) throw new Error(`${name} is answered NFS3_OK`)
    return result.resfail
  }
}

/** The bytes of a procedure's arguments. */
export function encodeArgs<K extends Name>(name: K, args: Args<K>): Uint8Array {
  const w = new XdrWriter()
  const { args: codec } = PROCEDURES[name][1] as Definition<unknown, unknown, unknown>
  codec.encode(w, args)
  return w.finish()
}

function statusName(status: number): string {
  return Object.entries(nfsstat3).find(([, value]) => value === status)?.[0] ?? `${status}`
}
