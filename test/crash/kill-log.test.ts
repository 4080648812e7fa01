/**
 * A server that is killed (SIGKILL) again and again, and finds most of what was done in its log.
 *
 * `CRASH_SEED=n` replays the choices (not the timing), `CRASH_ROUNDS=n` kills more often.
 */
import { suite } from 'uvu'
import { seedOf } from '../model/random.ts'
import { surviveKills } from './killing.ts'

const test = suite('crash: a server that is killed, and its log')

const { CRASH_ROUNDS } = process.env
const seed = seedOf('CRASH_SEED')
const KILLS = Number(CRASH_ROUNDS ?? 50)

test(`what was promised is there after each of ${KILLS} kills, and nothing half-done`, () =>
  surviveKills(seed + 100, KILLS, {}))

test.run()
