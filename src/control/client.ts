/** Operations asked of a running server, over its control socket. */
import { FsError } from '../fs/error.ts'
import { RpcClient, RpcError } from '../rpc/client.ts'
import { type Codec, uint32, uint64, voidType } from '../xdr/codec.ts'
import type {
  DeletedEntry,
  DeletedRequest,
  DiffEntry,
  DiffRequest,
  FileVersion,
} from './history.ts'
import * as history from './history-types.ts'
import type {
  CheckReport,
  EntryInfo,
  Listing,
  Operations,
  Piece,
  RestoreProgress,
  RestoreRequest,
  RestoreSummary,
  SnapshotInfo,
  Status,
} from './operations.ts'
import { controlSocketPath } from './socket.ts'
import type { StreamPage } from './streams.ts'
import * as wire from './types.ts'

/** Nothing that is asked here takes longer, unless the server's disk hangs. */
const CALL_TIMEOUT_MS = 120_000

/** There is no server at the socket any more, or it does not speak this version. */
export class ServerGone extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ServerGone'
  }
}

export class RemoteOperations implements Operations {
  readonly #client: RpcClient

  /**
   * @throws the system's error where no server listens (ENOENT, ECONNREFUSED) or may be asked
   *   (EACCES), SocketError where the socket's path is too long
   */
  static async connect(directory: string): Promise<RemoteOperations> {
    const { path, release } = await controlSocketPath(directory)
    try {
      const options = { timeoutMs: CALL_TIMEOUT_MS }
      return new RemoteOperations(await RpcClient.connect({ transport: 'unix', path }, options))
    } finally {
      await release()
    }
  }

  private constructor(client: RpcClient) {
    this.#client = client
  }

  status(): Promise<Status> {
    return this.#call(wire.CONTROLPROC.STATUS, voidType, undefined, wire.status)
  }

  createSnapshot(name: string): Promise<SnapshotInfo> {
    const { SNAPSHOT_CREATE } = wire.CONTROLPROC
    return this.#call(SNAPSHOT_CREATE, wire.snapshotName, name, wire.snapshotInfo)
  }

  async listSnapshots(): Promise<readonly SnapshotInfo[]> {
    const { SNAPSHOT_LIST } = wire.CONTROLPROC
    const all: SnapshotInfo[] = []
    for (let more = true; more; ) {
      const page = await this.#call(SNAPSHOT_LIST, uint64, all.at(-1)?.id ?? 0, wire.snapshotPage)
      all.push(...page.snapshots)
      more = page.more
    }
    return all
  }

  async deleteSnapshot(name: string): Promise<void> {
    const { SNAPSHOT_DELETE, SNAPSHOT_DELETE_POLL } = wire.CONTROLPROC
    const job = await this.#call(SNAPSHOT_DELETE, wire.snapshotName, name, uint32)
    await this.#follow(SNAPSHOT_DELETE_POLL, job, wire.deletePoll, () => undefined)
  }

  async restore(
    request: RestoreRequest,
    progress: (progress: RestoreProgress) => void,
  ): Promise<RestoreSummary> {
    const { RESTORE, RESTORE_POLL } = wire.CONTROLPROC
    if (request.paths.length > wire.PATHS_MAX) {
      throw new FsError('INVAL', `restore at most ${wire.PATHS_MAX} paths at a time`)
    }
    const job = await this.#call(RESTORE, wire.restoreRequest, request, uint32)
    const { value, items } = await this.#follow(RESTORE_POLL, job, wire.restorePoll, progress)
    return { ...value, failed: items }
  }

  stat(snapshot: string, path: Uint8Array): Promise<EntryInfo> {
    const args = { snapshot, path }
    return this.#call(wire.CONTROLPROC.STAT, wire.statArgs, args, wire.entryInfo)
  }

  list(snapshot: string, ino: number, after: number): Promise<Listing> {
    const args = { snapshot, ino, after }
    return this.#call(wire.CONTROLPROC.LIST, wire.listArgs, args, wire.listing)
  }

