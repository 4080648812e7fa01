import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FsError } from '../../src/fs/error.ts'
import { bytes } from '../fs/client.ts'
import type { Subject } from './harness.ts'
import { removeTree, sound } from './sound.ts'

const test = suite('snapshot/restore: what is refused')
const on = sound(test)

/** What a restore is refused with, before it has changed anything. */
async function refused(subject: Subject, ...args: Parameters<Subject['restore']>): Promise<string> {
  try {
    await subject.restore(...args)
  } catch (error) {
    if (error instanceof FsError) return `${error.code}: ${error.message}`
    throw error
  }
  return assert.unreachable('it was not refused') as never
}

on('a wrong name or path is refused with what is not there and what is', async (subject) => {
  const { client, snapshots } = subject
  client.mkdir('d')
  client.mkdir('d/none')
  for (let i = 0; i < 12; i++) client.create(`d/${i}`)
  client.create('f')
  snapshots.create('001')
  client.mkdir('live')
  const before = client.entries('')
  const rows: [Parameters<Subject['restore']>, string][] = [
    [['1', 'f'], `NOENT: no snapshot '1'; there are: 001`],
    [['001', 'g'], `NOENT: 'g' is not in snapshot '001'; the root directory holds: d, f`],
    [['001', 'live'], `NOENT: 'live' is not in snapshot '001'; the root directory holds: d, f`],
    [['001', 'd/none/x'], `NOENT: 'd/none/x' is not in snapshot '001'; 'd/none' is empty`],
    [
      ['001', 'd/x/y'],
      `NOENT: 'd/x' is not in snapshot '001'; 'd' holds: none, 0, 1, 2, 3, 4, 5, 6, 7, 8, ...`,
    ],
    [['001', 'f/x'], `NOTDIR: 'f' is no directory in snapshot '001'`],
    [
      ['001', 'x\n\xff'],
      `NOENT: 'x\\x0a\\xff' is not in snapshot '001'; the root directory holds: d, f`,
    ],
    [['001', ['f', 'g']], `NOENT: 'g' is not in snapshot '001'; the root directory holds: d, f`],
    [['001', '../f'], `INVAL: a path cannot have '..' in it: ../f`],
    [['001', '.snapshots/001/f'], `INVAL: a path cannot have '.snapshots' in it: .snapshots/001/f`],
    [
      ['001', 'f', { to: bytes('x/y') }],
      `NOENT: 'x' is not in the file system; the root directory holds: d, f, live`,
    ],
    [
      ['001', 'f', { to: bytes('f/y') }],
      `NOTDIR: 'f/y' cannot be made: its parent is no directory`,
    ],
    [
      ['001', 'f', { to: bytes('live/.snapshots') }],
      `INVAL: a path cannot have '.snapshots' in it: live/.snapshots`,
    ],
    [
      ['001', ['f', 'd'], { to: bytes('x') }],
      `NOTDIR: 'x' is no directory, to which several paths can go`,
    ],
    [['001', ['d/1', 'd/../d/1']], `INVAL: a path cannot have '..' in it: d/../d/1`],
    [['001', ['f', 'f'], { to: bytes('live') }], `INVAL: 'f' and 'f' cannot both come to 'live/f'`],
  ]
  for (const [args, sentence] of rows) assert.is(await refused(subject, ...args), sentence)
  assert.equal(client.entries(''), before)
  assert.is(snapshots.list().length, 1)
})

on('a path whose live parent is a file fails, and the others come back', async (subject) => {
  const { client, snapshots } = subject
  client.mkdir('d')
  client.create('d/f')
  client.create('g')
  snapshots.create('s')
  removeTree(client, 'd')
  client.remove('g')
  client.create('d')
  const { failed, files } = await subject.restore('s', ['d/f', 'g'])
  assert.equal(failed, [{ path: Buffer.from('d/f'), reason: `'d' is no directory` }])
  assert.is(files, 1)
  assert.ok(client.has('g'))
})

on('of very many failures the summary names some and counts the others', async (subject) => {
  const { client, snapshots } = subject
  client.mkdir('d')
  for (let i = 0; i < 1010; i++) client.create(`d/${i}`)
  snapshots.create('s')
  for (let i = 0; i < 1010; i++) {
    client.remove(`d/${i}`)
    client.mkdir(`d/${i}`)
    client.mkdir(`d/${i}/x`)
  }
  const { failed } = await subject.restore('s', 'd')
  assert.is(failed.length, 1001)
  assert.equal(failed.at(-1), { path: Buffer.from('d'), reason: '10 more could not be restored' })
})

test.run()
