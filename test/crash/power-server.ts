/** A server in this process, on a disk that loses power. */
import { setTimeout as sleep } from 'node:timers/promises'
import { checkStore } from '../../src/check/check.ts'
import { LocalOperations } from '../../src/local.ts'
import { Exports } from '../../src/nfs/exports.ts'
import { FileHandles } from '../../src/nfs/fhandle.ts'
import { mountPrograms } from '../../src/nfs/mount.ts'
import { Mounts } from '../../src/nfs/mounts.ts'
import { nfsProgram } from '../../src/nfs/program.ts'
import { KeptReplies } from '../../src/replies.ts'
import { Dispatcher } from '../../src/rpc/dispatch.ts'
import { Listener } from '../../src/rpc/listener.ts'
import { ReplyCache } from '../../src/rpc/replycache.ts'
import { summedMemory } from '../../src/store/checksum.ts'
import type { Disk } from '../../src/store/disk.ts'
import { FsError } from '../../src/store/error.ts'
import { chunkKey, Kind, kindRange } from '../../src/store/keys.ts'
import { BLOCK_BYTES, FileType } from '../../src/store/records.ts'
import { Volume } from '../../src/volume.ts'
import { RECORD_BUFFER_BYTES, RecordBuffers } from '../../src/xdr/buffers.ts'
import type { Reached } from './crowd.ts'
import { Nfs } from './nfs.ts'

const CONNECTIONS = 2
/** So small that there is a checkpoint under way much of the time. */
const LIMITS = { logBytesMax: 256 * 1024, dirtyRecordsMax: 80, limboBlocksMax: 60 }
const SERVED = { version: 'crash', state: 'serving', uptime: 0, durability: 'sync' } as const
const DRAIN_MS = 1000
/** How long what is done in the background may take: so many looks, with pauses between them. */
const TRIES_MAX = 100
const TRY_MS = 20

export class PowerServer implements Reached {
  readonly volume: Volume
  readonly connections: readonly Nfs[]
  readonly control: LocalOperations
  readonly #handles: FileHandles
  readonly #listener: Listener
  readonly #problems: string[]

  private constructor(
    volume: Volume,
    handles: FileHandles,
    listener: Listener,
    connections: readonly Nfs[],
    problems: string[],
  ) {
    this.volume = volume
    this.connections = connections
    this.control = new LocalOperations(volume, () => ({
      ...{ ...SERVED, addresses: [], connections: connections.length },
    }))
    this.#handles = handles
    this.#listener = listener
    this.#problems = problems
  }

  static async open(directory: string, disk: Disk): Promise<PowerServer> {
    const problems: string[] = []
    const report = (message: string, error: unknown) =>
      void problems.push(`${message}: ${error instanceof Error ? error.stack : error}`)
    const buffers = new RecordBuffers(summedMemory(8 * RECORD_BUFFER_BYTES))
    const options = { directory, disk, report, buffers, limits: LIMITS }
    const volume = await Volume.open({ ...options, create: true, command: 'crash' })
    const handles = new FileHandles(volume.store.superblock.handleKey)
    const exports = new Exports([{ path: '/', durability: 'sync' }])
    const reportCall = (error: unknown) => report('a call failed', error)
    const service = { fs: volume.fs, handles, exports, report: reportCall }
    const programs = [nfsProgram(service), ...mountPrograms(service, new Mounts())]
    const store = new KeptReplies(volume.store)
    const replies = new ReplyCache({ seconds: () => 0, store }, store.kept())
    const dispatcher = new Dispatcher(programs, reportCall, replies)
    const at = { host: '127.0.0.1', port: 0 }
    const listener = await Listener.listen(at, dispatcher, { buffers })
    const { address } = listener
    if (typeof address === 'string') throw new Error('the server has no port')
    const connections: Nfs[] = []
    for (let i = 0; i < CONNECTIONS; i++) {
      connections.push(await Nfs.connect(address.address, address.port))
    }
    return new PowerServer(volume, handles, listener, connections, problems)
  }

  /** A transaction that changes this and that, and then fails: as if it had never begun. */
  mishap(handle: Uint8Array): void {
    const { store } = this.volume
    const { dataset } = store
    const { ino } = this.#handles.decode(handle)
    const inode = dataset.inodes.get(ino)
    // It may be gone, and the client not know yet.
    if (inode === undefined) return
    try {
      store.transact((tx) => {
        tx.put(dataset.inodes, ino, { ...inode, mode: 0o7, nlink: inode.nlink + 1 })
        if (inode.type === FileType.REG) tx.deleteChunk(dataset, chunkKey(inode.content, 0))
        for (const { address, count } of tx.allocate(3)) {
          tx.write(address, Array(count).fill(new Uint8Array(BLOCK_BYTES)))
        }
        tx.put(dataset.inodes, store.newIno(), inode)
        tx.delete(dataset.inodes, ino)
        throw new FsError('NOSPC')
      })
    } catch (error) {
      if (!(error instanceof FsError && error.code === 'NOSPC')) throw error
    }
  }

  /** @throws Error where the store is not sound, or the server has reported something */
  async check(): Promise<void> {
    for (let tries = TRIES_MAX; await this.#hasLeftovers(); tries--) {
      if (tries === 0) throw new Error('what was interrupted is not taken up')
      await sleep(TRY_MS)
    }
    const { problems } = await checkStore(this.volume.store, () => undefined)
    if (problems.length > 0) throw new Error(`the store is not sound:\n${problems.join('\n')}`)
    if (this.#problems.length > 0) throw new Error(`reported: ${this.#problems.join('\n')}`)
  }

  /** Whether there is still something to be freed in the background. */
  async #hasLeftovers(): Promise<boolean> {
    const { store } = this.volume
    const { id, snapshots } = store.dataset
    if (snapshots.some(({ deleting }) => deleting)) return true
    await store.checkpoint()
    for await (const _ of store.database.scan(kindRange(id, Kind.ORPHAN))) return true
    return false
  }

  async close(): Promise<void> {
    for (const one of this.connections) await one.close()
    await this.#listener.close(DRAIN_MS)
    await this.volume.close()
    // On a full disk a stop may have to let go of data that nobody has committed.
    const problems = this.#problems.filter((problem) => !/no room for/.test(problem))
    if (problems.length > 0) throw new Error(`reported: ${problems.join('\n')}`)
  }
}
