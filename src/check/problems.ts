/** What a check has found: sentences, the files they speak of named by their paths in the end. */
import { count } from './describe.ts'
import type { Span } from './spans.ts'

/** Sentences kept; more are only counted. */
const PROBLEMS_MAX = 1000

/** A file, and when what is said of it is so. */
export interface Subject {
  readonly dataset: number
  readonly ino: number
  readonly states: Span
}

interface Problem {
  readonly subject: Subject | undefined
  readonly text: string
}

export class Problems {
  readonly #kept: Problem[] = []
  readonly #seen = new Set<string>()
  #more = 0

  /** @param text the sentence, without its subject where that is a file */
  add(text: string, subject?: Subject): void {
    const key = `${subject?.dataset}/${subject?.ino}/${text}`
    if (this.#seen.has(key)) return
    if (this.#kept.length >= PROBLEMS_MAX) {
      this.#more++
      return
    }
    this.#seen.add(key)
    this.#kept.push({ subject, text })
  }

  /** The files that are spoken of. */
  get subjects(): readonly Subject[] {
    return this.#kept.flatMap(({ subject }) => (subject === undefined ? [] : [subject]))
  }

  /** @param name how a file is called */
  sentences(name: (subject: Subject) => string): string[] {
    const told = this.#kept.map(({ subject, text }) =>
      subject === undefined ? text : `${name(subject)}: ${text}`,
    )
    return this.#more === 0 ? told : [...told, `${count(this.#more, 'more problem')} not told here`]
  }
}
