/** Damaged blocks as sentences: which file they are of, by its path, and in which snapshots. */
import { eachVersion } from '../check/facts.ts'
import { readObjsets } from '../check/objsets.ts'
import { Pace } from '../check/pace.ts'
import { Paths } from '../check/paths.ts'
import { Problems } from '../check/problems.ts'
import { View } from '../check/view.ts'
import type { FrozenDatabase } from '../store/database.ts'
import { Kind, parseKey } from '../store/keys.ts'
import { BLOCK_BYTES, CHUNK_BLOCKS, FileType } from '../store/records.ts'
import { inodeSpec } from '../store/tables.ts'
import type { DamagedBlock } from './copy.ts'

interface Place {
  readonly dataset: number
  readonly content: number
  readonly text: string
}

/** @returns one sentence for each block; for a clone's data, in terms of who has it first */
export async function tellDamage(
  database: FrozenDatabase,
  damaged: readonly DamagedBlock[],
): Promise<readonly string[]> {
  if (damaged.length === 0) return []
  const places = damaged.map(placeOf)
  // What else is wrong with the store is not told here.
  const objsets = await readObjsets(database, new Problems())
  const told: string[] = []
  for (const dataset of new Set(places.map((place) => place.dataset))) {
    const record = objsets?.datasets.get(dataset)
    const own = places.filter((place) => place.dataset === dataset)
    const snapshots = [...(objsets?.snapshots.values() ?? [])].filter(
      (snapshot) => snapshot.dataset === dataset,
    )
    const problems = new Problems()
    if (record === undefined) {
      told.push(...own.map(({ content, text }) => `content ${content}: ${text}`))
      continue
    }
    const pace = new Pace(() => undefined)
    const view = new View(database, dataset, record, snapshots, problems, pace)
    told.push(...(await nameFiles(view, problems, own)))
  }
  return told
}

function placeOf({ key, slot, why }: DamagedBlock): Place {
  const parsed = parseKey(key)
  const name = String(parsed.key)
  // A superseded chunk is called as the live one, between its letter and its end.
  const chunk = parsed.kind === Kind.HISTORY ? name.slice(1, name.lastIndexOf('@')) : name
  const [content, index] = chunk.split('/').map(Number)
  const at = ((index ?? 0) * CHUNK_BLOCKS + slot) * BLOCK_BYTES
  const text = `bytes ${at} to ${at + BLOCK_BYTES - 1} are damaged: ${why}`
  return { dataset: parsed.dataset, content: content ?? 0, text }
}

async function nameFiles(
  view: View,
  problems: Problems,
  places: readonly Place[],
): Promise<readonly string[]> {
  const wanted = new Set(places.map(({ content }) => content))
  const owners = new Map<number, { readonly ino: number; readonly from: number; to: number }>()
  await eachVersion(view, inodeSpec, ({ value, from, to }, key) => {
    if (value.type !== FileType.REG || !wanted.has(value.content)) return
    const known = owners.get(value.content)
    const first = Math.min(known?.from ?? from, from)
    owners.set(value.content, { ino: Number(key), from: first, to: Math.max(known?.to ?? to, to) })
  })
  for (const { content, text } of places) {
    const owner = owners.get(content)
    if (owner === undefined) view.problem(`content ${content}, which is no file's: ${text}`)
    else view.problem(text, owner.ino, owner)
  }
  const paths = new Paths(view)
  await paths.find(problems.subjects)
  return problems.sentences((subject) => paths.tell(subject))
}
