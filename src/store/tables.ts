/** The tables there are: which codec a kind of record has, and about what it costs in memory. */

import {
  accountCodec,
  bitmapCodec,
  bytesCodec,
  chunkCodec,
  datasetCodec,
  inodeCodec,
  nameCodec,
  orphanCodec,
  pageCodec,
  presenceCodec,
  scheduleCodec,
  snapshotCodec,
  superblockCodec,
  versionsCodec,
} from './codecs.ts'
import { Kind } from './keys.ts'
import type {
  Account,
  Chunk,
  DatasetRecord,
  Inode,
  NameRecord,
  Orphan,
  Page,
  ScheduleRecord,
  SnapshotRecord,
  Superblock,
  Version,
} from './records.ts'
import type { TableSpec } from './table.ts'

/** Bytes of memory that any entry takes: its object, its key, its place in a Map. */
const ENTRY_BYTES = 200

export const inodeSpec: TableSpec<Inode> = {
  kind: Kind.INODE,
  codec: inodeCodec,
  versioned: true,
  cost: () => ENTRY_BYTES + 350,
}
export const nameSpec: TableSpec<NameRecord> = {
  kind: Kind.NAME,
  codec: nameCodec,
  versioned: true,
  cost: () => ENTRY_BYTES + 100,
}
export const pageSpec: TableSpec<Page> = {
  kind: Kind.PAGE,
  codec: pageCodec,
  versioned: true,
  cost: (page) => ENTRY_BYTES + 300 * (page?.length ?? 0),
}
export const bitmapSpec: TableSpec<Uint8Array> = {
  kind: Kind.BITMAP,
  codec: bitmapCodec,
  versioned: true,
  cost: () => ENTRY_BYTES + 160,
}
export const chunkSpec: TableSpec<Chunk> = {
  kind: Kind.CHUNK,
  codec: chunkCodec,
  versioned: true,
  cost: (chunk) =>
    ENTRY_BYTES + 400 + 16 * (chunk?.address.length ?? 0) + (chunk?.inline?.length ?? 0),
}
export const historySpec: TableSpec<Uint8Array> = {
  kind: Kind.HISTORY,
  codec: bytesCodec,
  versioned: false,
  cost: (record) => ENTRY_BYTES + 100 + (record?.length ?? 0),
}
export const versionsSpec: TableSpec<readonly Version[]> = {
  kind: Kind.VERSIONS,
  codec: versionsCodec,
  versioned: false,
  cost: (versions) => ENTRY_BYTES + 50 * (versions?.length ?? 0),
}
export const deadSpec: TableSpec<true> = {
  kind: Kind.DEAD,
  codec: presenceCodec,
  versioned: false,
  cost: () => ENTRY_BYTES,
}
export const orphanSpec: TableSpec<Orphan> = {
  kind: Kind.ORPHAN,
  codec: orphanCodec,
  versioned: false,
  cost: () => ENTRY_BYTES + 50,
}
export const usageSpec: TableSpec<Account> = {
  kind: Kind.USAGE,
  codec: accountCodec,
  versioned: false,
  cost: () => ENTRY_BYTES + 50,
}
export const superblockSpec: TableSpec<Superblock> = {
  kind: Kind.SUPERBLOCK,
  codec: superblockCodec,
  versioned: false,
  cost: () => ENTRY_BYTES + 200,
}
export const datasetSpec: TableSpec<DatasetRecord> = {
  kind: Kind.DATASET,
  codec: datasetCodec,
  versioned: false,
  cost: () => ENTRY_BYTES + 100,
}
export const snapshotSpec: TableSpec<SnapshotRecord> = {
  kind: Kind.SNAPSHOT,
  codec: snapshotCodec,
  versioned: false,
  cost: (snapshot) =>
    ENTRY_BYTES +
    200 +
    (snapshot?.comment.length ?? 0) +
    100 * ((snapshot?.tags.length ?? 0) + (snapshot?.holds.length ?? 0)),
}
export const scheduleSpec: TableSpec<ScheduleRecord> = {
  kind: Kind.SCHEDULE,
  codec: scheduleCodec,
  versioned: false,
  cost: () => ENTRY_BYTES + 100,
}
