/** Telling which paths could not be restored. */
import type { Context } from './context.ts'
import { count, counted, printable, utf8 } from './text.ts'

/** Failures listed for people at most; `--json` has all that are known. */
const FAILURES_SHOWN_MAX = 100

export interface Failure {
  readonly path: Uint8Array
  readonly reason: string
}

/** Lists what failed, on stderr. */
export function reportFailed(context: Context, failed: readonly Failure[]): void {
  for (const { path, reason } of failed.slice(0, FAILURES_SHOWN_MAX)) {
    context.warn(`failed: ${printable(context.seen(path)) || '/'}: ${reason}`)
  }
  const more = failed.length - FAILURES_SHOWN_MAX
  if (more > 0) context.warn(`failed: ${count(more)} more`)
  if (failed.length > 0) context.warn(`${counted(failed.length, 'path')} could not be restored`)
}

interface JsonPath {
  readonly path: string
  readonly base64?: string
}

/** For JSON: the path as text, and where it is no UTF-8 its bytes too. */
export function jsonPath(path: Uint8Array): JsonPath {
  const text = utf8(path)
  if (text !== undefined) return { path: text }
  return { path: printable(path), base64: Buffer.from(path).toString('base64') }
}

export function jsonFailures(
  { seen }: Context,
  failed: readonly Failure[],
): readonly (JsonPath & { readonly reason: string })[] {
  return failed.map(({ path, reason }) => ({ ...jsonPath(seen(path)), reason }))
}
