/**
 * How an NFSv3 procedure is answered: the one place where errors become statuses, where handles
 * become files, and where a reply waits for the disk.
 *
 *     args decoded -> run ──────── throws ──────────────────────┐
 *                      │                                        │
 *                      ├─ a promise (cold disk): settles ───────┤
 *                      │                                        │
 *                      └─ call.waits: fs.barrier ── fails ──────┤
 *                                     │                         │
 *                            NFS3_OK, resok         the status, resfail
 *
 * Invariants:
 *
 * 1. Arguments are views of a receive buffer, valid until `run` returns. What is needed later is
 *    kept in the Call: the FileIds, the Cred, the result.
 * 2. Nothing is written before it is known which of the two replies it is.
 * 3. A failure changed nothing, so one look at an object is before and after in its wcc_data. Where
 *    that is not known (the barrier failed, or a bug struck), `before` is left out, and the client
 *    drops what it had cached.
 */
import assert from 'node:assert/strict'
import { FsError } from '../fs/error.ts'
import {
  type Attributes,
  type Awaitable,
  type Cred,
  type FileId,
  type FileSystem,
  IO_BYTES_MAX,
} from '../fs/filesystem.ts'
import type { CallContext, Procedure, Reply } from '../rpc/program.ts'
import type { Codec } from '../xdr/codec.ts'
import { Span } from '../xdr/reader.ts'
import { XdrWriter } from '../xdr/writer.ts'
import type { Export, Exports } from './exports.ts'
import type { FileHandles } from './fhandle.ts'
import { nfsstat3, statusOf } from './nfsstat3.ts'
import type { HandleArgument, wcc_data } from './types.ts'

/** Results of what is done once are a few hundred bytes. */
const encoder = new XdrWriter(1024)

/**
 * Most bytes of data, or of a directory, in a reply over UDP: as many as the Linux server gives. A
 * datagram carries twice as much, but it is lost when one of its many fragments is.
 */
export const DATAGRAM_IO_BYTES_MAX = 32 * 1024

/** What the programs of this folder need from the rest of the server. */
export interface Service {
  readonly fs: FileSystem
  readonly handles: FileHandles
  readonly exports: Exports
  /** Is told of what no client can cause: a bug of ours. */
  readonly report: (error: unknown) => void
}

/** One procedure, without the machinery. `A` arguments, `R` its resok, `F` its resfail. */
export interface Definition<A, R, F> {
  readonly args: Codec<A>
  readonly resok: Codec<R>
  readonly resfail: Codec<F>
  /** True where it changes something: refused in a read-only export, waits in a `sync` one. */
  readonly changes: boolean
  /**
   * True where doing it twice is not the same as doing it once: it comes to the same end, and the
   * same answer, however often its call arrives. Its `run` answers at once.
   */
  readonly once?: true
  /** Does the work. What it throws becomes the status. */
  run(call: Call, args: A): Awaitable<R>
  /** The rest of the reply after a failure. Must not throw. */
  fail(call: Call): F
}

/** Gives a Definition its types, which all follow from its codecs. */
export function define<A, R, F>(definition: Definition<A, R, F>): Definition<A, R, F> {
  return definition
}

/** One call on its way through a procedure. */
export class Call {
  readonly service: Service
  readonly fs: FileSystem
  readonly context: CallContext
  readonly reply: Reply
  readonly #changes: boolean
  #cred: Cred | undefined = undefined
  /** Whether its export is read-only. */
  readOnly = false
  /** The file of the first handle; undefined where it is none, or not for this caller. */
  id: FileId | undefined = undefined
  /** The file of the second handle (RENAME, LINK). */
  other: FileId | undefined = undefined
  /** Whether the reply waits for everything done so far to be on stable storage. */
  waits = false
  /** Runs when the reply's bytes are out. */
  onSent: (() => void) | undefined = undefined
  /** False once a failure may have left a change behind. */
  unchanged = true

  constructor(service: Service, context: CallContext, reply: Reply, changes: boolean) {
    this.service = service
    this.fs = service.fs
    this.context = context
    this.reply = reply
    this.#changes = changes
  }

  /** Most bytes that one reply brings, of a file or of a directory. */
  get bytesMax(): number {
    return this.context.caller.transport === 'udp' ? DATAGRAM_IO_BYTES_MAX : IO_BYTES_MAX
  }

