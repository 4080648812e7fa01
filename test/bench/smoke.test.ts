/**
 * The benchmarks run, at sizes that measure nothing: that they work, not what they show. Those that
 * send requests over TCP do it with bench/load.ts, as nfsbench is no part of this project.
 */
import { spawnSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { withFolder } from '../store/open-store.ts'

const test = suite('bench')

/** So that one that hangs is a failure which tells which one. */
const SECONDS_MAX = 120

/** What a benchmark prints. @throws where it fails */
function run(name: string, args: readonly string[]): string {
  const command = ['--import', 'tsx', `bench/${name}.ts`, ...args]
  const limits = { encoding: 'utf8', timeout: SECONDS_MAX * 1000 } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, command, limits)
  assert.is(status, 0, `${name} ended with code ${status}:\n${stderr}`)
  return stdout
}

/** The rows of a markdown table: the first cell, and what is in the others. */
function rowsOf(text: string): Map<string, readonly string[]> {
  const lines = text.split('\n').filter((line) => line.startsWith('| '))
  return new Map(
    lines.slice(1).map((line) => {
      const [, head = '', ...cells] = line.split('|').map((cell) => cell.trim())
      return [head, cells.slice(0, -1)]
    }),
  )
}

const ALL = [
  ...['all', 'compare', 'kernel', 'clients', 'snapshots', 'diff', 'restore', 'deletion'],
  ...['readers', 'flat', 'btrfs', 'load'],
]

for (const name of ALL) {
  test(`${name} --help tells how to run it, and runs nothing`, () => {
    assert.match(
      run(name, ['--help']),
      new RegExp(`^Usage: (npx tsx bench/${name}.ts|npm run bench)`),
    )
  })
}

test('snapshots tells the cost of everything that is done with them, for each size', () =>
  withFolder(async (dir) => {
    const sizes = ['--files', '20,40', '--changes', '8', '--rounds', '1']
    const rows = rowsOf(run('snapshots', [...sizes, '--dir', dir]))
    assert.equal(
      [...rows.keys()],
      [
        'create',
        'first write of 4 KiB after it',
        'second write of it',
        'delete, nothing changed',
        'delete after 8 changes',
        'diff of 8 changes',
        'restore of one file',
        'restore of the tree, 8 changed',
        'rollback of 8 changes',
        'peak memory of the process',
      ],
    )
    const recordsOf = (cell = '') => /([\d,]+) records/.exec(cell)?.[1]
    const created = rows.get('create')?.slice(0, 2).map(recordsOf) ?? []
    assert.ok(Number(created[0]) < 10, `${created[0]} records for a snapshot`)
    assert.is(created[0], created[1], 'a snapshot is as many records, whatever it holds')
  }))

test('restore reads and writes no file data', () =>
  withFolder(async (dir) => {
    const sizes = ['--large', '3', '--files', '40', '--rounds', '1']
    const rows = rowsOf(run('restore', [...sizes, '--dir', dir]))
    assert.is(rows.size, 5)
    for (const [what, [, , , ...counted]] of rows) {
      assert.equal(counted.slice(0, 2), ['0 B', '0 B'], `${what}: data read and written`)
    }
    assert.equal(rows.get('a tree of 40 files, to another name')?.slice(1, 3), ['40', '160.0 KiB'])
  }))

test('diff finds the changes that it made', () =>
  withFolder(async (dir) => {
    const told = run('diff', ['--files', '40', '--changes', '8', '--dir', dir])
    assert.match(told, /^40 files, 8 changes told: \d+ ms cold, \d+ ms warm$/m)
  }))

const OWN_LOAD = ['--nfsbench', 'own', '--rounds', '1', '--seconds', '0.05'] as const

test('compare measures every operation, in each mode that it has', () =>
  withFolder(async (dir) => {
    const sizes = ['--files', '20', '--file', '2', '--entries', '50', '--no-peer', '--dir', dir]
    const lines = run('compare', [...OWN_LOAD, ...sizes]).split('\n')
    const measured = lines.filter((line) => / us \| +\| +\|$/.test(line))
    const modes = measured.map((line) => line.split('|').map((cell) => cell.trim())[3])
    assert.is(modes.filter((mode) => mode === 'sync').length, 21)
    assert.is(modes.filter((mode) => mode === 'async').length, 5)
    for (const line of measured) assert.not.match(line, /\| 0 ·|NaN/)
    const beside = lines.at(-3) ?? ''
    assert.match(beside, /^\| WRITE 1 MiB.* \(≥ 0.8\) [✓✗] \| /, 'beside snapshots')
  }))

test('clients measures some operations with more and more connections', () =>
  withFolder(async (dir) => {
    const sizes = ['--connections', '1,3', '--file', '1', '--no-peer', '--dir', dir]
    const rows = rowsOf(run('clients', [...OWN_LOAD, ...sizes]))
    assert.is(rows.size, 5)
    for (const [what, [, ...cells]] of rows) {
      assert.is(cells.length, 2)
      assert.match(cells.join(), /^[\d,.]+ (·.* us|MiB),[\d,.]+ (·.* us|MiB)$/, what)
    }
  }))

test('deletion measures writing, alone and while a snapshot is deleted', () =>
  withFolder(async (dir) => {
    const sizes = ['--files', '40', '--large', '1', '--dir', dir]
    const rows = rowsOf(run('deletion', [...OWN_LOAD, ...sizes]))
    assert.is(rows.size, 3)
    for (const [what, cells] of rows) assert.match(cells.join(), /\d us,.*\d us,\d/, what)
  }))

test('readers measures reading beside snapshots, and lists all of them', () =>
  withFolder(async (dir) => {
    const sizes = ['--snapshots', '3', '--files', '40', '--changes', '4', '--dir', dir]
    const rows = rowsOf(run('readers', [...OWN_LOAD, ...sizes]))
    assert.is(rows.size, 6)
    assert.match(rows.get('listing .snapshots of 3')?.[1] ?? '', / ms$/)
  }))

test('btrfs compares both sides, or tells why it cannot', () =>
  withFolder(async (dir) => {
    const sizes = ['--files', '40', '--changes', '8', '--large', '1', '--rounds', '1']
    const text = run('btrfs', [...sizes, '--dir', dir])
    if (text.startsWith('btrfs is left out: ')) return
    const rows = rowsOf(text)
    assert.is(rows.size, 6)
    for (const [what, cells] of rows) assert.match(cells[1] ?? '', / ms$/, what)
  }))

test.run()
