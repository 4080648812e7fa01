/** Runs of blocks, as they are read from disk: what lies side by side comes by one call. */
import { BlockError, FILE_BLOCKS } from './blocks-files.ts'
import { findDamage } from './checksum.ts'
import { BLOCK_BYTES } from './records.ts'

/** Consecutive blocks of one file that have to come from disk. */
export interface Run {
  /** The first one's place in the caller's arrays. */
  readonly index: number
  readonly address: number
  count: number
}

/** Bytes of all runs. */
export function bytesOf(runs: readonly Run[]): number {
  let blocks = 0
  for (const { count } of runs) blocks += count
  return blocks * BLOCK_BYTES
}

/** Whether the block, at place `index` of the caller's arrays, comes right behind the run. */
export function continues(run: Run, index: number, address: number): boolean {
  return (
    run.index + run.count === index &&
    run.address + run.count === address &&
    address % FILE_BLOCKS !== 0
  )
}

/** Where a run's bytes go, if element 0 of the caller's arrays goes to byte `base`. */
export function part({ index, count }: Run, into: Uint8Array, base: number): Uint8Array {
  const from = base + index * BLOCK_BYTES
  return into.subarray(from, from + count * BLOCK_BYTES)
}

/** @throws BlockError for the first block that is not what its checksum says */
export function verifyRuns(
  runs: readonly Run[],
  checksums: Uint32Array,
  into: Uint8Array,
  base: number,
): void {
  for (const run of runs) {
    const damaged = findDamage(part(run, into, base), checksums, run.index)
    if (damaged >= 0) throw new BlockError(run.address + damaged, 'does not match its checksum')
  }
}

/** The addresses of consecutive blocks. */
export function consecutive(address: number, count: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => address + i)
}
