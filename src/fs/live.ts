/** The files of a live dataset, and what the operations that change them have in common. */
import type { Dataset } from '../store/dataset.ts'
import { FileType, type Inode } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import type { Transaction } from '../store/transaction.ts'
import type { FileData } from './data.ts'
import type { Change } from './filesystem.ts'
import { changed, changeOf } from './inode.ts'
import { type File, Inodes } from './inodes.ts'
import { PackedListing } from './packed-listing.ts'

/** Whether something is seen under a name of a directory that is no entry of it. */
export type IsTaken = (dir: number, name: Uint8Array) => boolean

export class Live extends Inodes {
  readonly store: Store
  readonly dataset: Dataset
  readonly data: FileData
  /** Under such a name nothing can be made. */
  readonly isTaken: IsTaken
  override readonly listing: PackedListing

  constructor(
    store: Store,
    dataset: Dataset,
    data: FileData,
    fsid: number,
    isTaken: IsTaken = () => false,
  ) {
    super({ dataset: dataset.id, snapshot: 0, fsid, root: dataset.root }, dataset, data)
    this.store = store
    this.dataset = dataset
    this.data = data
    this.isTaken = isTaken
    this.listing = new PackedListing(dataset, this)
  }

  /** The inode for a change of it, with all of its data part of the transaction. */
  settled(tx: Transaction, ino: number, inode: Inode): Inode {
    return inode.type === FileType.REG ? this.data.settle(tx, ino, inode) : inode
  }

  put(tx: Transaction, ino: number, inode: Inode): void {
    tx.put(this.dataset.inodes, ino, inode)
  }

  /** A file that is new: its ino is one that `newIno` has just given out. */
  putNew(tx: Transaction, ino: number, inode: Inode): void {
    tx.putNew(this.dataset.inodes, ino, inode)
  }

  /** A name of the file is gone; with the last one goes the file. A directory has but one. */
  dropLink(tx: Transaction, { ino, inode }: File): void {
    if (inode.type !== FileType.DIR && inode.nlink > 1) {
      const left = changed(this.settled(tx, ino, inode), tx.now)
      left.nlink--
      this.put(tx, ino, left)
      return
    }
    if (inode.type === FileType.REG) this.data.remove(tx, ino, inode)
    tx.delete(this.dataset.inodes, ino)
  }

  /** @param before and `after`: with data that is not in the store yet */
  change(ino: number, before: Inode, after: Inode): Change {
    return changeOf(ino, before, after, this.place.fsid)
  }

  unchanged(ino: number, inode: Inode): Change {
    const current = this.current(ino, inode)
    return this.change(ino, current, current)
  }
}
