/** The superblock, the datasets and the snapshots: what the rest of a check goes by. */
import type { FrozenDatabase } from '../store/database.ts'
import { Kind, kindRange, nameKey, parseKey } from '../store/keys.ts'
import type { DatasetRecord, SnapshotRecord, Superblock } from '../store/records.ts'
import { datasetSpec, nameSpec, snapshotSpec, superblockSpec } from '../store/tables.ts'
import type { Problems } from './problems.ts'
import { Cursor, type Format, readLive, readSealed } from './reader.ts'

/** The dataset that every store has. */
const ROOT_DATASET = 1
const KEY_BYTES = { least: 13, most: 13 }

export interface Objsets {
  readonly superblock: Superblock
  readonly datasets: ReadonlyMap<number, DatasetRecord>
  readonly snapshots: ReadonlyMap<number, SnapshotRecord>
}

/** @returns undefined where nothing can be checked, for want of a superblock */
export async function readObjsets(
  database: FrozenDatabase,
  problems: Problems,
): Promise<Objsets | undefined> {
  const superblock = readLive(database, 0, superblockSpec, 0)?.value
  if (superblock === undefined) {
    problems.add('there is no superblock')
    return undefined
  }
  const datasets = await readAll(database, datasetSpec)
  const snapshots = await readAll(database, snapshotSpec)
  const objsets = { superblock, datasets, snapshots }
  checkDatasets(objsets, problems)
  checkNames(database, objsets, problems)
  checkSnapshots(objsets, problems)
  checkOrigins(objsets, problems)
  if (database.get(checkpointKey()) === undefined) problems.add('there is no checkpoint record')
  return objsets
}

function checkpointKey(): Buffer {
  const key = Buffer.alloc(13)
  key.write(Kind.CHECKPOINT, 4, 'latin1')
  return key
}

async function readAll<V>(database: FrozenDatabase, spec: Format<V>): Promise<Map<number, V>> {
  const found = new Map<number, V>()
  const cursor = await Cursor.open(database, kindRange(0, spec.kind), KEY_BYTES)
  for (; cursor.head !== undefined; await cursor.next()) {
    const [key, sealed] = cursor.head
    const read = readSealed(spec, sealed)
    if (read !== undefined) found.set(Number(parseKey(key).key), read.value)
  }
  return found
}

function checkDatasets({ datasets, superblock }: Objsets, problems: Problems): void {
  if (!datasets.has(ROOT_DATASET)) problems.add('the root dataset is missing')
  for (const [id, { root, epoch, name }] of datasets) {
    const told = `dataset ${id}`
    if (id >= superblock.nextObjset) problems.add(`${told} has a number that is not given out yet`)
    if (root >= superblock.nextIno) problems.add(`${told} has an impossible root, inode ${root}`)
    if (epoch < 1) problems.add(`${told} is in epoch ${epoch}`)
    if ((name === '') !== (id === ROOT_DATASET)) problems.add(`${told} has the name '${name}'`)
  }
}

/** What clones depend on must be there. */
function checkOrigins({ datasets, snapshots }: Objsets, problems: Problems): void {
  for (const [id, { origin, root, epoch }] of datasets) {
    if (origin === undefined) continue
    const told = `dataset ${id} is a clone of snapshot ${origin.snapshot} of dataset ${origin.dataset}`
    const snapshot = snapshots.get(origin.snapshot)
    const of = datasets.get(origin.dataset)
    const there =
      snapshot !== undefined && snapshot.dataset === origin.dataset && origin.dataset < id
    if (!there || of === undefined) {
      problems.add(`${told}, which is not there`)
      continue
    }
    if (snapshot.deleting || of.deleting) problems.add(`${told}, which is being deleted`)
    if (snapshot.epoch !== origin.epoch || epoch <= origin.epoch) {
      problems.add(`${told}, of epoch ${snapshot.epoch}, and says ${origin.epoch} and ${epoch}`)
    }
    if (of.root !== root) problems.add(`${told}, and has another root, inode ${root}`)
  }
}

/** A dataset is seen in the root directory, under a name that nothing else there has. */
function checkNames(database: FrozenDatabase, { datasets }: Objsets, problems: Problems): void {
  const names = new Set<string>()
  const dir = datasets.get(ROOT_DATASET)?.root ?? 0
  for (const [id, { name, deleting }] of datasets) {
    if (deleting || name === '') continue
    if (names.has(name)) problems.add(`dataset ${id} has the name of another one, '${name}'`)
    names.add(name)
    const key = nameKey(dir, Buffer.from(name))
    if (readLive(database, ROOT_DATASET, nameSpec, key) === undefined) continue
    problems.add(`the root directory has an entry '${name}', behind dataset ${id}`)
  }
}

function checkSnapshots({ datasets, snapshots, superblock }: Objsets, problems: Problems): void {
  const names = new Set<string>()
  const epochs = new Set<string>()
  for (const [id, { dataset, name, epoch, deleting, tags, holds }] of snapshots) {
    const told = `snapshot '${name}' (number ${id})`
    const of = datasets.get(dataset)
    if (id >= superblock.nextObjset) problems.add(`${told} has a number that is not given out yet`)
    if (datasets.has(id)) problems.add(`${told} has the number of a dataset`)
    if (of === undefined) problems.add(`${told} is of dataset ${dataset}, which is not there`)
    else if (epoch < 1 || epoch >= of.epoch) {
      problems.add(`${told} is of epoch ${epoch}, and its dataset in epoch ${of.epoch}`)
    }
    if (epochs.has(`${dataset}/${epoch}`)) problems.add(`${told} has the epoch of another one`)
    epochs.add(`${dataset}/${epoch}`)
    if (holds.length > 0 && deleting) problems.add(`${told} is held, and being deleted`)
    if (new Set(holds).size < holds.length) problems.add(`${told} has a hold twice`)
    if (new Set(tags).size < tags.length) problems.add(`${told} has a tag twice`)
    if (deleting) continue
    if (names.has(`${dataset}/${name}`)) problems.add(`${told} has the name of another one`)
    if (name === '') problems.add(`${told} has no name`)
    names.add(`${dataset}/${name}`)
  }
}
