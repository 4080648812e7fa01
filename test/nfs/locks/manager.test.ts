import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { GRACE_MS, LockWorld } from './world.ts'

const test = suite('nfs/locks/manager')

test('one owner excludes another, of the same client too, and says who it is', () => {
  const world = new LockWorld()
  assert.is(world.lock('a:1'), 'GRANTED')
  assert.is(world.lock('a:2'), 'DENIED')
  assert.is(world.lock('bb:1'), 'DENIED')
  assert.is(world.lock('bb:1', { from: 10, to: 'end' }), 'GRANTED')
  const { holder } = world.manager.test(world.request('bb:1'))
  assert.equal(holder, {
    ...{ exclusive: true, svid: 1, oh: Buffer.from('1@a'), l_offset: 0n, l_len: 10n },
  })
  assert.is(world.test('a:1'), 'GRANTED', 'an owner is not in its own way')
  assert.is(world.unlock('a:1'), 'GRANTED')
  assert.is(world.test('bb:1'), 'GRANTED')
})

test('clients of one name at two addresses are two, and so are two names at one address', () => {
  const world = new LockWorld()
  assert.is(world.lock('a', { address: '10.0.0.1' }), 'GRANTED')
  assert.is(world.lock('a', { address: '10.0.0.2' }), 'DENIED')
  assert.is(world.lock('b', { address: '10.0.0.1' }), 'DENIED')
  assert.is(world.lock('a', { address: '10.0.0.1' }), 'GRANTED')
})

test('who waits is served in the order of coming, as far as it goes', () => {
  const world = new LockWorld()
  world.lock('a:1')
  assert.is(world.lock('bb:1', { block: true }), 'BLOCKED')
  assert.is(world.lock('ccc:1', { block: true, exclusive: false }), 'BLOCKED')
  assert.is(world.lock('ccc:2', { block: true, exclusive: false }), 'BLOCKED')
  world.unlock('a:1')
  assert.equal(world.takeGranted(), ['bb:1'])
  assert.is(world.test('a:1'), 'DENIED', 'it holds it before its client knows')
  world.unlock('bb:1')
  assert.equal(world.takeGranted(), ['ccc:1', 'ccc:2'])
})

test('a request that comes again keeps its place and is no second one', () => {
  const world = new LockWorld()
  world.lock('a:1')
  world.lock('bb:1', { block: true })
  world.lock('ccc:1', { block: true })
  assert.is(world.lock('bb:1', { block: true }), 'BLOCKED')
  assert.is(world.manager.counts.waiting, 2)
  world.unlock('a:1')
  assert.equal(world.takeGranted(), ['bb:1'])
})

test('a client that asks while it is called has its lock, and is called no more', () => {
  const world = new LockWorld()
  world.lock('a:1')
  world.lock('bb:1', { block: true })
  world.unlock('a:1')
  const [waiter] = world.granted
  assert.ok(waiter && world.manager.isUntold(waiter))
  assert.is(world.lock('bb:1', { block: true }), 'GRANTED')
  assert.not.ok(world.manager.isUntold(waiter))
  world.manager.refused(waiter)
  assert.is(world.test('a:1'), 'DENIED', 'what comes too late takes nothing away')
})

test('a grant that its client refuses is given on', () => {
  const world = new LockWorld()
  world.lock('a:1')
  world.lock('bb:1', { block: true })
  world.lock('ccc:1', { block: true })
  world.unlock('a:1')
  const [waiter] = world.granted.splice(0)
  assert.ok(waiter)
  world.manager.refused(waiter)
  assert.equal(world.takeGranted(), ['ccc:1'])
})

test('CANCEL ends the waiting; of a grant not told yet too; and nothing else', () => {
  const world = new LockWorld()
  world.lock('a:1')
  world.lock('bb:1', { block: true })
  assert.is(world.cancel('bb:1', { to: 8 }), 'DENIED', 'another range')
  assert.is(world.cancel('bb:1'), 'GRANTED')
  world.unlock('a:1')
  assert.equal(world.takeGranted(), [])
  world.lock('a:1')
  world.lock('bb:1', { block: true })
  world.unlock('a:1')
  assert.is(world.cancel('bb:1'), 'GRANTED', 'granted meanwhile')
  assert.is(world.lock('a:1'), 'GRANTED')
  assert.is(world.cancel('a:1'), 'DENIED', 'it has it, and knows')
})

