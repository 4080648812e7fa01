import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { COUNT_AFTER_ENTRIES } from '../../src/snapshot/restore-progress.ts'
import type { RestoreProgress } from '../../src/snapshot/restore-request.ts'
import { bytes } from '../fs/client.ts'
import type { Subject } from './harness.ts'
import { sound } from './sound.ts'

const test = suite('snapshot/restore: how far it is')
const on = sound(test)

/** Directories of 100 names of one file, which is quickly made. */
function makeNames({ client, snapshots }: Subject, count: number): void {
  client.create('f')
  client.mkdir('d')
  for (let i = 0; i < count; i++) {
    if (i % 100 === 0) client.mkdir(`d/${i}`)
    client.link('f', `d/${i - (i % 100)}/${i}`)
  }
  snapshots.create('s')
}

const seenBy = (subject: Subject, more: object) => {
  const seen: RestoreProgress[] = []
  const to = bytes('copy')
  return subject
    .restore('s', 'd', { to, ...more }, (step) => seen.push(step as RestoreProgress))
    .then(() => seen)
}

on('a short restore is not counted before', async (subject) => {
  makeNames(subject, 200)
  const seen = await seenBy(subject, {})
  assert.ok(seen.length >= 10)
  assert.ok(seen.every(({ phase, total }) => phase === 'restore' && total === undefined))
})

on('a long one tells how much there is, phase by phase', async (subject) => {
  const names = COUNT_AFTER_ENTRIES + 1500
  makeNames(subject, names)
  const seen = await seenBy(subject, { verify: true })
  const [last] = seen.slice(-1)
  const entries = names + Math.ceil(names / 100) + 1
  assert.equal([last?.phase, last?.total], ['verify', entries])
  const restoring = seen.filter(({ phase }) => phase === 'restore')
  assert.is(restoring[0]?.total, undefined)
  assert.is(restoring.at(-1)?.total, entries)
  for (const [i, { done }] of restoring.entries()) {
    assert.ok(done > (restoring[i - 1]?.done ?? 0) && done <= entries)
  }
})

test.run()
