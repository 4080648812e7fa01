/** bench/kernel.ts runs, at sizes that measure nothing. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { failure } from './failure.ts'
import { PROJECT } from './guest.ts'
import { scenario } from './scenario.ts'
import { withTempDir } from './tempdir.ts'

const test = suite('guest: benchmark')
const WORKS = 9

scenario(test, 'each work on a mount is done and told, in both modes', async () => {
  await withTempDir(async (dir) => {
    const sizes = ['--files', '20', '--large', '1', '--rounds', '1', '--no-peer', '--dir', dir]
    const command = ['--import', 'tsx', 'bench/kernel.ts', ...sizes]
    const child = spawn(process.execPath, command, { cwd: PROJECT })
    let output = ''
    const keep = (text: string) => {
      output += text
    }
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    const [code] = await once(child, 'close')
    if (code !== 0) throw failure(`it ended with ${code}`, output)
    const rows = output.split('\n').filter((line) => / ms · .* ms \| .* ms · .* ms \| /.test(line))
    assert.is(rows.length, WORKS, output)
  })
})

test.run()