test('a downgrade lets readers in', () => {
  const world = new LockWorld()
  world.lock('a:1')
  world.lock('bb:1', { block: true, exclusive: false })
  assert.is(world.lock('a:1', { exclusive: false }), 'GRANTED')
  assert.equal(world.takeGranted(), ['bb:1'])
})

test('a client that has restarted holds nothing, and what it said before counts no more', () => {
  const world = new LockWorld()
  world.lock('a:1', { state: 3 })
  world.lock('bb:1', { block: true })
  world.manager.freeAll('10.0.0.1', 'a', 3)
  assert.equal(world.takeGranted(), [], 'locks made in this very state stay')
  world.manager.freeAll('10.9.9.9', 'a', 5)
  assert.equal(world.takeGranted(), [], 'another address may not')
  world.manager.freeAll('10.0.0.1', 'any name', 5)
  assert.equal(world.takeGranted(), ['bb:1'])
  assert.equal(world.monitored, ['+10.0.0.1 a', '+10.0.0.2 bb', '-10.0.0.1 a'])
})

test('of several clients behind one address only the named one is freed', () => {
  const world = new LockWorld()
  world.lock('a:1', { from: 0, to: 0 })
  world.lock('b:1', { from: 1, to: 1 })
  world.manager.freeAll('10.0.0.1', 'b', undefined)
  assert.is(world.lock('ccc:1', { from: 1, to: 1 }), 'GRANTED')
  assert.is(world.lock('ccc:1', { from: 0, to: 0 }), 'DENIED')
})

test('after a restart locks are in force, and only reclaimed ones stay', () => {
  const world = new LockWorld()
  world.lock('a:1', { from: 0, to: 9 })
  world.lock('bb:1', { from: 20, to: 29 })
  world.restart()
  assert.ok(world.manager.inGrace)
  assert.is(world.lock('ccc:1', { from: 50, to: 59 }), 'DENIED_GRACE_PERIOD')
  assert.is(world.test('ccc:1', { from: 50, to: 59 }), 'DENIED_GRACE_PERIOD')
  assert.is(world.lock('ccc:1', { from: 0, to: 9, reclaim: true }), 'DENIED')
  assert.is(world.lock('a:1', { from: 0, to: 9, reclaim: true }), 'GRANTED')
  world.advance(GRACE_MS)
  assert.not.ok(world.manager.inGrace)
  assert.is(world.lock('ccc:1', { from: 0, to: 9 }), 'DENIED')
  assert.is(world.lock('ccc:1', { from: 20, to: 29 }), 'GRANTED')
  assert.is(world.lock('bb:1', { from: 20, to: 29, reclaim: true }), 'DENIED_GRACE_PERIOD')
})

test('grace ends as soon as nothing is left to reclaim, and never begins without', () => {
  const world = new LockWorld()
  world.restart()
  assert.not.ok(world.manager.inGrace)
  world.lock('a:1')
  world.lock('bb:1', { from: 20, to: 29 })
  world.restart()
  world.lock('a:1', { reclaim: true })
  assert.ok(world.manager.inGrace)
  assert.is(world.unlock('bb:1', { from: 20, to: 29 }), 'GRANTED', 'unlocking needs no grace')
  assert.not.ok(world.manager.inGrace)
  assert.is(world.lock('ccc:1', { from: 20, to: 29 }), 'GRANTED')
})

test('a client that restarts during the grace period holds nothing', () => {
  const world = new LockWorld()
  world.lock('a:1', { state: 3 })
  world.restart()
  world.manager.freeAll('10.0.0.1', 'a', 5)
  assert.not.ok(world.manager.inGrace)
  assert.is(world.lock('bb:1'), 'GRANTED')
})

test('numbers go on behind those of before a restart', () => {
  const world = new LockWorld()
  world.lock('a:1')
  world.share('a:1', 1, 0)
  world.restart()
  world.lock('a:1', { reclaim: true })
  world.share('a:1', 1, 0, { reclaim: true })
  world.lock('bb:1', { from: 30, to: 40 })
  assert.equal([...world.journal.locks.values()].map(({ first }) => first).sort(), [0n, 30n])
  assert.is(world.journal.shares.size, 1)
  assert.is(world.journal.clients.size, 2)
})

