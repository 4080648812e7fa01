import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Export, type ExportOptions, Exports, NOBODY } from '../../src/nfs/exports.ts'
import type { Caller, Credential } from '../../src/rpc/program.ts'
import { as, LOCAL, REMOTE } from './harness.ts'

const test = suite('nfs/exports')

const NONE: Credential = { flavor: 'AUTH_NONE' }
const make = (options: Partial<ExportOptions> = {}) => new Export({ path: '/', ...options })

/** uid, gid and gids as the export takes them. */
function idsOf(one: Export, caller: Caller, credential: Credential): unknown {
  const { uid, gid, gids } = one.credOf(caller, credential)
  return [uid, gid, [...gids]]
}

test('root from this machine is root, root from elsewhere is nobody', () => {
  assert.equal(idsOf(make(), LOCAL, as(0, 0, [0, 5])), [0, 0, [0, 5]])
  assert.equal(idsOf(make(), REMOTE, as(0, 0, [0, 5])), [NOBODY, NOBODY, [NOBODY, 5]])
})

test('a remote uid keeps its ids but for those that are 0', () => {
  assert.equal(idsOf(make(), REMOTE, as(7, 8, [9])), [7, 8, [9]])
  assert.equal(idsOf(make(), REMOTE, as(7, 0, [9])), [7, NOBODY, [9]])
  assert.equal(idsOf(make(), REMOTE, as(7, 8, [9, 0])), [7, 8, [9, NOBODY]])
})

test('what the export says goes for everybody', () => {
  assert.equal(idsOf(make({ squash: 'none' }), REMOTE, as(0, 0, [0])), [0, 0, [0]])
  assert.equal(idsOf(make({ squash: 'root' }), LOCAL, as(0)), [NOBODY, NOBODY, []])
  assert.equal(idsOf(make({ squash: 'all' }), LOCAL, as(7, 8, [9])), [NOBODY, NOBODY, []])
})

test('no credential is nobody, also where nobody is squashed', () => {
  for (const squash of ['none', 'root', 'all'] as const) {
    assert.equal(idsOf(make({ squash }), LOCAL, NONE), [NOBODY, NOBODY, []])
  }
  assert.equal(idsOf(make(), LOCAL, NONE), [NOBODY, NOBODY, []])
})

test('the anonymous ids can be chosen', () => {
  const one = make({ squash: 'all', anonuid: 500, anongid: 0 })
  assert.equal(idsOf(one, REMOTE, as(7)), [500, 0, []])
})

test('secure ports are those below 1024', () => {
  const one = make({ securePorts: true })
  assert.is(one.admits({ ...REMOTE, port: 1023 }), true)
  assert.is(one.admits({ ...REMOTE, port: 1024 }), false)
  assert.is(make().admits({ ...REMOTE, port: 50_000 }), true)
})

test('clients are addresses and networks of both families', () => {
  const one = make({ clients: ['192.0.2.0/28', '198.51.100.1', '2001:db8::/32'] })
  const from = (address: string) => one.admits({ ...REMOTE, address })
  assert.is(from('192.0.2.15'), true)
  assert.is(from('192.0.2.16'), false)
  assert.is(from('198.51.100.1'), true)
  assert.is(from('198.51.100.2'), false)
  assert.is(from('2001:db8::1'), true)
  assert.is(from('2001:db9::1'), false)
})

test('the answer for one caller is the same the second time', () => {
  const one = make({ clients: ['192.0.2.7'] })
  const stranger = { ...REMOTE, address: '192.0.2.8' }
  for (const round of [1, 2]) {
    assert.is(one.admits(REMOTE), true, `round ${round}`)
    assert.is(one.admits(stranger), false, `round ${round}`)
  }
})

test('a client that is no address is refused at the start', () => {
  assert.throws(() => make({ clients: ['everybody'] }))
  assert.throws(() => make({ clients: ['192.0.2.0/99'] }))
})

test('exports are sync unless they say otherwise', () => {
  assert.is(make().sync, true)
  assert.is(make({ durability: 'async' }).sync, false)
})

test('one dataset has one export', () => {
  assert.throws(() => new Exports([{ path: '/' }, { path: '/a' }]))
  const exports = new Exports([{ path: '/' }, { path: '/a', dataset: 2 }])
  assert.is(exports.of(2)?.path, '/a')
  assert.is(exports.of(3), undefined)
})

test('a path belongs to the longest name above it, and an alias is such a name', () => {
  const exports = new Exports([
    { path: '/', aliases: ['/data'] },
    { path: '/a/b', dataset: 2 },
  ])
  const found = (path: string) => {
    const result = exports.find(path)
    return result && [result.export.dataset, result.below]
  }
  assert.equal(found('/'), [1, '/'])
  assert.equal(found('/a'), [1, '/a'])
  assert.equal(found('/a/b'), [2, ''])
  assert.equal(found('/a/b/c'), [2, '/c'])
  assert.equal(found('/a/bc'), [1, '/a/bc'])
  assert.equal(found('/data'), [1, ''])
  assert.equal(found('/data/x'), [1, '/x'])
  assert.equal(found('/database'), [1, '/database'])
})

test('a path outside of every export is found nowhere', () => {
  const exports = new Exports([{ path: '/pub' }])
  assert.is(exports.find('/'), undefined)
  assert.is(exports.find('/public'), undefined)
  assert.equal(exports.find('/pub')?.below, '')
})

test.run()
