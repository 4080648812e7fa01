import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Notifier } from '../../../src/nfs/locks/notifier.ts'
import { Pauses, withFakeHost } from './fake-host.ts'

const test = suite('nfs/locks/notifier')

test('a host is told by each of our names, once', async () => {
  await withFakeHost(async (host) => {
    host.register()
    const pauses = new Pauses()
    const { portmapPort } = host
    const notifier = new Notifier({ names: ['server.here', 'server'], ...pauses, portmapPort })
    notifier.notify('127.0.0.1', 7)
    assert.is(await pauses.next(), 0)
    await host.until(2)
    assert.equal(host.told, ['notify server.here 7', 'notify server 7'])
    assert.is(pauses.waiting, 0)
    notifier.stop()
  })
})

test('one that has no status monitor yet is tried again', async () => {
  await withFakeHost(async (host) => {
    const pauses = new Pauses()
    const { portmapPort } = host
    const notifier = new Notifier({ names: ['server'], ...pauses, portmapPort })
    notifier.notify('127.0.0.1', 7)
    assert.is(await pauses.next(), 0)
    while (pauses.waiting === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    host.register()
    assert.is(await pauses.next(), 2000)
    await host.until(1)
    notifier.stop()
  })
})

test('one that never answers is given up', async () => {
  const pauses = new Pauses()
  const notifier = new Notifier({ names: ['server'], ...pauses, portmapPort: 1 })
  notifier.notify('127.0.0.1', 7)
  let total = 0
  for (let i = 0; i < 10; i++) total += await pauses.next()
  assert.ok(total > 600_000 && total < 1_200_000, `${total} ms`)
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.is(pauses.waiting, 0)
})

test('stopping calls off what was to come', () => {
  const pauses = new Pauses()
  const notifier = new Notifier({ names: ['server'], ...pauses, portmapPort: 1 })
  notifier.notify('127.0.0.1', 7)
  notifier.stop()
  assert.is(pauses.waiting, 0)
})

test.run()
