/** What is wanted of the ratios, our figure divided by a peer's, and whether they are so. */
import type { PeerName } from './peers.ts'
import type { Durability } from './rows.ts'

/** Ratios of rates, at least this. */
type Rates = Partial<Record<PeerName, number>>

export interface Wanted {
  readonly rate: Rates
  /** Ratio of the CPU for one operation to nfs-ganesha's, at most this. */
  readonly cpu?: number
  /** In the place of the rate: ratio of median latencies, at most this. */
  readonly latency?: number
}

const of = (ganesha: number, unfs3: number, cpu: number): Wanted => {
  return { rate: { 'nfs-ganesha': ganesha, unfs3 }, cpu }
}

const READING: Readonly<Record<string, Wanted>> = {
  null: of(6, 1.2, 1 / 8),
  getattr: of(5, 2.5, 1 / 7),
  access: of(5, 2.5, 1 / 7),
  lookup: of(6, 3, 1 / 8),
  read_rand: of(2.5, 1.5, 1 / 4),
  write_rand: of(2.5, 2, 1 / 4),
  read_seq: of(1.2, 1, 0.7),
  write_seq: of(1.5, 1, 0.5),
  write_sync: of(1.5, 3, 1 / 2),
  readdir: { rate: { 'nfs-ganesha': 2.5 }, cpu: 1 / 3 },
  readdirplus: { rate: { 'nfs-ganesha': 2.5 }, cpu: 1 / 3 },
}

/** No peer syncs these: what `sync` does is more. */
const CHANGING: Readonly<Record<Durability, Readonly<Record<string, Wanted>>>> = {
  sync: {
    ...{ create: of(1.5, 1, 1 / 2), mkdir: of(1.5, 1, 1 / 2) },
    ...{ rename: of(1.5, 1, 1 / 2), remove: of(1.5, 1, 1 / 2), setattr: of(1.5, 1, 1 / 2) },
  },
  async: {
    ...{ create: of(4, 2, 1 / 5), mkdir: of(4, 2, 1 / 5) },
    ...{ rename: of(2.5, 1.5, 1 / 3), remove: of(2.5, 1.5, 1 / 3), setattr: of(2.5, 1.5, 1 / 3) },
  },
}

/** Of writing while a snapshot is taken every second: the rate, of our own without. */
export const BESIDE_SNAPSHOTS = 0.8
/** Of work on the mount of a kernel's client: the speed, of nfs-ganesha's. */
export const ON_A_MOUNT = 1

export function wantedOf(operation: string, mode: Durability, alone: boolean): Wanted {
  if (alone) return { rate: {}, latency: 1 }
  return CHANGING[mode][operation] ?? READING[operation] ?? { rate: {} }
}

/** `2.75 (≥ 2.5) ✓` */
export function atLeast(ratio: number, wanted: number | undefined): string {
  return judged(ratio, wanted, '≥', (shown, bound) => shown >= bound)
}

export function atMost(ratio: number, wanted: number | undefined): string {
  return judged(ratio, wanted, '≤', (shown, bound) => shown <= bound)
}

/** What is shown is what decides: 1.496 is 1.50. */
function judged(
  ratio: number,
  wanted: number | undefined,
  sign: string,
  met: (shown: number, bound: number) => boolean,
): string {
  const shown = ratio.toFixed(ratio < 0.2 ? 3 : 2)
  if (wanted === undefined) return shown
  return `${shown} (${sign} ${shortly(wanted)}) ${met(Number(shown), wanted) ? '✓' : '✗'}`
}

/** `1/8`, or the number as it is. */
function shortly(bound: number): string {
  const part = Math.round(1 / bound)
  const isPart = bound < 1 && Math.abs(part * bound - 1) < 1e-9
  return isPart ? `1/${part}` : `${bound}`
}
