/** What a check has found: sentences, the files they speak of named by their paths in the end. */
import { count } from './describe.ts'
import { REPAIRS_MAX, type Repair } from './repairs.ts'
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
  readonly #repairs: Repair[] = []
  #more = 0
  /** Whether there is a problem that no repair is known for. */
  isDoubtful = false

  /**
   * @param text the sentence, without its subject where that is a file; empty where others say it
   * @param repair what puts it right, if anything does; several problems may have the same
   */
  add(text: string, subject?: Subject, repair?: Repair): void {
    if (repair === undefined) this.isDoubtful = true
    else if (this.#repairs.length < REPAIRS_MAX) this.#repairs.push(repair)
    if (text === '') return
    const key = `${subject?.dataset}/${subject?.ino}/${text}`
    if (this.#seen.has(key)) return
    if (this.#kept.length >= PROBLEMS_MAX) {
      this.#more++
      return
    }
    this.#seen.add(key)
    this.#kept.push({ subject, text })
  }

  /** What may be done: all of it, or where something else is wrong what is harmless; sums last. */
  get repairs(): readonly Repair[] {
    const may = this.#repairs.filter(({ harmless }) => harmless || !this.isDoubtful)
    const first = may.filter(({ isSum, key }) => !isSum && key.length > 0)
    return first.length > 0 ? first : may.filter(({ key }) => key.length > 0)
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
