/** A store with several datasets, for tests of commands. */
import * as assert from 'uvu/assert'
import { dir, FakeOperations, file, RESTORED } from '../control/fake.ts'
import { both } from './both.ts'
import type { Ran, World } from './harness.ts'

/** The snapshot that a restore makes to go back to. */
export const SAFETY = RESTORED.safetySnapshot ?? ''

const homes = new WeakMap<FakeOperations, FakeOperations>()

/** The dataset `home` of what `make` has made. */
export function homeOf(root: FakeOperations): FakeOperations {
  const home = homes.get(root)
  assert.ok(home)
  return home as FakeOperations
}

/** The root dataset with `before`, `home` with `nightly` and `weekly`, and `work` with nothing. */
export function make(): FakeOperations {
  const root = new FakeOperations(dir({ top: file('top') }), ['before', SAFETY])
  const files = { 'a.txt': file('hello'), 'b.txt': file('there') }
  const home = new FakeOperations(dir({ alice: dir(files) }), ['nightly', 'weekly', SAFETY])
  homes.set(root, home)
  return root.with('home', home).with('work', new FakeOperations(dir({}), []))
}

/** What is expected of a command, offline and over a socket. */
export function expect(
  argv: readonly string[],
  look: (ran: Ran, root: FakeOperations, home: FakeOperations) => void,
  world: World = {},
): Promise<void> {
  return both(argv, make, (ran, root) => look(ran, root, homeOf(root)), world)
}

export const text = (path: Uint8Array | undefined) => path && Buffer.from(path).toString()
