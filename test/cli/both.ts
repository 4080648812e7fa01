/** What tests of commands have in common. */
import * as assert from 'uvu/assert'
import type { FakeOperations } from '../control/fake.ts'
import { cli, type Ran, type World, withServed } from './harness.ts'

/** Runs a command offline, and over the socket of a server: they must not differ. */
export async function both(
  argv: readonly string[],
  make: () => FakeOperations,
  look: (ran: Ran, fake: FakeOperations) => void,
  world: World = {},
): Promise<void> {
  const local = make()
  look(await cli(argv, { operations: local, ...world }), local)
  assert.ok(local.closed)
  const served = make()
  await withServed(served, async (run) => {
    const { stdout, ...ran } = await run(argv, world)
    // The folder of the store is named where it is not the default.
    look({ ...ran, stdout: stdout.replace(/ --data \S+/g, '') }, served)
  })
  assert.not.ok(served.closed)
}

export const lines = (text: string) => text.trim().split('\n')
export const documents = (text: string) => lines(text).map((line) => JSON.parse(line))
