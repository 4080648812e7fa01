/**
 * What must hold between records, history and reference counts, worked out anew from the database.
 *
 * It shares no code with what it looks after but for the codecs: it is obvious rather than fast.
 */
import * as assert from 'uvu/assert'
import { chunkCodec } from '../../src/store/codecs.ts'
import type { Dataset } from '../../src/store/dataset.ts'
import { Kind, kindRange, parseDeadKey, parseKey } from '../../src/store/keys.ts'
import { decodeRecord, isTombstone } from '../../src/store/record.ts'
import type { Store } from '../../src/store/store.ts'
import { historySpec, versionsSpec } from '../../src/store/tables.ts'

async function* records(store: Store, kind: Kind, { id } = store.dataset) {
  for await (const { key, record } of store.database.scan(kindRange(id, kind))) {
    yield { key: String(parseKey(key).key), record }
  }
}

/** How many records of a kind there are. */
export async function countOf(store: Store, kind: Kind): Promise<number> {
  await store.checkpoint()
  let count = 0
  for await (const _ of records(store, kind)) count++
  return count
}

/** Looks at everything, after a checkpoint. @throws AssertionError naming what does not agree */
export async function audit(store: Store): Promise<void> {
  await store.checkpoint()
  for (const dataset of store.objsets.all) await auditHistory(store, dataset)
  await auditReferences(store)
}

/** The three records of each version name the same versions, each of which a snapshot sees. */
async function auditHistory(store: Store, dataset: Dataset): Promise<void> {
  const history: string[] = []
  for await (const { key } of records(store, Kind.HISTORY, dataset)) history.push(key)
  const dead: string[] = []
  for await (const { key } of records(store, Kind.DEAD, dataset)) {
    const { end, birth, kind, key: inner } = parseDeadKey(key)
    dead.push(`${kind}${inner}@${end}`)
    assert.ok(isSeen(dataset, birth, end), `no snapshot sees ${key}`)
  }
  const listed: string[] = []
  for await (const { key, record } of records(store, Kind.VERSIONS, dataset)) {
    let last = 0
    for (const { birth, end } of decodeRecord(versionsSpec.codec, record).value) {
      assert.ok(last <= birth && birth < end, `versions of ${key} follow one another`)
      last = end
      listed.push(`${key}@${end}`)
    }
    assert.ok(last > 0, `the list of versions of ${key} is empty`)
  }
  assert.equal(dead.sort(), history.sort(), 'index of the dead and history')
  assert.equal(listed.sort(), history, 'lists of versions and history')
}

function isSeen({ snapshots }: Dataset, birth: number, end: number): boolean {
  return snapshots.some(({ epoch }) => birth <= epoch && epoch < end)
}

/**
 * A block has a reference for each chunk that maps it, now or in a version: one for each time that
 * it came into the chunk, which a rollback may have it do again.
 */
async function auditReferences(store: Store): Promise<void> {
  const holders = new Map<number, Set<string>>()
  const hold = ({ id, record: { origin } }: Dataset, key: string, record: Uint8Array) => {
    // That a clone has no such chunk, though its origin has.
    if (isTombstone(record)) return
    const { address, birth } = decodeRecord(chunkCodec, record).value
    for (const [i, block] of address.entries()) {
      // What a clone has of its origin is held there.
      if (block === 0 || (birth[i] ?? 0) <= (origin?.epoch ?? 0)) continue
      holders.set(block, (holders.get(block) ?? new Set()).add(`${id} ${key} ${birth[i]}`))
    }
  }
  for (const dataset of store.objsets.all) {
    for await (const { key, record } of records(store, Kind.CHUNK, dataset)) {
      hold(dataset, key, record)
    }
    for await (const { key, record } of records(store, Kind.HISTORY, dataset)) {
      if (!key.startsWith(Kind.CHUNK)) continue
      const version = decodeRecord(historySpec.codec, record).value
      hold(dataset, key.slice(1, key.indexOf('@')), version)
    }
  }
  for (const [block, keys] of holders) {
    assert.is(store.spaceMap.refcount(block), keys.size, `references of block ${block}`)
  }
  assert.is(store.spaceMap.usedBlocks, holders.size, 'blocks in use')
}
