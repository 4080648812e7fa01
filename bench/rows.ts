/** What is measured: groups of operations that one run of nfsbench does one after the other. */

/** `async`: only changes of metadata differ from `sync`, so only they are measured in it. */
export type Durability = 'sync' | 'async'

export interface Group {
  readonly name: string
  /** nfsbench's operations, in order; `remove` consumes what the one before it made. */
  readonly operations: readonly string[]
  readonly connections: number
  /** Requests outstanding on each connection. */
  readonly inFlight: number
  readonly durabilities: readonly Durability[]
  /** More options of nfsbench. */
  readonly options?: readonly string[]
}

const BOTH = ['sync', 'async'] as const
const SYNC = ['sync'] as const

/**
 * Deleting comes last: an ext4 under a peer is slower at creating for a long time after it.
 */
export const GROUPS: readonly Group[] = [
  {
    name: 'small reads',
    operations: ['null', 'getattr', 'access', 'lookup'],
    connections: 4,
    inFlight: 16,
    durabilities: SYNC,
  },
  {
    name: 'data, one connection',
    operations: ['read_rand', 'read_seq', 'write_rand', 'write_seq', 'write_sync'],
    connections: 1,
    inFlight: 16,
    durabilities: SYNC,
  },
  {
    name: 'data, four connections',
    operations: ['read_rand', 'write_rand', 'write_sync'],
    connections: 4,
    inFlight: 16,
    durabilities: SYNC,
  },
  {
    name: 'one request at a time',
    operations: ['getattr', 'read_rand'],
    connections: 1,
    inFlight: 1,
    durabilities: SYNC,
  },
  {
    name: 'listing 100,000 entries',
    operations: ['readdir', 'readdirplus'],
    connections: 1,
    inFlight: 1,
    durabilities: SYNC,
    options: ['--entries', '100000'],
  },
  {
    name: 'metadata changes',
    operations: ['setattr', 'rename', 'mkdir', 'create'],
    connections: 4,
    inFlight: 16,
    durabilities: BOTH,
  },
  {
    name: 'deleting',
    operations: ['create', 'remove'],
    connections: 4,
    inFlight: 16,
    durabilities: BOTH,
  },
]

/** How an operation's rate is told: nfsbench's field, and its unit. */
export function rateOf(operation: string): { readonly field: RateField; readonly unit: string } {
  if (operation.startsWith('readdir')) return { field: 'entries_per_s', unit: 'entries/s' }
  if (operation.endsWith('_seq')) return { field: 'mb_per_s', unit: 'MB/s' }
  return { field: 'ops_per_s', unit: 'ops/s' }
}

export type RateField = 'ops_per_s' | 'mb_per_s' | 'entries_per_s'
