/** What is measured: groups of operations that one run of nfsbench does one after the other. */

/** `async`: only changes of metadata differ from `sync`, so only they are measured in it. */
export type Durability = 'sync' | 'async'

export interface Group {
  readonly name: string
  /** nfsbench's operations, in order; `remove` consumes what the one before it made. */
  readonly operations: readonly string[]
  /** Those of them that only prepare the others, and are in no table. */
  readonly preparing?: readonly string[]
  readonly connections: number
  /** Requests outstanding on each connection. */
  readonly inFlight: number
  readonly durabilities: readonly Durability[]
  /** Our server does it twice: also while a snapshot is taken every second. */
  readonly snapshotting?: boolean
  /** More options of nfsbench. */
  readonly options?: readonly string[]
}

/** How much there is: less than in the tables where it is only tried. */
export interface Sizes {
  /** Of which those are chosen whose attributes are read and set. */
  readonly files: number
  /** Bytes of the file that is read and written, whole MiB. */
  readonly fileBytes: number
  /** Names in the directory that is listed. */
  readonly entries: number
}

const BOTH = ['sync', 'async'] as const
const SYNC = ['sync'] as const

/**
 * Deleting comes last: an ext4 under a peer is slower at creating for a long time after it.
 */
export function groupsOf({ files, fileBytes, entries }: Sizes): readonly Group[] {
  const file = ['--file-size', `${fileBytes}`]
  const long = ['--warmup', '3']
  const few = ['--files', `${files}`]
  return [
    {
      name: 'small reads',
      operations: ['null', 'getattr', 'access', 'lookup'],
      ...{ connections: 4, inFlight: 16, durabilities: SYNC, options: few },
    },
    {
      name: 'data, one connection',
      operations: ['read_rand', 'read_seq', 'write_rand', 'write_sync'],
      ...{ connections: 1, inFlight: 16, durabilities: SYNC, options: file },
    },
    {
      name: 'data, four connections',
      operations: ['read_rand', 'write_rand', 'write_sync'],
      ...{ connections: 4, inFlight: 16, durabilities: SYNC, options: file },
    },
    // By itself, as it begins with truncating what was there: after random writes that costs more. A
    // while later, as the first data of a new server goes to places that the system has to find first.
    {
      name: 'writing in order',
      operations: ['write_seq'],
      ...{ connections: 1, inFlight: 16, durabilities: SYNC, options: [...file, ...long] },
      snapshotting: true,
    },
    {
      name: 'one request at a time',
      operations: ['getattr', 'read_rand'],
      ...{ connections: 1, inFlight: 1, durabilities: SYNC, options: [...file, ...few] },
    },
    {
      name: 'listing',
      operations: ['readdir', 'readdirplus'],
      ...{ connections: 1, inFlight: 1, durabilities: SYNC },
      options: ['--entries', `${entries}`],
    },
    {
      name: 'metadata changes',
      operations: ['setattr', 'rename', 'mkdir', 'create'],
      ...{ connections: 4, inFlight: 16, durabilities: BOTH, options: few },
    },
    {
      name: 'deleting',
      operations: ['create', 'remove'],
      preparing: ['create'],
      ...{ connections: 4, inFlight: 16, durabilities: BOTH },
    },
  ]
}

/** How an operation's rate is told: nfsbench's field, and its unit. */
export function rateOf(operation: string): { readonly field: RateField; readonly unit: string } {
  if (operation.startsWith('readdir')) return { field: 'entries_per_s', unit: 'entries/s' }
  if (operation.endsWith('_seq')) return { field: 'mb_per_s', unit: 'MB/s' }
  return { field: 'ops_per_s', unit: 'ops/s' }
}

export type RateField = 'ops_per_s' | 'mb_per_s' | 'entries_per_s'

/** What an operation of nfsbench is, to people. */
export function titleOf(operation: string): string {
  return TITLES[operation] ?? operation.toUpperCase()
}

const TITLES: Readonly<Record<string, string>> = {
  read_rand: 'READ 4 KiB, random',
  read_seq: 'READ 1 MiB, in order',
  write_rand: 'WRITE 4 KiB, random, UNSTABLE',
  write_sync: 'WRITE 4 KiB, random, FILE_SYNC',
  write_seq: 'WRITE 1 MiB, in order, and COMMIT',
}
