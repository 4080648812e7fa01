/** What the live files of each dataset take: their inodes added up, against the dataset's account. */
import { LIVE_ACCOUNT } from '../store/accounts.ts'
import { type Key, Kind } from '../store/keys.ts'
import { type Account, type Inode, NO_USAGE, type Usage } from '../store/records.ts'
import { usageSpec } from '../store/tables.ts'
import type { Objsets } from './objsets.ts'
import type { Problems } from './problems.ts'
import { changed } from './repairs.ts'

export class UsageCheck {
  readonly #found = new Map<number, Usage>()
  readonly #told = new Map<number, Usage>()

  /** A live record of a dataset. */
  add(dataset: number, kind: Kind, key: Key, value: unknown): void {
    if (kind === Kind.USAGE && key === LIVE_ACCOUNT) this.#told.set(dataset, value as Usage)
    if (kind !== Kind.INODE) return
    const { bytes, inodes } = this.#found.get(dataset) ?? NO_USAGE
    const { used } = value as Inode
    this.#found.set(dataset, { bytes: bytes + used, inodes: inodes + 1 })
  }

  /** Of a dataset that is being deleted nothing is asked: its files go one by one. */
  check({ datasets }: Objsets, problems: Problems): void {
    for (const [id, { name, deleting }] of datasets) {
      const found = this.#found.get(id) ?? NO_USAGE
      const told = this.#told.get(id) ?? NO_USAGE
      if (deleting || (found.bytes === told.bytes && found.inodes === told.inodes)) continue
      const who = name === '' ? 'the root dataset' : `dataset '${name}'`
      const { bytes, inodes } = found
      const text = `${who} has ${inodes} inodes with ${bytes} bytes`
      const done = `the account of ${who} now says ${inodes} inodes with ${bytes} bytes`
      const correct = (account: Account): Account => ({ ...account, bytes, inodes })
      const repair = { ...changed(done, id, usageSpec, LIVE_ACCOUNT, correct), isSum: true }
      problems.add(
        `${text}, and ${told.inodes} with ${told.bytes} on its account`,
        undefined,
        repair,
      )
    }
  }
}
