/** `zerofs-nfs scrub`, and what `status` tells of it; `check --repair`. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RepairReport } from '../../src/check/repair.ts'
import type { ScrubStatus } from '../../src/check/scrub.ts'
import { FakeOperations } from '../control/fake.ts'
import { both, documents, lines } from './both.ts'
import { cli, NOW_MS } from './harness.ts'

const test = suite('cli: scrub')

const NOW = NOW_MS / 1000
const LAST = {
  ...{ started: NOW - 7260, ended: NOW - 7200, inodes: 12, blocks: 512, snapshots: 2 },
  ...{ problemCount: 0, problems: [] },
}
const RUNNING = { started: NOW - 60, done: '5 records read', doneBytes: 0, totalBytes: 0 }
const SOUND: ScrubStatus = { running: undefined, last: LAST, failure: undefined }
const PROBLEMS = { problemCount: 1, problems: ["'a' (inode 7): bytes 0 to 4095 are damaged"] }
const DAMAGED: ScrubStatus = { ...SOUND, last: { ...LAST, ...PROBLEMS } }

const answering =
  (...scrubAnswers: readonly ScrubStatus[]) =>
  () =>
    Object.assign(new FakeOperations(), { scrubAnswers })

test('it waits for the result', async () => {
  const running = { ...RUNNING, doneBytes: 2 ** 20, totalBytes: 2 ** 21 }
  const steps = [{ ...SOUND, running: RUNNING }, { ...SOUND, running }, SOUND]
  await both(['scrub'], answering(...steps), ({ code, stdout }, { scrubs }) => {
    assert.is(code, 0)
    assert.is(stdout, 'scrubbed 12 files and 2 MiB in 1 minute: no problems\n')
    assert.equal(scrubs, ['start', 'status', 'status'])
  })
  const terminal = { operations: answering(...steps)(), terminal: 80, tickMs: 2000 }
  const { stderr } = await cli(['scrub'], terminal)
  assert.match(stderr, 'scrubbing metadata: 5 records read')
  assert.match(stderr, '[##########----------]  50%  1 MiB of 2 MiB')
})

test('what it finds is listed, and the exit code says so', async () => {
  await both(['scrub'], answering(DAMAGED), ({ code, stdout }) => {
    assert.is(code, 1)
    assert.equal(lines(stdout), [
      "problem: 'a' (inode 7): bytes 0 to 4095 are damaged",
      'scrubbed 12 files and 2 MiB in 1 minute: 1 problem',
    ])
  })
  await both(['scrub', 'status', '--json'], answering(DAMAGED), ({ code, stdout }) => {
    assert.is(code, 1)
    const [{ last, running }] = documents(stdout)
    assert.equal(
      [running, last.problemCount, last.ended],
      [null, 1, '2025-11-22T20:14:05.000000000Z'],
    )
  })
})

test('one that did not go to its end is an error', async () => {
  const failed = { ...SOUND, failure: 'it was stopped' }
  await both(['scrub'], answering(failed), ({ code, stderr }) => {
    assert.is(code, 1)
    assert.match(stderr, 'it did not go to its end: it was stopped')
  })
})

test('start, status, stop', async () => {
  const running = { ...SOUND, running: RUNNING }
  await both(['scrub', 'start'], answering(running), ({ code, stdout }) => {
    assert.is(code, 0)
    assert.match(stdout, "a scrub runs; 'zerofs-nfs scrub status' tells how far it is")
  })
  await both(['scrub', 'status'], answering(running), ({ code, stdout }) => {
    assert.is(code, 0)
    const told = ['running since 1 minute ago: 5 records read', '2 hours ago: no problems']
    assert.equal(lines(stdout), told)
  })
  await both(['scrub', 'stop'], answering(running, SOUND), ({ stdout }, { scrubs }) => {
    assert.is(stdout, 'the scrub was stopped\n')
    assert.equal(scrubs, ['status', 'stop'])
  })
  const idle = answering({ ...SOUND, last: undefined })
  await both(['scrub', 'stop'], idle, ({ stdout }) => assert.is(stdout, 'no scrub was running\n'))
  await both(['scrub', 'status'], idle, ({ stdout }) =>
    assert.is(stdout, 'never done to its end\n'),
  )
  const wrong = await cli(['scrub', 'begin'], { operations: idle() })
  assert.is(wrong.code, 2)
  assert.match(wrong.stderr, "a scrub can be told to start, status or stop, not 'begin'")
  const operations = idle()
  operations.statusAnswer = { ...operations.statusAnswer, state: 'offline' }
  const offline = await cli(['scrub', 'start'], { operations })
  assert.is(offline.code, 1)
  assert.match(
    offline.stderr,
    "no server runs that could go on with it; use 'zerofs-nfs scrub' alone",
  )
})

test('Ctrl-C ends it', async () => {
  const operations = answering({ ...SOUND, running: RUNNING })()
  const ran = await cli(['scrub'], { operations, onStart: (send) => setImmediate(send, 'SIGINT') })
  assert.is(ran.code, 130)
  assert.ok(operations.scrubs.includes('stop'))
})

test('status tells of the last one', async () => {
  await both(['status'], answering(DAMAGED), ({ stdout }) => {
    assert.match(stdout, /scrub +2 hours ago: 1 problem/)
  })
})

test('check --repair tells what it did, and what is left', async () => {
  const outcomes: RepairReport[] = [
    { found: ['nlink of 7 is 2, not 1'], repaired: ['nlink of 7 is now 1'], problems: [] },
    { found: ['a', 'b'], repaired: [], problems: ['a', 'b'] },
  ]
  const [whole, none] = outcomes.map((outcome) => ({ repair: async () => outcome }))
  const ran = await cli(['check', '--repair'], { parts: whole ?? {} })
  assert.is(ran.code, 0)
  assert.equal(lines(ran.stdout), [
    'found: nlink of 7 is 2, not 1',
    'repaired: nlink of 7 is now 1',
    '1 problem found, 1 repair: nothing is left',
  ])
  const left = await cli(['check', '--repair', '--json'], { parts: none ?? {} })
  assert.is(left.code, 1)
  assert.equal(documents(left.stdout), [{ event: 'repaired', ...outcomes[1] }])
})

test.run()
