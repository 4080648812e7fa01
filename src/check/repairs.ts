/**
 * What can be put right without guessing: numbers that everything else tells, and space that nobody
 * has. A repair is planned where its problem is found, and done later, on a database that nobody
 * works on (repair.ts).
 *
 * Where anything else is wrong, records may be missing, and what they would say is not known. Then
 * only those are done that can harm nobody: the others wait until the rest is sound.
 */
import type { Database } from '../store/database.ts'
import { type Key, keyBytes } from '../store/keys.ts'
import { encodeRecord, sealRecord } from '../store/record.ts'
import { type Format, readSealed } from './reader.ts'

/** Repairs that are planned in one pass; what is left is found by the next. */
export const REPAIRS_MAX = 2000

export interface Repair {
  /** What is done, as a sentence. */
  readonly text: string
  /** It can be done whatever else is wrong. */
  readonly harmless: boolean
  /** It adds up what other repairs may correct. */
  readonly isSum?: boolean
  readonly key: Buffer
  /** The new record, of the one that there is; undefined where nothing is to be done after all. */
  by(sealed: Buffer | undefined): Buffer | undefined
}

/** Of a problem that goes with another one, whose repair puts both right. */
export const NO_REPAIR: Repair = {
  ...{ text: '', harmless: true, key: Buffer.alloc(0) },
  by: () => undefined,
}

/** Changes fields of a record of a table. */
export function changed<V>(
  text: string,
  dataset: number,
  spec: Format<V>,
  name: Key,
  by: (value: V) => V,
): Repair {
  const key = Buffer.from(keyBytes(dataset, spec.kind, name))
  return {
    ...{ text, harmless: false, key },
    by(sealed) {
      const read = sealed && readSealed(spec, sealed)
      if (read === undefined) return undefined
      return sealRecord(key, encodeRecord(spec.codec, read.birth, by(read.value)))
    },
  }
}

/** A record as a whole: its birth and all that follows. */
export function replaced(text: string, harmless: boolean, key: Buffer, record: Uint8Array): Repair {
  return { text, harmless, key, by: () => sealRecord(key, record) }
}

/** Does repairs one after the other. @returns the sentences of those that changed something */
export async function apply(
  database: Database,
  repairs: readonly Repair[],
): Promise<readonly string[]> {
  const done: string[] = []
  for (const { text, key, by } of repairs) {
    const frozen = database.freeze()
    const sealed = frozen.get(key)
    await frozen.close()
    const value = by(sealed)
    if (value === undefined || sealed?.equals(value)) continue
    await database.write([{ key, value }])
    done.push(text)
  }
  return done
}
