/** Bounded concurrency. */

/** Runs `run` for each item, a few at once; where one throws, the others end first. */
export async function atOnce<T>(
  many: number,
  items: readonly T[],
  run: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items]
  let failed = false
  const work = async () => {
    for (let item = left.shift(); item !== undefined && !failed; item = left.shift()) {
      try {
        await run(item)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const results = await Promise.allSettled(Array.from({ length: many }, work))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
