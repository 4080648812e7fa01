import type { suite } from 'uvu'
import { failure } from './failure.ts'
import { type GuestOptions, guestUnavailable, runGuest } from './guest.ts'

type Suite = ReturnType<typeof suite>

const { CI } = process.env
const unavailable = guestUnavailable()

/**
 * Adds a test that needs a guest. Where none can run it is skipped and the reason printed, save in
 * CI, where it fails.
 */
export function scenario(test: Suite, name: string, run: () => Promise<void>): void {
  if (unavailable !== undefined && CI !== 'true') {
    console.log(`skipped: ${name}: ${unavailable}`)
    test.skip(name, run)
    return
  }
  test(name, async () => {
    if (unavailable !== undefined) throw new Error(`no guest can run here: ${unavailable}`)
    await run()
  })
}

/** Runs a script in a guest. @returns what it printed @throws with that, unless it succeeds */
export async function inGuest(options: GuestOptions): Promise<string> {
  const { code, output } = await runGuest(options)
  if (code !== 0) throw failure(`the script failed with ${code}`, output)
  return output
}
