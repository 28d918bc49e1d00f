// Who asks, by the token.

import { createPublicKey } from 'node:crypto';

import { createVerifier } from 'fast-jwt';

import { Refusal } from './refusal.js';

/** How many verified tokens are remembered: as many as Billfold remembers. */
const REMEMBERED = 10_000;

/**
 * A function from the `Authorization` header to the project and the scopes of its token. A token that was verified before
 * is recognised by its digest; whether it has expired is looked at every time.
 */
export function makeAuthorization(issuer, key) {
  const verify = createVerifier({
    key: createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }),
    algorithms: ['EdDSA'],
    allowedIss: issuer,
    allowedAud: 'billfold',
    requiredClaims: ['iss', 'aud', 'sub', 'exp', 'iat', 'project', 'scope'],
    cache: REMEMBERED,
  });
  return (header) => {
    try {
      if (header?.startsWith('Bearer ')) {
        const { project, scope } = verify(header.slice('Bearer '.length));
        return { project, scopes: scope.split(' ') };
      }
    } catch {
      // Whatever is wrong with a token, its bearer is told the same.
    }
    throw new Refusal(401, 'unauthenticated', 'Invalid authorization token');
  };
}
