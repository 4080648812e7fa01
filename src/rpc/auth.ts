/**
 * Credentials (RFC 5531 §8.2, appendix A): AUTH_NONE and AUTH_SYS.
 *
 * authsys_parms: stamp · machinename<255> · uid · gid · gids<16>
 */
import { array, string, struct, uint32 } from '../xdr/codec.ts'
import { XdrReader } from '../xdr/reader.ts'
import { XdrWriter } from '../xdr/writer.ts'
import { AUTH_BYTES_MAX, AUTH_NONE, auth_flavor, type opaque_auth } from './message.ts'
import type { Credential } from './program.ts'

export const MACHINENAME_BYTES_MAX = 255
export const GIDS_MAX = 16

/** How many different credentials one connection remembers in decoded form. */
const CREDENTIALS_REMEMBERED_MAX = 4

const authsys_parms = struct({
  stamp: uint32,
  machinename: string(MACHINENAME_BYTES_MAX),
  uid: uint32,
  gid: uint32,
  gids: array(uint32, GIDS_MAX),
})

const NONE: Credential = { flavor: 'AUTH_NONE' }

/** The opaque_auth that says `credential`. */
export function encodeCredential(credential: Credential): opaque_auth {
  if (credential.flavor === 'AUTH_NONE') return AUTH_NONE
  const w = new XdrWriter(AUTH_BYTES_MAX)
  authsys_parms.encode(w, credential)
  return { flavor: auth_flavor.AUTH_SYS, body: w.finish() }
}

/**
 * Decodes the credentials of one connection. A client sends the same few again and again, byte for
 * byte, so that those seen last are recognized by their bytes and not decoded again.
 */
export class CredentialReader {
  readonly #seen: { readonly bytes: Uint8Array; readonly credential: Credential }[] = []
  #oldest = 0

  /**
   * Reads an opaque_auth.
   *
   * @returns undefined where it is well-formed, but of a flavor that is not served
   * @throws XdrError where the opaque_auth or the credential in it is malformed
   */
  read(r: XdrReader): Credential | undefined {
    const flavor = r.uint32()
    if (flavor === auth_flavor.AUTH_SYS) return this.#readSys(r)
    r.skipOpaque(AUTH_BYTES_MAX)
    return flavor === auth_flavor.AUTH_NONE ? NONE : undefined
  }

  #readSys(r: XdrReader): Credential {
    for (const { bytes, credential } of this.#seen) {
      if (r.startsWith(bytes)) {
        r.skip(bytes.length)
        return credential
      }
    }
    return this.#learn(r)
  }

  #learn(r: XdrReader): Credential {
    const body = r.opaque(AUTH_BYTES_MAX)
    const credential: Credential = {
      flavor: 'AUTH_SYS',
      ...authsys_parms.decode(new XdrReader(body)),
    }
    const w = new XdrWriter(body.length + 8)
    w.opaque(body)
    this.#seen[this.#oldest] = { bytes: w.finish(), credential }
    this.#oldest = (this.#oldest + 1) % CREDENTIALS_REMEMBERED_MAX
    return credential
  }
}
