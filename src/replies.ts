/** Keeps what calls were answered in the store, each with the change that its call made. */
import type { CallKey } from './rpc/remembered.ts'
import type { KeptReply, ReplyStore } from './rpc/replycache.ts'
import { Kind, kindRange, parseKey } from './store/keys.ts'
import { decodeRecord, openRecord } from './store/record.ts'
import { REPLY_SLOTS, type ReplyRecord, replyCodec } from './store/reply.ts'
import type { Store } from './store/store.ts'
import { compareTime } from './store/time.ts'
import { XdrWriter } from './xdr/writer.ts'

/** Answers so much older than the newest one are of no use any more. */
const SECONDS_MAX = 15 * 60

const encoder = new XdrWriter(1024)

export class StoredReplies implements ReplyStore {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  run(work: () => Uint8Array, call: CallKey, slot: () => number): Uint8Array {
    return this.#store.together(work, (results) => {
      const reply = this.#encoded(call, results)
      return { slot: slot(), reply }
    })
  }

  #encoded({ client, xid, prog, vers, proc, checksum }: CallKey, results: Uint8Array): Uint8Array {
    const at = this.#store.clock()
    encoder.reset()
    replyCodec.encode(encoder, { at, client, xid, prog, vers, proc, checksum, results })
    return encoder.copySince(0)
  }
}

/**
 * What the store has, oldest first. To be asked before the first call is answered.
 *
 * @param report is told of records that are damaged: their calls, should they come again, are run
 */
export async function keptReplies(
  store: Store,
  report: (message: string, error: unknown) => void,
): Promise<KeptReply[]> {
  const found: { slot: number; reply: ReplyRecord }[] = []
  const database = store.database.freeze()
  try {
    for await (const batch of database.batches(kindRange(0, Kind.REPLY))) {
      for (const [key, sealed] of batch) {
        const slot = Number(parseKey(key).key)
        try {
          const { value } = decodeRecord(replyCodec, openRecord(key, sealed))
          if (slot < REPLY_SLOTS) found.push({ slot, reply: value })
        } catch (error) {
          report('a kept reply is damaged', error)
        }
      }
    }
  } finally {
    await database.close()
  }
  found.sort((a, b) => compareTime(a.reply.at, b.reply.at))
  const newest = found.at(-1)?.reply.at.seconds ?? 0
  return found
    .filter(({ reply }) => newest - reply.at.seconds <= SECONDS_MAX)
    .map(({ slot, reply: { at: _, ...reply } }) => ({ slot, ...reply }))
}
