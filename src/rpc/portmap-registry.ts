/**
 * What listens where on this host, as clients may ask the portmapper for it.
 *
 * Two layers: what we serve ourselves, and what other programs of this host SET. Invariants:
 *
 * 1. A program that we serve is ours in every version and on every transport. Nothing that others
 *    SET or UNSET changes an answer about it, or adds one.
 * 2. NLM and NSM of this host's kernel and statd are remembered even while we serve those programs:
 *    the client's lockd has to be told TRUE or its mount fails ("access denied by server"), and
 *    what it SET is where it waits for NLM4_GRANTED. Only `peer` tells it.
 * 3. What was SET from a privileged port is replaced and removed from a privileged port only, and a
 *    part of the room is kept for it, so no ordinary user can push lockd or statd aside.
 * 4. The number of foreign registrations is bounded; the length of their texts is the codec's.
 */

import { RPCBSTAT_HIGHPROC, RPCBVERS_STAT } from './portmap-wire.ts'
import { NLM_PROG, SM_PROG } from './program.ts'
import type { Endpoint, Netid } from './rpcbind-address.ts'

/** Most registrations that other programs of this host may hold together. */
export const FOREIGN_REGISTRATIONS_MAX = 256
/** Most of those that may come from unprivileged ports. */
export const UNPRIVILEGED_REGISTRATIONS_MAX = 128

/** Programs whose registration by this host's kernel and statd we take even when we serve them. */
const HOST_PROGRAMS: ReadonlySet<number> = new Set([NLM_PROG, SM_PROG])

/** One version of one program on one transport, at one endpoint. */
export interface Registration extends Endpoint {
  readonly prog: number
  readonly vers: number
  readonly netid: Netid
  /** Who registered it, for people who read a listing. */
  readonly owner: string
}

/** Who asks for a change: a caller of this host, from a port below 1024 or not. */
export interface Registrant {
  readonly privileged: boolean
}

interface Foreign {
  readonly registration: Registration
  readonly privileged: boolean
}

const keyOf = (prog: number, vers: number, netid: Netid) => `${prog}.${vers}.${netid}`

export class PortRegistry {
  readonly #onPeer: () => void
  readonly #own: Registration[] = []
  readonly #foreign = new Map<string, Foreign>()
  #unprivileged = 0

  /** Calls answered, for RPCBPROC_GETSTAT: by version (2, 3, 4), then by procedure. */
  readonly calls: readonly Uint32Array[] = Array.from(
    { length: RPCBVERS_STAT },
    () => new Uint32Array(RPCBSTAT_HIGHPROC),
  )

  /** @param onPeer runs when this host's kernel or statd has told where it is, or is no longer */
  constructor(onPeer: () => void = () => undefined) {
    this.#onPeer = onPeer
  }

  /** Adds what we serve. Several endpoints of one program, version and netid are several entries. */
  serve(registrations: Iterable<Registration>): void {
    this.#own.push(...registrations)
  }

  /** RPCBPROC_SET by another program of this host: true when it was taken. */
  set(registrant: Registrant, registration: Registration): boolean {
    const { prog, vers, netid } = registration
    if (this.#serves(prog) && !HOST_PROGRAMS.has(prog)) return false
    const key = keyOf(prog, vers, netid)
    const old = this.#foreign.get(key)
    if (old === undefined ? !this.#hasRoom(registrant) : !mayChange(registrant, old)) return false
    this.#remove(key)
    this.#foreign.set(key, { registration, privileged: registrant.privileged })
    if (!registrant.privileged) this.#unprivileged++
    if (HOST_PROGRAMS.has(prog)) this.#onPeer()
    return true
  }

  /**
   * RPCBPROC_UNSET by another program of this host.
   *
   * @param netid undefined for all
   * @returns true when nothing that others registered is left of it, also when nothing was; false
   *   when it is ours or was registered with more privilege. rpcbind answers the same. lockd and
   *   statd begin with an UNSET and get true for their programs, whether we serve these or not.
   */
  unset(registrant: Registrant, prog: number, vers: number, netid?: Netid): boolean {
    if (this.#serves(prog) && !HOST_PROGRAMS.has(prog)) return false
    const keys = [...this.#foreign.keys()].filter((key) =>
      netid === undefined ? key.startsWith(`${prog}.${vers}.`) : key === keyOf(prog, vers, netid),
    )
    const old = keys.map((key) => this.#foreign.get(key))
    if (old.some((entry) => entry !== undefined && !mayChange(registrant, entry))) return false
    for (const key of keys) this.#remove(key)
    if (HOST_PROGRAMS.has(prog)) this.#onPeer()
    return true
  }

  /**
   * Where `prog` is to be reached on `netid`. Where that very version is not registered, another
   * version's endpoints, as rpcbind answers: clients learn from the PROG_MISMATCH there which
   * versions exist (rpcinfo asks for version 0 on purpose). Empty where there is none.
   */
  find(prog: number, vers: number, netid: Netid): readonly Registration[] {
    const exact = this.findVersion(prog, vers, netid)
    if (exact.length > 0) return exact
    const other = this.#of(prog).filter((entry) => entry.netid === netid)
    return other.filter((entry) => entry.vers === other[0]?.vers)
  }

  /** As `find`, of that very version only. */
  findVersion(prog: number, vers: number, netid: Netid): readonly Registration[] {
    return this.#of(prog).filter((entry) => entry.vers === vers && entry.netid === netid)
  }

  /** All that clients may know, ours first. */
  entries(): readonly Registration[] {
    const foreign = [...this.#foreign.values()].map(({ registration }) => registration)
    return [...this.#own, ...foreign.filter(({ prog }) => !this.#serves(prog))]
  }

  /** What another program of this host SET, also where we serve that program ourselves. */
  peer(prog: number, vers: number, netid: Netid): Registration | undefined {
    return this.#foreign.get(keyOf(prog, vers, netid))?.registration
  }

  /** All that other programs of this host SET for one program. */
  peers(prog: number): readonly Registration[] {
    const foreign = [...this.#foreign.values()].map(({ registration }) => registration)
    return foreign.filter((entry) => entry.prog === prog)
  }

  #serves(prog: number): boolean {
    return this.#own.some((entry) => entry.prog === prog)
  }

  #of(prog: number): readonly Registration[] {
    return this.entries().filter((entry) => entry.prog === prog)
  }

  #hasRoom(registrant: Registrant): boolean {
    if (this.#foreign.size >= FOREIGN_REGISTRATIONS_MAX) return false
    return registrant.privileged || this.#unprivileged < UNPRIVILEGED_REGISTRATIONS_MAX
  }

  #remove(key: string): void {
    if (this.#foreign.get(key)?.privileged === false) this.#unprivileged--
    this.#foreign.delete(key)
  }
}

const mayChange = (registrant: Registrant, entry: Foreign) =>
  registrant.privileged || !entry.privileged
