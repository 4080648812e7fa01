import type { Duplex } from 'node:stream'
import { inspect } from 'node:util'

/** A string is printed in the guest, as one line; what it throws fails the script there. */
export type Handler = (...args: string[]) => Promise<unknown>

const MESSAGE_START = '\u0001'

/** Set, everything a guest prints is shown at once: to watch one that hangs. */
const { GUEST_TRACE } = process.env

/**
 * The launcher's end of a guest's serial line: text of the script, and between it messages.
 *
 *     0x01 "host" SP name (SP arg)* LF    from the guest
 *     ("ok" | "failed") SP text LF        to the guest, for each of those
 *     0x01 "exit" SP code LF              from the guest; the last one
 */
export class SerialLine {
  /** What the script wrote so far. */
  output = ''
  /** Resolves when the script ended. */
  readonly exitCode: Promise<number>
  readonly #stream: Duplex
  readonly #on: Readonly<Record<string, Handler>>
  #unparsed = ''

  constructor(stream: Duplex, on: Readonly<Record<string, Handler>>) {
    this.#stream = stream
    this.#on = on
    this.exitCode = new Promise((resolve) => {
      stream.setEncoding('utf8').on('data', (text: string) => this.#receive(text, resolve))
    })
    // A guest that was killed may leave an answer unread.
    stream.on('error', () => {})
  }

  #receive(text: string, exit: (code: number) => void): void {
    this.#unparsed += text
    for (;;) {
      const start = this.#unparsed.indexOf(MESSAGE_START)
      this.#print(this.#unparsed.slice(0, start < 0 ? undefined : start))
      this.#unparsed = start < 0 ? '' : this.#unparsed.slice(start)
      const end = this.#unparsed.indexOf('\n')
      if (end < 0) return
      const [kind, ...words] = this.#unparsed.slice(MESSAGE_START.length, end).split(' ')
      this.#unparsed = this.#unparsed.slice(end + 1)
      if (kind === 'exit') exit(Number(words[0]))
      else this.#answer(words)
    }
  }

  #print(text: string): void {
    this.output += text
    if (GUEST_TRACE !== undefined) process.stderr.write(text)
  }

  async #answer([name = '', ...args]: string[]): Promise<void> {
    let answer: string
    try {
      const handler = this.#on[name]
      if (handler === undefined) throw new Error(`the test has no handler '${name}'`)
      const result = await handler(...args)
      answer = `ok ${typeof result === 'string' ? result : ''}`
    } catch (error) {
      answer = `failed ${inspect(error)}`
    }
    this.#stream.write(`${answer.replaceAll('\n', ' | ')}\n`)
  }
}
