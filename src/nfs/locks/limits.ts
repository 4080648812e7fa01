/** How much may be locked, so that no client can take all memory. Beyond it is DENIED_NOLOCKS. */
export interface LockLimits {
  /** Clients (an address and a name) that have locks. */
  readonly clientsMax: number
  /** Names of clients behind one address. */
  readonly namesPerAddressMax: number
  /** Locks and share reservations of all clients, and of one. */
  readonly locksMax: number
  readonly locksPerClientMax: number
  /** Requests that wait for a lock, of all clients, and of one. */
  readonly waitersMax: number
  readonly waitersPerClientMax: number
}

/** A lock takes about 500 bytes, with the longest names 3 KiB. */
export const LOCK_LIMITS: LockLimits = {
  clientsMax: 1024,
  namesPerAddressMax: 64,
  locksMax: 32_768,
  locksPerClientMax: 16_384,
  waitersMax: 4096,
  waitersPerClientMax: 1024,
}
