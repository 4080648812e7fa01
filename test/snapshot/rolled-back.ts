/** Whether a live tree is exactly what a snapshot shows. */
import * as assert from 'uvu/assert'
import { type Attributes, FileType } from '../../src/fs/filesystem.ts'
import { Diff } from '../../src/snapshot/diff.ts'
import type { RollbackSummary } from '../../src/snapshot/rollback-request.ts'
import { Client, text } from '../fs/client.ts'
import type { Subject } from './harness.ts'
import { kept } from './sound.ts'

const BYTES_MAX = 1024 * 1024

export const pastClient = ({ fs, client }: Subject, snapshot: string): Client =>
  new Client(fs, client.id(`.snapshots/${snapshot}`))

/** Everything that can be seen of a tree: names, links, attributes, bytes, targets. */
export async function shapeOf(client: Client): Promise<readonly unknown[]> {
  const links = new Map<number, string>()
  const rows: unknown[] = [['', shape(client.stat('')), client.stat('').nlink]]
  const dirs = ['']
  for (const dir of dirs) {
    for (const name of client.names(dir === '' ? '.' : dir).sort()) {
      const path = dir === '' ? name : `${dir}/${name}`
      const stat = client.stat(path)
      const first = links.get(stat.fileid)
      links.set(stat.fileid, first ?? path)
      rows.push([path, shape(stat), stat.nlink, first, await content(client, path, stat)])
      if (stat.type === FileType.DIR) dirs.push(path)
    }
  }
  return rows
}

/** A directory's size goes with its names. */
const shape = (stat: Attributes): unknown => kept(stat)

async function content(client: Client, path: string, { type }: Attributes): Promise<string> {
  if (type === FileType.LNK) return text(client.fs.readlink(client.cred, client.id(path)))
  if (type !== FileType.REG) return ''
  const data = await client.read(path, 0, BYTES_MAX)
  return Buffer.from(data).toString('base64')
}

/** The live tree is what the snapshot shows, and a diff sees nothing either. */
export async function requireExact(subject: Subject, snapshot: string): Promise<void> {
  subject.reclaim()
  assert.equal(await shapeOf(subject.client), await shapeOf(pastClient(subject, snapshot)))
  const { live, snapshots } = subject
  const told: string[] = []
  const diff = new Diff(live, snapshots, { from: snapshot, to: undefined })
  for await (const { kind, path } of diff.entries()) told.push(`${kind} ${text(path)}`)
  assert.equal(told, [])
}

/** What became of things, without lists. */
export function countsOf(summary: RollbackSummary): Record<string, number> {
  const { created, replaced, attributes, moved, deleted, bytes } = summary
  return { created, replaced, attributes, moved, deleted, bytes }
}

/** Rolls back, and requires the result to be exact, to be what was planned, and to be the end. */
export async function rollBack(subject: Subject, snapshot: string): Promise<RollbackSummary> {
  const before = await shapeOf(subject.client)
  const dry = await subject.rollback(snapshot, true)
  assert.is(dry.safetySnapshot, undefined)
  assert.equal(dry.failed, [])
  assert.equal(await shapeOf(subject.client), before, 'a dry run changes nothing')
  const summary = await subject.rollback(snapshot)
  assert.equal(summary.failed, [])
  await requireExact(subject, snapshot)
  const planned = countsOf(dry)
  assert.equal(countsOf(summary), planned)
  const { safetySnapshot } = summary
  assert.is(safetySnapshot === undefined, dry.plan.length === 0)
  if (safetySnapshot !== undefined) {
    assert.equal(await shapeOf(pastClient(subject, safetySnapshot)), before)
  }
  const again = await subject.rollback(snapshot)
  assert.is(again.safetySnapshot, undefined, 'a second run has nothing to do')
  assert.equal(Object.values(countsOf(again)), [0, 0, 0, 0, 0, 0])
  return summary
}
