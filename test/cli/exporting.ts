/** Restores to the disk, from a tree in memory. */
import * as fs from 'node:fs'
import * as assert from 'uvu/assert'
import { TEMPORARY_NAME } from '../../src/cli/export-local.ts'
import { FakeOperations, type Node } from '../control/fake.ts'
import { withTempDir } from '../control/tempdir.ts'
import { cli, type Ran } from './harness.ts'

/** Names left behind that are not finished. */
export function temporaries(path: string): string[] {
  return fs
    .readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => TEMPORARY_NAME.test(name.split('/').at(-1) ?? ''))
}

export interface Given {
  /** Fills the directory before. */
  readonly prepare?: (path: string, fake: FakeOperations) => void
  readonly uid?: number
}

/** Restores from `root` with the disk's real user, into a fresh directory. */
export async function restoring(
  root: Node,
  argv: readonly string[],
  look: (path: string, ran: Ran, fake: FakeOperations) => Promise<void> | void,
  given: Given = {},
): Promise<void> {
  await withTempDir(async (path) => {
    const fake = new FakeOperations(root)
    given.prepare?.(path, fake)
    const ran = await cli(['restore', '--snapshot', 'before', ...argv], {
      ...{ operations: fake, cwd: path, uid: given.uid ?? process.getuid?.() ?? 1000 },
    })
    assert.equal(temporaries(path), [], 'nothing unfinished stays')
    assert.ok(fake.closed)
    await look(path, ran, fake)
  })
}
