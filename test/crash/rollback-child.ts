/** A process that rolls a store's dataset back, to be killed: `rollback-child.ts DIR SNAPSHOT`. */
import { withOpened } from '../snapshot/harness.ts'

const [directory = '', snapshot = ''] = process.argv.slice(2)

await withOpened(directory, async (subject) => {
  await subject.resume()
  process.stdout.write('ready\n')
  await subject.rollback(snapshot)
  await subject.store.flush()
})
