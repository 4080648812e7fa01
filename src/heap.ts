/**
 * Keeps V8's heap small: without it, V8 lets garbage grow to several times what is in use before it
 * collects, as long as the machine has memory.
 *
 * V8's own option for it, --max-old-space-size, works only on node's command line, and a command
 * that starts another one to pass it costs every start. What does work at any time is the factor by
 * which the old generation may grow until the next collection. It is set anew after each, so that
 * what is in use and the garbage beside it stay within the share.
 */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'

/** The young generation, in bytes: three semi-spaces of 16 MiB, of which two are in use. */
const YOUNG_BYTES = 32 * 2 ** 20
/** In percent of what is in use. Below the least, nothing but collecting would be done. */
const GROWTH_MIN = 15
/** V8 never lets it grow by more than this of its own accord. */
const GROWTH_MAX = 300

/**
 * By how many percent a heap may grow until the next collection.
 *
 * @param used bytes in use
 * @param share bytes that it may take in all
 */
export function heapGrowth(used: number, share: number): number {
  const percent = Math.floor(((share - YOUNG_BYTES) / Math.max(used, 1) - 1) * 100)
  return Math.min(GROWTH_MAX, Math.max(GROWTH_MIN, percent))
}

function kindOf(collection: PerformanceEntry): number | undefined {
  return 'detail' in collection ? (collection.detail as { kind?: number }).kind : undefined
}

/** Keeps the heap of this process within so many bytes. @returns what ends it */
export function limitHeap(share: number): () => void {
  const limit = () => {
    const growth = heapGrowth(getHeapStatistics().used_heap_size, share)
    setFlagsFromString(`--heap-growing-percent=${growth}`)
  }
  limit()
  const observer = new PerformanceObserver((list) => {
    const major = constants.NODE_PERFORMANCE_GC_MAJOR
    if (list.getEntries().some((collection) => kindOf(collection) === major)) limit()
  })
  observer.observe({ entryTypes: ['gc'] })
  return () => observer.disconnect()
}
