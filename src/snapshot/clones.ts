/**
 * Clones: datasets made of a snapshot in an instant, which share with it what they do not change,
 * and need it until they are promoted (promote.ts).
 */
import { FsError } from '../fs/error.ts'
import { LIVE_ACCOUNT } from '../store/accounts.ts'
import type { Dataset, Snapshot } from '../store/dataset.ts'
import type { Usage } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import type { Transaction } from '../store/transaction.ts'
import { toCopy } from './object-names.ts'
import { type Promoting, Promotion } from './promote.ts'

/** A promotion under way, and of which dataset. */
export interface NamedPromotion extends Promoting {
  readonly dataset: string
}

/** The records of a clone: as many for a file as for a million. @returns its number */
export function makeClone(
  tx: Transaction,
  store: Store,
  origin: Dataset,
  snapshot: Snapshot,
  about: { readonly name: string; readonly quota: Usage },
): Dataset {
  const id = store.newObjset(tx)
  const { epoch } = snapshot
  const of = { dataset: origin.id, snapshot: snapshot.id, epoch }
  tx.put(store.datasets, id, {
    ...{ ...about, root: origin.root, epoch: epoch + 1, deleting: false, tombstones: false },
    ...{ snapshotsChanged: tx.now, created: tx.now },
    origin: { ...of, promoting: false, doneIno: 0, doneInodes: 0 },
  })
  const made = store.objsets.attach(id, [])
  tx.onUndo(() => store.objsets.detach(id))
  // All that it begins with was written before: it counts for its first snapshot.
  const root = origin.at(epoch).inodes.get(origin.root)
  const written = snapshot.referenced.bytes - (root?.used ?? 0)
  tx.put(made.usages, LIVE_ACCOUNT, { ...snapshot.referenced, written })
  return made
}

/** What keeps a snapshot from being pruned: its holds, and the datasets that are clones of it. */
export function keepersOf(store: Store, { id, holds }: Snapshot): readonly string[] {
  const clones = store.objsets.clonesOf(id)
  return [...holds, ...clones.map(({ record }) => `clone '${record.name}'`)]
}

/** @throws FsError ACCES where a dataset is a clone of the snapshot */
export function requireNoClone(store: Store, { id, name }: Snapshot): void {
  const [clone] = store.objsets.clonesOf(id)
  if (clone === undefined) return
  const { name: of, deleting } = clone.record
  const told = `snapshot '${name}' cannot be deleted: dataset '${of}' is a clone of it`
  const then = deleting
    ? 'and is being deleted; try again when it is freed'
    : `and needs it; 'zerofs-nfs dataset promote ${toCopy(of, 'NAME')}' makes it independent`
  throw new FsError('ACCES', `${told}, ${then}`)
}

/** The promotions of a store, at most one of each dataset, in the background. */
export class Promotions {
  readonly #store: Store
  readonly #stopped: () => boolean
  readonly #running = new Map<
    Dataset,
    { readonly promotion: Promotion; readonly ended: Promise<boolean> }
  >()

  /** @param stopped whether no further step may be done: the store is about to be closed */
  constructor(store: Store, stopped: () => boolean) {
    this.#store = store
    this.#stopped = stopped
  }

  get progress(): readonly NamedPromotion[] {
    return [...this.#running].map(([{ record }, { promotion }]) => {
      return { dataset: record.name, ...promotion.progress }
    })
  }

  /** Begins it, or goes on with it. @returns a promise as that of `Promotion.run` */
  run(dataset: Dataset): Promise<boolean> {
    const known = this.#running.get(dataset)
    if (known !== undefined) return known.ended
    const { origin } = dataset.record
    if (origin?.promoting === false) {
      const change = { origin: { ...origin, promoting: true } }
      this.#store.transact((tx) => this.#store.objsets.change(tx, dataset, change))
    }
    const promotion = new Promotion(this.#store, dataset, this.#stopped)
    const ended = promotion.run().finally(() => this.#running.delete(dataset))
    this.#running.set(dataset, { promotion, ended })
    return ended
  }

  /** Resolves when none of the dataset is under way; it must have been told to stop. */
  async ended(dataset: Dataset): Promise<void> {
    await this.#running.get(dataset)?.ended.catch(() => undefined)
  }
}
