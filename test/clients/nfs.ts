/** What every client does first, over one Line: mount, look around, make something. */
import * as assert from 'uvu/assert'
import { call, encode, type Item, Reply, sys } from './bytes.ts'
import type { Line } from './serving.ts'

export const [NFS, MOUNT, NLM, PORTMAP] = [100_003, 100_005, 100_021, 100_000]
export const NULL = 0
export const [GETATTR, SETATTR, LOOKUP, ACCESS] = [1, 2, 3, 4]
export const [READ, WRITE, CREATE, MKDIR] = [6, 7, 8, 9]
export const [REMOVE, RENAME, READDIR, READDIRPLUS] = [12, 14, 16, 17]
export const [FSSTAT, FSINFO, PATHCONF, COMMIT] = [18, 19, 20, 21]
export const [MNT, DUMP, UMNT, UMNTALL, EXPORT] = [1, 2, 3, 4, 5]
/** accept_stat */
export const [SUCCESS, PROG_UNAVAIL, PROG_MISMATCH, PROC_UNAVAIL] = [0, 1, 2, 3]
export const SYSTEM_ERR = 5

/** A client with a credential, that counts its xids. */
export class Client {
  readonly #line: Line
  readonly credential: readonly Item[]
  xid: number

  constructor(line: Line, credential: readonly Item[] = sys(0, 0), xid = 100) {
    this.#line = line
    this.credential = credential
    this.xid = xid
  }

  /** The reply behind accept_stat SUCCESS. */
  async ask(target: readonly [number, number, number], ...args: readonly Item[]): Promise<Reply> {
    const xid = ++this.xid
    const reply = new Reply(await this.#line.call(call(xid, target, this.credential, ...args)))
    assert.is(reply.accepted(xid), SUCCESS, `accept_stat of ${target}`)
    return reply
  }

  /** accept_stat and what follows it, in words. */
  async told(target: readonly [number, number, number], ...args: readonly Item[]) {
    const xid = ++this.xid
    const reply = new Reply(await this.#line.call(call(xid, target, this.credential, ...args)))
    const stat = reply.accepted(xid)
    return [stat, ...reply.words(reply.left / 4)]
  }

  /** A call of NFS: the reply behind NFS3_OK, or behind the status that is given. */
  async nfs(proc: number, args: readonly Item[], status = 0): Promise<Reply> {
    const reply = await this.ask([NFS, 3, proc], ...args)
    assert.is(reply.word(), status, `status of procedure ${proc}`)
    return reply
  }

  /** The handle of a path. */
  async mount(path: string): Promise<Buffer> {
    const reply = await this.ask([MOUNT, 3, MNT], path)
    assert.is(reply.word(), 0, `status of MNT ${path}`)
    return reply.opaque()
  }

  /** CREATE GUARDED with a mode alone. */
  async create(dir: Uint8Array, name: string, mode = 0o644): Promise<Buffer> {
    const reply = await this.nfs(CREATE, [dir, name, 1, ...withMode(mode)])
    assert.is(reply.word(), 1, 'a handle comes with it')
    return reply.opaque()
  }
}

/** sattr3 with a mode and nothing else. */
export function withMode(mode: number): number[] {
  return [1, mode, 0, 0, 0, 0, 0]
}

/** The two handles and names of RENAME, or the one of REMOVE. */
export const at = (dir: Uint8Array, name: string): Item[] => [dir, name]

export const ZERO8 = { raw: encode(0, 0) }
