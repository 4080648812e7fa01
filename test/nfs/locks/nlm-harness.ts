/** NLM as bytes over a lock manager of a test, on a tree in memory. */
import type { FsError } from '../../../src/fs/error.ts'
import type { ExportOptions } from '../../../src/nfs/exports.ts'
import { nlmPrograms } from '../../../src/nfs/locks/nlm-program.ts'
import {
  type NlmTypes,
  type NlmVersion,
  type nlm_reboot,
  nlmTypes,
} from '../../../src/nfs/locks/nlm-types.ts'
import type { Alock } from '../../../src/nfs/locks/request.ts'
import type { Codec, Infer } from '../../../src/xdr/codec.ts'
import { XdrReader } from '../../../src/xdr/reader.ts'
import { XdrWriter } from '../../../src/xdr/writer.ts'
import { bytes, Harness } from '../harness.ts'
import { LockWorld, statusName } from './world.ts'

export const COOKIE = Buffer.from('cookie')
const NLM = 100_021

/** A call that our program made to a client's lock manager. */
export interface Sent {
  readonly to: string
  readonly proc: number
  readonly body: Uint8Array
}

type Args<K extends keyof NlmTypes> = Infer<NlmTypes[K]>
type Bits = 0 | 1 | 2 | 3

export class NlmHarness {
  readonly world = new LockWorld()
  readonly sent: Sent[] = []
  readonly news: nlm_reboot[] = []
  readonly grantedRes: string[] = []
  readonly nfs: Harness
  /** Barriers that wait, where `held`. */
  readonly barriers: ((error?: FsError) => void)[] = []
  held = false
  vers: NlmVersion = 4

  constructor(exports: readonly ExportOptions[] = [{ path: '/' }]) {
    const { world } = this
    const journal = {
      save: world.journal.save.bind(world.journal),
      barrier: (done: (error?: FsError) => void) => {
        if (this.held) this.barriers.push(done)
        else world.journal.barrier(done)
      },
    }
    this.nfs = new Harness(exports, undefined, (service) =>
      nlmPrograms({
        service,
        manager: world.manager,
        journal,
        send: ({ address, vers }, proc, codec, args) =>
          this.sent.push({ to: `${address} v${vers}`, proc, body: encode(codec, args) }),
        onGrantedRes: (cookie, status) =>
          this.grantedRes.push(`${Buffer.from(cookie)} ${statusName(status)}`),
        onNews: (news) => this.news.push(news),
      }),
    )
  }

  /** The handle of a new file. */
  async file(name: string, mode = 0o644): Promise<Uint8Array> {
    const how = { mode: 'GUARDED' as const, attributes: { mode } }
    const made = await this.nfs.ok('CREATE', {
      where: { dir: this.nfs.root, name: bytes(name) },
      how,
    })
    return made.obj ?? new Uint8Array(0)
  }

  /** accept_stat, and what follows. */
  raw(proc: number, args: Uint8Array) {
    return this.nfs.raw(NLM, this.vers, proc, args)
  }

  async #call<A, R>(proc: number, args: Codec<A>, value: A, results: Codec<R>): Promise<R> {
    const { stat, r } = await this.raw(proc, encode(args, value))
    if (stat !== 0) throw new Error(`accept_stat ${stat}`)
    const result = results.decode(r)
    if (r.remaining > 0) throw new Error(`${r.remaining} bytes behind the results`)
    return result
  }

  alock(fh: Uint8Array, who: string, l_offset = 0n, l_len = 10n): Alock {
    const [name = '', svid = '1'] = who.split(':')
    return {
      caller_name: name,
      fh,
      oh: bytes(`${svid}@${name}`),
      svid: Number(svid),
      l_offset,
      l_len,
    }
  }

  lockArgs(alock: Alock, more: Partial<Args<'lockargs'>> = {}): Args<'lockargs'> {
    const plain = { block: false, exclusive: true, reclaim: false, state: 1 }
    return { cookie: COOKIE, alock, ...plain, ...more }
  }

  async lock(alock: Alock, more: Partial<Args<'lockargs'>> = {}, proc = 2): Promise<string> {
    const { lockargs, res } = nlmTypes(this.vers)
    const args = this.lockArgs(alock, more)
    return statusName((await this.#call(proc, lockargs, args, res)).status)
  }

  async unlock(alock: Alock): Promise<string> {
    const { unlockargs, res } = nlmTypes(this.vers)
    return statusName((await this.#call(4, unlockargs, { cookie: COOKIE, alock }, res)).status)
  }

  async cancel(alock: Alock): Promise<string> {
    const { cancargs, res } = nlmTypes(this.vers)
    const args = { cookie: COOKIE, block: true, exclusive: true, alock }
    return statusName((await this.#call(3, cancargs, args, res)).status)
  }

  test(alock: Alock, exclusive = true) {
    const { testargs, testres } = nlmTypes(this.vers)
    return this.#call(1, testargs, { cookie: COOKIE, exclusive, alock }, testres)
  }

  async share(who: string, fh: Uint8Array, access: Bits, mode: Bits, proc = 20) {
    const { shareargs, shareres } = nlmTypes(this.vers)
    const { caller_name, oh } = this.alock(fh, who)
    const share = { caller_name, fh, oh, mode, access }
    const args = { cookie: COOKIE, share, reclaim: false }
    return statusName((await this.#call(proc, shareargs, args, shareres)).status)
  }
}

export function encode<A>(codec: Codec<A>, value: A): Uint8Array {
  const w = new XdrWriter()
  codec.encode(w, value)
  return Uint8Array.from(w.finish())
}

export function decode<A>(codec: Codec<A>, body: Uint8Array): A {
  return codec.decode(new XdrReader(body))
}