  /** As whom it acts: known once `file` or `files` have told which export it is about. */
  get cred(): Cred {
    assert(this.#cred !== undefined, 'cred is known once a handle was given')
    return this.#cred
  }

  /** The file of the call's only handle. @throws FsError BADHANDLE, STALE, ACCES, ROFS */
  file(handle: HandleArgument): FileId {
    const id = this.#named(handle)
    const from = this.#admit(id)
    this.id = id
    this.#changeIn(from)
    return id
  }

  /** The files of a call with two handles: the first is known even where the second is bad. */
  files(first: HandleArgument, second: HandleArgument): [FileId, FileId] {
    const id = this.#named(first)
    const from = this.#admit(id)
    this.id = id
    const other = this.#named(second)
    const to = this.#admit(other)
    this.other = other
    this.#changeIn(from)
    this.#changeIn(to)
    return [id, other]
  }

  handleOf(id: FileId): Uint8Array {
    return this.service.handles.encode(id)
  }

  /** post_op_attr of a file; undefined where there is none. */
  attributesOf(id: FileId | undefined): Attributes | undefined {
    if (id === undefined) return undefined
    try {
      return this.fs.getattr(id)
    } catch (error) {
      // Any FsError: the attributes are optional, and the reply has its status already.
      if (!(error instanceof FsError)) this.service.report(error)
      return undefined
    }
  }

  /** wcc_data of a file after a failure. */
  wccOf(id: FileId | undefined): wcc_data {
    const after = this.attributesOf(id)
    return { before: this.unchanged ? after : undefined, after }
  }

  #named(handle: HandleArgument): FileId {
    const { handles } = this.service
    if (!(handle instanceof Span)) return handles.decode(handle)
    return handles.decode(handle.bytes, handle.at, handle.length)
  }

  #admit(id: FileId): Export {
    const { caller, credential } = this.context
    const found = this.service.exports.of(id.dataset)
    // As the Linux server answers for what is exported no more.
    if (found === undefined) throw new FsError('STALE')
    if (!found.admits(caller)) throw new FsError('ACCES')
    this.#cred = found.credOf(caller, credential)
    this.readOnly = found.readOnly
    return found
  }

  #changeIn(from: Export): void {
    if (!this.#changes) return
    if (from.readOnly) throw new FsError('ROFS')
    if (from.sync || this.fs.behind) this.waits = true
  }
}

/** The RPC procedure that answers by a definition. */
export function procedure<A, R, F>(
  service: Service,
  definition: Definition<A, R, F>,
): Procedure<A> {
  return {
    args: definition.args,
    once: definition.once === true,
    handle(context, args, reply) {
      const call = new Call(service, context, reply, definition.changes)
      if (definition.once) {
        runOnce(definition, call, args)
        return
      }
      let result: Awaitable<R>
      try {
        result = definition.run(call, args)
      } catch (error) {
        refuse(definition, call, error)
        return
      }
      if (result instanceof Promise) {
        result.then(
          (later) => settle(definition, call, later),
          (error) => refuse(definition, call, error),
        )
      } else settle(definition, call, result)
    },
  }
}

/** Encoded at once, the results are part of the change; they leave when that is as safe. */
function runOnce<A, R, F>(definition: Definition<A, R, F>, call: Call, args: A): void {
  try {
    call.context.once(() => {
      const result = definition.run(call, args)
      assert(!(result instanceof Promise), 'what is done once is done in one turn')
      return encodeOk(definition.resok, result)
    })
  } catch (error) {
    refuse(definition, call, error)
    return
  }
  if (!call.waits) {
    call.reply.answerOnce()
    return
  }
  call.fs.barrier((error) => {
    if (error === undefined) call.reply.answerOnce()
    else refuseUnsafe(definition, call)
  })
}

/** Valid until the next one is encoded. */
function encodeOk<R>(resok: Codec<R>, result: R): Uint8Array {
  encoder.reset()
  encoder.uint32(nfsstat3.NFS3_OK)
  resok.encode(encoder, result)
  return encoder.written()
}

/** The work is done: answers, once what was done is as safe as the reply says. */
function settle<A, R, F>(definition: Definition<A, R, F>, call: Call, result: R): void {
  if (call.waits) {
    call.fs.barrier((error) => {
      if (error === undefined) send(call, nfsstat3.NFS3_OK, definition.resok, result)
      else refuseUnsafe(definition, call)
    })
  } else send(call, nfsstat3.NFS3_OK, definition.resok, result)
}

/** The work is done, but may not outlive the server. */
function refuseUnsafe<A, R, F>(definition: Definition<A, R, F>, call: Call): void {
  call.unchanged = false
  send(call, nfsstat3.NFS3ERR_IO, definition.resfail, definition.fail(call))
}

function refuse<A, R, F>(definition: Definition<A, R, F>, call: Call, error: unknown): void {
  if (!(error instanceof FsError)) call.unchanged = false
  const status = statusOf(error, call.service.report)
  send(call, status, definition.resfail, definition.fail(call))
}

/** Writes a whole reply. A body that cannot be encoded is a bug: SYSTEM_ERR takes its place. */
function send<T>(call: Call, status: nfsstat3, body: Codec<T>, value: T): void {
  const w = call.reply.begin()
  try {
    w.uint32(status)
    body.encode(w, value)
  } catch (error) {
    call.service.report(error)
    call.reply.fail()
    call.onSent?.()
    return
  }
  call.reply.end(call.onSent)
}
