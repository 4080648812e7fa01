/**
 * Keeps the CPUs of a virtual machine awake while something is measured that is one call at a time.
 *
 * A CPU that has nothing to do is halted, and the host takes up to a millisecond to wake it: more
 * than a call takes, and at random. A loop on each of them, which only runs where nothing else
 * wants to (SCHED_IDLE), leaves what is measured its time and the CPU awake.
 */
import { spawn } from 'node:child_process'
import { cpus } from 'node:os'

const LOOP = ['chrt', '--idle', '0', 'sh', '-c', 'while :; do :; done']

/** @returns ends it; it ends with this process at the latest */
export function keepAwake(): () => void {
  const loops = cpus().map((_, cpu) =>
    spawn('setpriv', ['--pdeathsig', 'KILL', 'taskset', '-c', `${cpu}`, ...LOOP], {
      stdio: 'ignore',
    }),
  )
  return () => {
    for (const loop of loops) loop.kill('SIGKILL')
  }
}
