/**
 * How far a long command is, on stderr: a line that is rewritten on a terminal, a line now and then
 * elsewhere. With `--json`, events on stdout.
 */
import type { Context } from './context.ts'
import { width } from './text.ts'

const TERMINAL_MS = 100
const PLAIN_MS = 5000
const JSON_MS = 1000

const BAR_COLUMNS = 20

export class Progress {
  readonly #context: Context
  readonly #everyMs: number
  readonly #terminal: boolean
  #next: number
  #shown = false

  constructor(context: Context) {
    const { io, json } = context
    this.#context = context
    this.#terminal = !json && io.stderr.isTTY
    this.#everyMs = json ? JSON_MS : this.#terminal ? TERMINAL_MS : PLAIN_MS
    this.#next = io.now() + this.#everyMs
  }

  /** @param describe called only when something is shown, with the time in milliseconds */
  update(
    describe: (nowMs: number) => {
      readonly text: string
      readonly json: Record<string, unknown>
    },
  ): void {
    const { io, printJson } = this.#context
    const now = io.now()
    if (now < this.#next) return
    this.#next = now + this.#everyMs
    const { text, json } = describe(now)
    printJson({ event: 'progress', ...json })
    if (this.#context.json) return
    if (this.#terminal) io.stderr.write(`\r${fit(text, io.stderr.columns - 1)}\u001b[K`)
    else io.stderr.write(`${text}\n`)
    this.#shown = true
  }

  /** Takes the line off the terminal. */
  end(): void {
    if (this.#terminal && this.#shown) this.#context.io.stderr.write('\r\u001b[K')
    this.#shown = false
  }
}

function fit(text: string, columns: number): string {
  let fitting = text
  while (fitting !== '' && width(fitting) > columns) fitting = [...fitting].slice(0, -1).join('')
  return fitting
}

/** `[########------------]  40%` */
export function bar(done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const full = Math.round(share * BAR_COLUMNS)
  const percent = `${Math.floor(share * 100)}%`.padStart(4)
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_COLUMNS - full)}] ${percent}`
}
