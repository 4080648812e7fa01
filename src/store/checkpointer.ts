/** When a checkpoint is due, and its steps from the cut to the last batch (checkpoint.ts). */
import { strict as assert } from 'node:assert'
import type { BlockStore } from './blocks.ts'
import { checkpointPut, DirtyRecords } from './checkpoint.ts'
import type { Database } from './database.ts'
import type { IntentLog } from './log.ts'
import { groupPut } from './recovery.ts'
import type { StoredReplies } from './replies.ts'
import type { SpaceMap } from './space.ts'

/** A checkpoint begins when one of these is exceeded. */
export interface CheckpointLimits {
  /** Bytes of the log. */
  readonly logBytesMax: number
  readonly dirtyRecordsMax: number
  /** Blocks that are to be freed. */
  readonly limboBlocksMax: number
  readonly dirtyGroupsMax: number
}
export const CHECKPOINT_LIMITS: CheckpointLimits = {
  logBytesMax: 32 * 1024 * 1024,
  dirtyRecordsMax: 100_000,
  limboBlocksMax: 16_384,
  dirtyGroupsMax: 4096,
}
/** Ticks after which there is a checkpoint though little has changed. */
const TICKS_MAX = 10
/**
 * Commits wait for the checkpoint under way when the log, or what is dirty, is this many times over
 * its limit. Dirty records are in memory, and nothing else bounds them.
 */
const OVERDUE = 4

export interface CheckpointHost {
  readonly database: Database
  readonly blocks: BlockStore
  readonly space: SpaceMap
  readonly log: IntentLog
  readonly replies: Pick<StoredReplies, 'dirty' | 'freeze' | 'write'>
  readonly limits: CheckpointLimits
  /** Ends the commit group here; the number of its log entry, once that is on disk. */
  cut(): Promise<number>
  /** A checkpoint failed: the store stops. @returns what to tell who asked for it */
  failed(error: unknown): Error
}

export class Checkpointer {
  readonly dirty = new DirtyRecords()
  readonly #host: CheckpointHost
  #running: Promise<void> | undefined
  /** Whether the log has been turned for the checkpoint under way. */
  #turned = false
  #ticks = 0
  #held = false

  constructor(host: CheckpointHost) {
    this.#host = host
  }

  /**
   * Begins a checkpoint where one is due.
   *
   * @returns what commits have to wait for, where changes outgrow the checkpoint under way. Never
   *   before its cut, which is itself a commit
   */
  consider(): Promise<void> | undefined {
    const { log, space, limits } = this.#host
    const due =
      log.bytes > limits.logBytesMax ||
      this.dirty.count > limits.dirtyRecordsMax ||
      space.releasableBlocks > limits.limboBlocksMax ||
      space.dirtyGroups > limits.dirtyGroupsMax
    // A failure is told to the store by then; here nobody waits for it.
    if (due && !this.#held && this.#running === undefined) this.run().catch(() => undefined)
    return this.#turned && this.overdue ? this.#running : undefined
  }

  /** Whether changes come faster than checkpoints bring them into the database. */
  get overdue(): boolean {
    const { log, limits } = this.#host
    return (
      log.bytes > OVERDUE * limits.logBytesMax ||
      this.dirty.count > OVERDUE * limits.dirtyRecordsMax
    )
  }

  /** Runs `work`, whose transactions all come before the next cut, or all behind it. */
  holdBack<T>(work: () => T): T {
    assert(!this.#held, 'it is held back already')
    this.#held = true
    try {
      return work()
    } finally {
      this.#held = false
      void this.consider()
    }
  }

  /** Called about once a second, so that what was freed is at hand, and a restart is quick. */
  tick(): void {
    this.#ticks++
    const { space, replies } = this.#host
    const idle = this.dirty.count === 0 && space.releasableBlocks === 0 && replies.dirty === 0
    if (idle || this.#ticks < TICKS_MAX || this.#running !== undefined) return
    this.run().catch(() => undefined)
  }

  /** There was no room: what was freed and waits for a checkpoint is made available. */
  makeRoom(): void {
    if (this.#host.space.limboBlocks === 0 || this.#running !== undefined) return
    this.run().catch(() => undefined)
  }

  /** Brings everything that was transacted before this call into the database. */
  async run(): Promise<void> {
    while (this.#running !== undefined) await this.#running
    const run = this.#steps().finally(() => {
      this.#running = undefined
      this.#turned = false
    })
    this.#running = run.catch(() => undefined)
    await run
  }

  async #steps(): Promise<void> {
    const { blocks, database, space, replies } = this.#host
    this.#ticks = 0
    try {
      this.dirty.freeze()
      replies.freeze()
      const groups = space.freeze().map(({ group, bytes }) => groupPut(group, bytes))
      const seq = await this.#host.cut()
      this.#turned = true
      await this.dirty.write(() => database.batch())
      // The log's older file may hold the only durable copy of blocks that rode in it.
      await blocks.sync()
      await replies.write()
      await database.write([...groups, checkpointPut(seq)])
      await this.dirty.finish()
      // A slow read of a block that is freed must not see what is written there next.
      await blocks.idle()
      space.releaseLimbo()
      // Files without a used block give their room back to the host.
      await Promise.all(space.takeFreeFiles().map((file) => blocks.trimFile(file)))
    } catch (error) {
      throw this.#host.failed(error)
    }
  }
}
