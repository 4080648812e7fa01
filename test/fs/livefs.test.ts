import { suite } from 'uvu'
import { conformance } from './conformance.ts'
import { withLive } from './harness.ts'

const test = suite('fs/livefs')

conformance(test, withLive)

test.run()
