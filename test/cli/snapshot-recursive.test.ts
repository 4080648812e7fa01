import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dir, FakeOperations } from '../control/fake.ts'
import { both, documents, lines } from './both.ts'

Object.assign(process.env, { TZ: 'UTC' })

const test = suite('cli: snapshots of all datasets')

function fake(): FakeOperations {
  const operations = new FakeOperations(dir({}))
  const [root] = operations.datasets.all
  assert.ok(root)
  operations.datasets.all = [root, { ...root, id: 10, name: 'home' }]
  return operations
}

function withSome(): FakeOperations {
  const operations = fake()
  operations.recursive.snapshots = [
    { dataset: '', id: 20, name: 'x' },
    { dataset: 'home', id: 21, name: 'x' },
  ]
  return operations
}

const SOME = [
  { dataset: '', id: 20, name: 'x' },
  { dataset: 'home', id: 21, name: 'x' },
]

test('snapshot create --recursive tells of which datasets', async () => {
  await both(['snapshot', 'create', 'x', '--recursive'], fake, ({ code, stdout }) => {
    const made = "snapshot 'x' of 2 datasets made at 2025-11-22 20:14:05"
    assert.equal([code, lines(stdout)], [0, ['/', 'home', made]])
  })
  const argv = ['snapshot', 'create', 'x', '-r', '--comment', 'c', '--tag', 't', '--json']
  await both(argv, fake, ({ stdout }) => {
    assert.equal(documents(stdout), [
      {
        ...{ name: 'x', created: '2025-11-22T20:14:05.000005000Z', comment: 'c', tags: ['t'] },
        snapshots: SOME,
      },
    ])
  })
})

test('snapshot create --recursive where one is there', async () => {
  await both(['snapshot', 'create', 'x', '--recursive'], withSome, ({ code, stderr }) => {
    assert.equal([code, stderr], [1, "zerofs-nfs: in dataset '': it exists\n"])
  })
})

test('snapshot delete --recursive tells what went, and where', async () => {
  const argv = ['snapshot', 'delete', 'x', '--recursive']
  await both(argv, withSome, ({ code, stdout }, { recursive }) => {
    assert.equal(
      [code, lines(stdout)],
      [0, ['/     x', 'home  x', '2 snapshots deleted, 4 KiB freed']],
    )
    assert.equal(recursive.deletions, [{ words: ['x'], dryRun: false, background: false }])
  })
  await both([...argv, '--dry-run', '--json'], withSome, ({ stdout }, { recursive }) => {
    assert.equal(documents(stdout), [{ wouldDelete: SOME, wouldFreeBytes: 4096 }])
    assert.is(recursive.snapshots.length, 2)
  })
  await both([...argv, '--background', '--json'], withSome, ({ stdout }) => {
    assert.equal(documents(stdout), [{ deleted: SOME }])
  })
  await both([...argv], fake, ({ code }) => assert.is(code, 4))
})

test('all datasets and one are not named together', async () => {
  for (const action of ['create', 'delete']) {
    const argv = ['snapshot', action, 'x', '--recursive', '--dataset', '/']
    await both(argv, fake, ({ code, stderr }) => {
      assert.is(code, 2)
      assert.match(stderr, /--recursive is about all datasets, --dataset about one/)
    })
  }
})

test.run()
