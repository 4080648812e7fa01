import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Granter } from '../../../src/nfs/locks/granter.ts'
import { type Peers, PeerUnreachable } from '../../../src/nfs/locks/peers.ts'
import { nlm4_stats, type Waiter } from '../../../src/nfs/locks/request.ts'
import { RpcError } from '../../../src/rpc/client.ts'
import { LockWorld } from './world.ts'

const test = suite('nfs/locks/granter')

const { NLM4_GRANTED, NLM4_DENIED, NLM4_DENIED_GRACE_PERIOD } = nlm4_stats
const GRANTED_MSG = 10

/** What a client does with one call: answers, is silent, or is not there. */
type Answer = number | 'silent' | 'away'

/** One client whose waiter has got its lock; all pauses are over at once. */
class Scene {
  readonly world = new LockWorld()
  readonly calls: { proc: number; alock: Waiter['alock'] }[] = []
  readonly reported: unknown[] = []
  readonly granter: Granter
  readonly waiter: Waiter
  /** What GRANTED_MSG is answered with by a GRANTED_RES. */
  res: number | undefined
  #answers: Answer[]

  constructor(...answers: Answer[]) {
    this.#answers = answers
    const { manager } = this.world
    this.granter = new Granter({
      peers: { call: this.#call as Peers['call'] },
      isUntold: (waiter) => manager.isUntold(waiter),
      confirmed: (waiter) => manager.confirmed(waiter),
      refused: (waiter) => manager.refused(waiter),
      after: (_ms, run) => {
        const timer = setImmediate(run)
        return () => clearImmediate(timer)
      },
      report: (error) => this.reported.push(error),
    })
    this.world.lock('a:1')
    this.world.lock('bb:1', { block: true })
    this.world.unlock('a:1')
    const [waiter] = this.world.granted
    assert.ok(waiter)
    this.waiter = waiter
  }

  readonly #call = async (_peer: unknown, proc: number, _codec: unknown, args: unknown) => {
    const { cookie, alock } = args as { cookie: Uint8Array; alock: Waiter['alock'] }
    this.calls.push({ proc, alock })
    if (proc === GRANTED_MSG) {
      const { res } = this
      if (res !== undefined) this.granter.answered(cookie, res as 0)
      return undefined
    }
    const answer = this.#answers.length > 1 ? this.#answers.shift() : this.#answers[0]
    if (answer === 'away') throw new PeerUnreachable('away')
    if (answer === 'silent') throw new RpcError('TIMEDOUT', 'silent')
    return { cookie, status: answer }
  }

  /** @returns whether the client still has its lock in the end */
  async kept(): Promise<boolean> {
    await this.granter.grant(this.waiter)
    assert.equal(this.reported, [])
    assert.not.ok(this.world.manager.isUntold(this.waiter), 'it ends in any case')
    return this.world.test('a:1') === 'DENIED'
  }

  get procs(): number[] {
    return this.calls.map(({ proc }) => proc)
  }
}

test('a client that answers GRANTED is told once, in the bytes of its own request', async () => {
  const scene = new Scene(NLM4_GRANTED)
  assert.ok(await scene.kept())
  assert.equal(scene.procs, [5])
  assert.is(scene.calls[0]?.alock, scene.waiter.alock)
})

test('one that does not want the lock any more loses it', async () => {
  const scene = new Scene(NLM4_DENIED)
  assert.not.ok(await scene.kept())
  assert.equal(scene.procs, [5])
})

test('one that has just restarted is asked again', async () => {
  const scene = new Scene(NLM4_DENIED_GRACE_PERIOD, NLM4_DENIED_GRACE_PERIOD, NLM4_GRANTED)
  assert.ok(await scene.kept())
  assert.equal(scene.procs, [5, 5, 5])
})

test('one that is silent gets a message, and its answer to that counts', async () => {
  const scene = new Scene('silent')
  scene.res = NLM4_GRANTED
  assert.ok(await scene.kept())
  assert.equal(scene.procs, [5, 10])
})

test('one that may have heard of its lock keeps it, even where it says no then', async () => {
  const scene = new Scene('silent', NLM4_DENIED)
  assert.ok(await scene.kept())
  assert.equal(scene.procs, [5, 10, 5])
})

test('one that is silent for ever keeps it, after a bounded number of calls', async () => {
  const scene = new Scene('silent')
  assert.ok(await scene.kept())
  assert.equal(scene.procs, [5, 10, 5, 10, 5, 10, 5, 10, 5, 10, 5, 10, 5, 10])
})

test('one that is never reached loses it, after a bounded number of tries', async () => {
  const scene = new Scene('away')
  assert.not.ok(await scene.kept())
  assert.equal(scene.procs, [5, 5, 5, 5, 5, 5, 5])
})

test('one that asks for the lock meanwhile is called no more', async () => {
  const scene = new Scene('away')
  const done = scene.granter.grant(scene.waiter)
  assert.is(scene.world.lock('bb:1', { block: true }), 'GRANTED')
  await done
  assert.is(scene.world.test('a:1'), 'DENIED')
  assert.equal(scene.procs, [5])
})

test('stopping ends what is under way, and takes nothing from anybody', async () => {
  const scene = new Scene('away')
  const done = scene.granter.grant(scene.waiter)
  scene.granter.stop()
  await done
  assert.is(scene.world.test('a:1'), 'DENIED')
})

test.run()