test('a simulated crash makes everybody reclaim', () => {
  const world = new LockWorld()
  world.lock('a:1')
  world.lock('bb:1', { block: true })
  world.manager.simulateCrash()
  assert.is(world.lock('bb:1', { block: true }), 'DENIED_GRACE_PERIOD')
  assert.is(world.lock('a:1', { reclaim: true }), 'GRANTED')
  assert.not.ok(world.manager.inGrace)
})

test('locks, waiters and clients are bounded, of one client and of all', () => {
  const limits = { locksMax: 5, locksPerClientMax: 3, waitersMax: 3, waitersPerClientMax: 2 }
  const world = new LockWorld({ ...limits, clientsMax: 3, namesPerAddressMax: 2 })
  const at = (from: number) => ({ from: from * 10, to: from * 10 })
  for (const n of [0, 1, 2]) assert.is(world.lock('a:1', at(n)), 'GRANTED')
  assert.is(world.lock('a:1', at(3)), 'DENIED_NOLOCKS', 'one client')
  assert.is(world.lock('a:1', { from: 0, to: 1 }), 'GRANTED', 'but what takes no more is given')
  for (const n of [3, 4]) assert.is(world.lock('bb:1', at(n)), 'GRANTED')
  assert.is(world.lock('bb:1', at(5)), 'DENIED_NOLOCKS', 'all')
  const wait = (who: string) => world.lock(who, { ...at(0), block: true })
  assert.equal(['bb:1', 'bb:2', 'bb:3'].map(wait), ['BLOCKED', 'BLOCKED', 'DENIED_NOLOCKS'])
  assert.equal(['ccc:1', 'ccc:2'].map(wait), ['BLOCKED', 'DENIED_NOLOCKS'])
  world.unlock('bb:1', at(4))
  assert.is(world.lock('dddd:1', at(6)), 'DENIED_NOLOCKS', 'one client too many')
})

test('clients that hold nothing make room for others', () => {
  const world = new LockWorld({ clientsMax: 2, namesPerAddressMax: 2 })
  for (const name of ['a', 'bb', 'ccc', 'dddd']) {
    assert.is(world.lock(name), 'GRANTED')
    world.unlock(name)
  }
  assert.ok(world.manager.clients.length <= 2)
  assert.ok(world.journal.clients.size <= 2)
})

test('where the store has failed nothing is granted, and nothing forgotten', () => {
  const world = new LockWorld()
  world.lock('a:1')
  world.journal.failed = true
  assert.is(world.lock('a:1', { from: 20, to: 30 }), 'DENIED_NOLOCKS')
  assert.is(world.unlock('a:1'), 'DENIED_NOLOCKS')
  assert.is(world.test('bb:1'), 'DENIED')
})

test('share reservations exclude by what they deny and do, and are replaced by their owner', () => {
  const world = new LockWorld()
  assert.is(world.share('a:1', 1, 2), 'GRANTED', 'reads, denies writing')
  assert.is(world.share('bb:1', 2, 0), 'DENIED', 'writes')
  assert.is(world.share('bb:1', 1, 1), 'DENIED', 'denies reading')
  assert.is(world.share('bb:1', 1, 0), 'GRANTED')
  assert.is(world.share('a:1', 1, 0), 'GRANTED', 'changes its own')
  assert.is(world.share('bb:1', 3, 0), 'GRANTED')
  assert.is(world.journal.shares.size, 2)
  world.manager.unshare(world.shareRequest('a:1', 0, 0))
  assert.is(world.journal.shares.size, 1)
})

test('share reservations are reclaimed after a restart', () => {
  const world = new LockWorld()
  world.share('a:1', 2, 3)
  world.restart()
  assert.is(world.share('bb:1', 1, 0), 'DENIED_GRACE_PERIOD')
  assert.is(world.share('a:1', 2, 3, { reclaim: true }), 'GRANTED')
  assert.is(world.share('bb:1', 1, 0), 'DENIED')
})

test.run()
