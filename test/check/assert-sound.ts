/** What every test of a store that was treated badly may end with. */
import * as assert from 'uvu/assert'
import { type CheckOptions, type CheckReport, checkStore } from '../../src/check/check.ts'
import type { Store } from '../../src/store/store.ts'

/** Passes where a check finds no problem. */
export async function assertSound(store: Store, options: CheckOptions = {}): Promise<CheckReport> {
  const report = await checkStore(store, () => undefined, options)
  assert.equal(report.problems, [])
  return report
}