  read(snapshot: string, ino: number, offset: number, count: number): Promise<Piece> {
    const args = { snapshot, ino, offset, count }
    return this.#call(wire.CONTROLPROC.READ, wire.readArgs, args, wire.piece)
  }

  async check(progress: (done: string) => void): Promise<CheckReport> {
    const { CHECK, CHECK_POLL } = wire.CONTROLPROC
    const job = await this.#call(CHECK, voidType, undefined, uint32)
    const { value, items } = await this.#follow(CHECK_POLL, job, wire.checkPoll, progress)
    return { ...value, problems: items }
  }

  diff(request: DiffRequest): AsyncGenerator<DiffEntry> {
    const { DIFF, DIFF_NEXT } = history.HISTORYPROC
    return this.#stream(DIFF, history.diffRequest, request, DIFF_NEXT, history.diffPage)
  }

  versions(path: Uint8Array): AsyncGenerator<FileVersion> {
    const { VERSIONS, VERSIONS_NEXT } = history.HISTORYPROC
    const { versionsPath, versionsPage } = history
    return this.#stream(VERSIONS, versionsPath, path, VERSIONS_NEXT, versionsPage)
  }

  listDeleted(request: DeletedRequest): AsyncGenerator<DeletedEntry> {
    const { DELETED, DELETED_NEXT } = history.HISTORYPROC
    const { deletedRequest, deletedPage } = history
    return this.#stream(DELETED, deletedRequest, request, DELETED_NEXT, deletedPage)
  }

  /** Ends the connection. Long calls that were started run on in the server. */
  close(): Promise<void> {
    return this.#client.close()
  }

  /** Asks how a job goes until it has ended and all of its list is here. */
  async #follow<P, R, I>(
    proc: number,
    job: number,
    poll: Codec<wire.Poll<P, R, I>>,
    report: (progress: P) => void,
  ): Promise<{ readonly value: R; readonly items: readonly I[] }> {
    const items: I[] = []
    for (;;) {
      const args = { job, from: items.length }
      const { progress, outcome } = await this.#call(proc, wire.pollArgs, args, poll)
      for (const step of progress) report(step)
      if (outcome === undefined) continue
      if (!outcome.ok) throw outcome.error
      items.push(...outcome.value.items)
      if (!outcome.value.more) return { value: outcome.value.value, items }
    }
  }

  /** Asks for the pages of a list, as far as anybody wants them. */
  async *#stream<A, T>(
    proc: number,
    args: Codec<A>,
    given: A,
    next: number,
    page: Codec<StreamPage<T>>,
  ): AsyncGenerator<T> {
    const { streamNumber, HISTORYPROC } = history
    const number = await this.#call(proc, args, given, streamNumber)
    let more = true
    try {
      while (more) {
        more = false
        const answer = await this.#call(next, streamNumber, number, page)
        more = answer.more
        yield* answer.items
      }
    } finally {
      if (more) await this.#call(HISTORYPROC.END, streamNumber, number, voidType)
    }
  }

  async #call<A, R>(proc: number, args: Codec<A>, given: A, results: Codec<R>): Promise<R> {
    const { CONTROL_PROGRAM, CONTROL_VERSION } = wire
    let answer: wire.Result<R>
    try {
      const codec = wire.result(results)
      answer = await this.#client.call(CONTROL_PROGRAM, CONTROL_VERSION, proc, args, given, codec)
    } catch (error) {
      if (error instanceof RpcError) throw new ServerGone(explain(error), { cause: error })
      throw error
    }
    if (answer.ok) return answer.value
    throw answer.error
  }
}

function explain({ code, message }: RpcError): string {
  switch (code) {
    case 'CLOSED':
      return `the server ended before it answered (${message})`
    case 'TIMEDOUT':
      return `the server did not answer within ${CALL_TIMEOUT_MS / 1000} seconds`
    case 'PROG_MISMATCH':
      return 'the running server is another version of zerofs-nfs; use its own command, or restart it'
    default:
      return `the server refused: ${message}`
  }
}
