import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  FOREIGN_REGISTRATIONS_MAX,
  PortRegistry,
  type Registration,
  UNPRIVILEGED_REGISTRATIONS_MAX,
} from '../../src/rpc/portmap-registry.ts'

const test = suite('rpc/portmap-registry')

const root = { privileged: true }
const user = { privileged: false }

const at = (prog: number, vers: number, port: number, host = '0.0.0.0'): Registration => {
  return { prog, vers, netid: 'tcp', host, port, owner: 'somebody' }
}

test("lockd's SET of NLM is taken and remembered while ours goes on being answered", () => {
  const registry = new PortRegistry()
  registry.serve([at(100_021, 4, 20051, '127.0.0.1')])
  assert.ok(registry.unset(root, 100_021, 4))
  assert.ok(registry.set(root, at(100_021, 4, 38889)))
  assert.ok(registry.set(root, { ...at(100_021, 4, 52399), netid: 'udp' }))
  assert.equal(
    registry.find(100_021, 4, 'tcp').map(({ port }) => port),
    [20051],
  )
  assert.is(registry.find(100_021, 4, 'udp').length, 0, 'where we do not serve, lockd is not shown')
  assert.is(registry.peer(100_021, 4, 'tcp')?.port, 38889)
  assert.is(registry.peer(100_021, 4, 'udp')?.port, 52399)
  assert.is(registry.entries().length, 1)
  assert.ok(registry.unset(root, 100_021, 4))
  assert.is(registry.peer(100_021, 4, 'tcp'), undefined)
  assert.is(registry.find(100_021, 4, 'tcp')[0]?.port, 20051)
})

test('lockd and statd are answered where we serve neither', () => {
  const registry = new PortRegistry()
  registry.set(root, at(100_021, 4, 38889))
  registry.set(root, at(100_024, 1, 700))
  assert.is(registry.find(100_021, 4, 'tcp')[0]?.port, 38889)
  assert.is(registry.find(100_024, 1, 'tcp')[0]?.port, 700)
  assert.is(registry.entries().length, 2)
})

test('what we begin to serve hides what was registered before', () => {
  const registry = new PortRegistry()
  registry.set(root, at(100_005, 1, 700))
  registry.serve([at(100_005, 3, 20048)])
  assert.equal(
    registry.entries().map(({ port }) => port),
    [20048],
  )
  assert.is(registry.find(100_005, 1, 'tcp')[0]?.port, 20048)
})

test('a second SET replaces the first, and UNSET of nothing is a success', () => {
  const registry = new PortRegistry()
  assert.ok(registry.set(user, at(200_000, 1, 5000)))
  assert.ok(registry.set(user, at(200_000, 1, 5001)))
  assert.equal(
    registry.find(200_000, 1, 'tcp').map(({ port }) => port),
    [5001],
  )
  assert.ok(registry.unset(user, 200_000, 1))
  assert.ok(registry.unset(user, 200_000, 1))
  assert.is(registry.entries().length, 0)
})

test('UNSET removes that version and that netid only', () => {
  const registry = new PortRegistry()
  registry.set(user, at(200_000, 1, 5000))
  registry.set(user, at(200_000, 11, 5000))
  registry.set(user, { ...at(200_000, 1, 5000), netid: 'udp' })
  registry.unset(user, 200_000, 1, 'tcp')
  assert.is(registry.findVersion(200_000, 1, 'tcp').length, 0)
  assert.is(registry.findVersion(200_000, 1, 'udp').length, 1)
  registry.unset(user, 200_000, 1)
  assert.is(registry.findVersion(200_000, 1, 'udp').length, 0)
  assert.is(registry.findVersion(200_000, 11, 'tcp').length, 1)
})

test('an ordinary user neither replaces nor removes what root registered; root does both', () => {
  const registry = new PortRegistry()
  registry.set(root, at(100_024, 1, 700))
  assert.not(registry.set(user, at(100_024, 1, 5000)))
  assert.not(registry.unset(user, 100_024, 1))
  assert.is(registry.find(100_024, 1, 'tcp')[0]?.port, 700)
  registry.set(user, at(200_000, 1, 5000))
  assert.ok(registry.set(root, at(200_000, 1, 600)))
  assert.not(registry.set(user, at(200_000, 1, 5000)))
  assert.ok(registry.unset(root, 200_000, 1))
})

test('ordinary users cannot fill the room that lockd and statd need, nor anybody all memory', () => {
  const registry = new PortRegistry()
  const fill = (by: typeof user, first: number) => {
    let taken = 0
    while (taken < 1000 && registry.set(by, at(first + taken, 1, 5000))) taken++
    return taken
  }
  assert.is(fill(user, 300_000), UNPRIVILEGED_REGISTRATIONS_MAX)
  assert.is(fill(root, 400_000), FOREIGN_REGISTRATIONS_MAX - UNPRIVILEGED_REGISTRATIONS_MAX)
  assert.ok(registry.set(user, at(300_000, 1, 5001)), 'a change needs no room')
  assert.ok(registry.unset(user, 300_001, 1))
  assert.ok(registry.set(user, at(500_000, 1, 5000)), 'what was removed makes room')
  assert.not(registry.set(user, at(500_001, 1, 5000)))
})

test('tells when the lock manager of this host comes and goes, and where all of it is', () => {
  let changes = 0
  const registry = new PortRegistry(() => {
    changes++
  })
  const at = { vers: 4, netid: 'tcp', host: '0.0.0.0', port: 700, owner: '' } as const
  registry.set({ privileged: true }, { prog: 100_021, ...at })
  registry.set({ privileged: true }, { prog: 100_099, ...at })
  assert.is(changes, 1)
  assert.equal(
    registry.peers(100_021).map(({ port }) => port),
    [700],
  )
  registry.unset({ privileged: true }, 100_021, 4)
  assert.is(changes, 2)
  assert.equal(registry.peers(100_021), [])
})

test.run()
