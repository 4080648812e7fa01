/**
 * Recovery: brings into the database what the intent log still holds after a crash, and what it
 * holds after a clean stop (nothing).
 *
 * The log is replayed from the last checkpoint on. Its records are merged in memory first (two log
 * files at most), then written as a checkpoint is: all records and replies, then the reference
 * counts together with the new checkpoint number. A crash during recovery leaves the old number: it
 * starts again.
 */
import type { BlockStore } from './blocks.ts'
import { checkpointPut, type Put } from './checkpoint.ts'
import type { Database } from './database.ts'
import { Kind, keyBytes, parseKey } from './keys.ts'
import type { IntentLog } from './log.ts'
import { readLogEntry } from './log-entry.ts'
import { isSealed, sealRecord } from './record.ts'
import type { StoredReplies } from './replies.ts'
import type { SpaceMap } from './space.ts'

const BATCH_RECORDS = 2000

/** The database is complete up to this log entry. */
export function checkpointSeq(database: Database): number {
  const record = database.get(Buffer.from(keyBytes(0, Kind.CHECKPOINT, 0)))
  if (record === undefined) return 0
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.length)
  return bytes.readUInt32BE(4) * 0x1_0000_0000 + bytes.readUInt32BE(8)
}

/**
 * Loads the free counts of all groups of blocks. Where a group's record is damaged nothing is free.
 *
 * @returns the groups whose records are damaged
 */
export async function loadSpace(
  database: Database,
  space: SpaceMap,
  range: { gte: Buffer; lt: Buffer },
): Promise<readonly number[]> {
  const damaged: number[] = []
  const frozen = database.freeze()
  try {
    for await (const batch of frozen.batches(range)) {
      for (const [key, sealed] of batch) {
        const group = Number(parseKey(key).key)
        if (isSealed(key, sealed)) space.load(group, sealed.subarray(4, -4))
        else {
          damaged.push(group)
          space.loadFull(group)
        }
      }
    }
  } finally {
    await frozen.close()
  }
  return damaged
}

/** What recovery brings up to date. */
export interface RecoveryHost {
  readonly database: Database
  readonly log: IntentLog
  readonly space: SpaceMap
  readonly blocks: BlockStore
  readonly replies: StoredReplies
}

/** The records of the log, merged: a Map keeps the newest of each key. */
async function readLog({
  database,
  log,
  space,
  blocks,
  replies,
}: RecoveryHost): Promise<{ seq: number; records: Map<string, Buffer | undefined> }> {
  const records = new Map<string, Buffer | undefined>()
  const seq = await log.replay(checkpointSeq(database), async (payload) => {
    readLogEntry(payload, {
      put: (key, value) => records.set(key.toString('latin1'), Buffer.from(value)),
      delete: (key) => records.set(key.toString('latin1'), undefined),
      delta: (address, count, by) => space.applyDelta(address, count, by),
      blocks: (address, data) => blocks.write(address, [Buffer.from(data)]),
      reply: (slot, record) => replies.restore(slot, record),
    })
    await blocks.settled()
  })
  return { seq, records }
}

/** A group's record as the database has it: reference counts have no birth. */
export function groupPut(group: number, bytes: Uint8Array): Put {
  const key = Buffer.from(keyBytes(0, Kind.GROUP, group))
  const record = Buffer.alloc(4 + bytes.length)
  record.set(bytes, 4)
  return { key, value: sealRecord(key, record) }
}

/**
 * @returns the number of the last log entry, and how many records it brought back
 * @throws FsError IO where the log is damaged before its end
 */
export async function recover(host: RecoveryHost): Promise<{ seq: number; recovered: number }> {
  const { database, log, space, blocks, replies } = host
  const { seq, records } = await readLog(host)
  let batch: Put[] = []
  for (const [name, record] of records) {
    const key = Buffer.from(name, 'latin1')
    batch.push({ key, value: record && sealRecord(key, record) })
    if (batch.length < BATCH_RECORDS) continue
    await database.write(batch)
    batch = []
  }
  await database.write(batch)
  await blocks.sync()
  replies.freeze()
  await replies.write()
  const groups = space.freeze().map(({ group, bytes }) => groupPut(group, bytes))
  await database.write([...groups, checkpointPut(seq)])
  space.releaseLimbo()
  await log.clear()
  return { seq, recovered: records.size }
}
