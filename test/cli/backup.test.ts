/** `zerofs-nfs backup`. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FsError } from '../../src/fs/error.ts'
import { FakeOperations } from '../control/fake.ts'
import { both, documents } from './both.ts'
import { cli } from './harness.ts'

const test = suite('cli: backup')

const fake = () => new FakeOperations()
const GIB = 2 ** 30

test('the first one, and a later one', async () => {
  await both(['backup', '/mnt/b'], fake, ({ code, stdout }, { backups }) => {
    assert.is(code, 0)
    assert.is(stdout, 'backed up in /mnt/b: 3 GiB of 3 GiB copied, 120 records, in 0.0 s\n')
    assert.equal(backups, [{ directory: '/mnt/b', bytesPerSecond: 0 }])
  })
  const later = () => {
    const one = fake()
    const counts = { first: false, written: 7, deleted: 2, copiedBytes: 4096 }
    one.backupAnswer = { ...one.backupAnswer, ...counts }
    return one
  }
  await both(['backup', 'b', '--rate', '50M'], later, ({ stdout }, { backups }) => {
    assert.match(
      stdout,
      'brought up to date in /work/b: 4 KiB of 3 GiB copied, 7 records, 2 removed',
    )
    assert.equal(backups, [{ directory: '/work/b', bytesPerSecond: 50 * 2 ** 20 }])
  })
})

test('what is damaged is listed, and the exit code says so', async () => {
  const damaged = () => {
    const one = fake()
    one.backupAnswer = {
      ...one.backupAnswer,
      problems: ["'a' (inode 7): bytes 0 to 4095 are damaged"],
    }
    return one
  }
  await both(['backup', '/mnt/b'], damaged, ({ code, stdout, stderr }) => {
    assert.is(code, 3)
    assert.match(stderr, "damaged: 'a' (inode 7): bytes 0 to 4095 are damaged\n")
    assert.match(stderr, '1 problem: this is damaged in the backup, too')
    assert.match(stdout, 'backed up in')
  })
  await both(['backup', '/mnt/b', '--json'], damaged, ({ code, stdout }) => {
    assert.is(code, 3)
    const [last] = documents(stdout).slice(-1)
    assert.is(last.event, 'backed-up')
    assert.is(last.directory, '/mnt/b')
    assert.is(last.problems.length, 1)
  })
})

test('on a terminal, how far it is, how fast, and how long it still takes', async () => {
  const operations = fake()
  operations.backupSteps = [
    { phase: 'compare', records: 1000, doneBytes: 0, totalBytes: 0 },
    { phase: 'copy', records: 5000, doneBytes: 0, totalBytes: 3 * GIB },
    { phase: 'copy', records: 5000, doneBytes: GIB, totalBytes: 3 * GIB },
    { phase: 'finish', records: 5000, doneBytes: 3 * GIB, totalBytes: 3 * GIB },
  ]
  const { stderr } = await cli(['backup', '/mnt/b'], { operations, terminal: 100, tickMs: 4000 })
  assert.match(stderr, 'comparing, 1,000 records')
  assert.match(stderr, '[#######-------------]  33%  1 GiB of 3 GiB, 256 MiB/s, 8 seconds left')
  assert.match(stderr, 'putting the backup in place')
})

test('what is wrong with it is a sentence', async () => {
  const { code, stderr } = await cli(['backup', '/mnt/b', '--rate', 'fast'], { operations: fake() })
  assert.is(code, 2)
  assert.match(stderr, "--rate is a number of bytes, as 50M, not 'fast'")
  assert.is((await cli(['backup'], { operations: fake() })).code, 2)
  const refused = () => {
    const one = fake()
    one.broken = new FsError('INVAL', '/mnt/b is not empty, and no backup')
    return one
  }
  await both(['backup', '/mnt/b'], refused, (ran) => {
    assert.is(ran.code, 1)
    assert.match(ran.stderr, 'zerofs-nfs: /mnt/b is not empty, and no backup')
  })
})

test.run()
