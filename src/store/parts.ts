/** What a store is put together from. */
import type { BlockStore } from './blocks.ts'
import type { CheckpointLimits } from './checkpointer.ts'
import type { Database } from './database.ts'
import type { Disk } from './disk.ts'
import type { IntentLog } from './log.ts'
import type { Loop } from './pace.ts'
import type { StoredReplies } from './replies.ts'
import type { SpaceMap } from './space.ts'
import type { Clock } from './time.ts'

/** What `openStore` has opened for the store. */
export interface StoreParts {
  readonly directory: string
  readonly disk: Disk
  readonly database: Database
  readonly blocks: BlockStore
  readonly space: SpaceMap
  readonly log: IntentLog
  readonly replies: StoredReplies
  /** The number of the newest entry of the log. */
  readonly seq: number
  /** Strictly increasing. */
  readonly clock: Clock
  readonly randomBytes: (count: number) => Uint8Array
  readonly cacheBytesMax: number
  /** Bytes of the disk that file data never takes. */
  readonly reserveBytes: number
  readonly limits: CheckpointLimits
  readonly loop: Loop
  /** Is told of what nobody asked for: a failed commit or checkpoint. */
  readonly report: (message: string, error: unknown) => void
}
