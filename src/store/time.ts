/** Time as the store keeps it and NFS sends it: RFC 1813's nfstime3. */
import { struct, uint32 } from '../xdr/codec.ts'

/** Seconds and nanoseconds since 1970, both uint32: RFC 1813's nfstime3. */
export interface Time {
  readonly seconds: number
  readonly nseconds: number
}

export const timeCodec = struct({ seconds: uint32, nseconds: uint32 })

/** Tells the time; injected, so that a test can replay it. */
export type Clock = () => Time

/** @returns negative, zero or positive as `a` is before, at or after `b` */
export function compareTime(a: Time, b: Time): number {
  return a.seconds - b.seconds || a.nseconds - b.nseconds
}

/** The earliest time that is after `time`. */
function tick(time: Time): Time {
  return time.nseconds === 999_999_999
    ? { seconds: time.seconds + 1, nseconds: 0 }
    : { seconds: time.seconds, nseconds: time.nseconds + 1 }
}

/** `now`, or the first nanosecond behind `previous` where the clock has not moved on. */
export function timeAfter(now: Time, previous: Time): Time {
  return compareTime(now, previous) > 0 ? now : tick(previous)
}

/** A clock that never tells the same time twice nor goes back, over one that may do both. */
export function strictClock(wall: Clock): Clock {
  let last: Time = { seconds: 0, nseconds: 0 }
  return () => {
    last = timeAfter(wall(), last)
    return last
  }
}
