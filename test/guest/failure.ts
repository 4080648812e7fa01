/** An error with what programs printed, which uvu shows as it stands. */
export function failure(message: string, details: string): Error {
  return Object.assign(new Error(message), { details })
}
