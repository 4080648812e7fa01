/**
 * A server that is killed (SIGKILL) again and again, mostly with a checkpoint under way.
 *
 * `CRASH_SEED=n` replays the choices (not the timing), `CRASH_ROUNDS=n` kills more often.
 */
import { suite } from 'uvu'
import { seedOf } from '../model/random.ts'
import { surviveKills } from './killing.ts'

const test = suite('crash: a server that is killed')

const { CRASH_ROUNDS } = process.env
const seed = seedOf('CRASH_SEED')
const KILLS = Number(CRASH_ROUNDS ?? 50)

test(`what was promised is there after each of ${KILLS} kills, and nothing half-done`, () =>
  surviveKills(seed, KILLS))

test.run()
