// Bearer tokens (OAuth2, JWT Bearer) checked against the server that issued them: for receiver.mjs, with nothing but
// Node.js. In a project of some size use a library instead, such as jose.
//
//     WEBHOOK_ISSUER=https://login.example WEBHOOK_AUDIENCE=https://receiver.example node receiver.mjs
//
// The issuer's keys are found as OpenID Connect Discovery says, and kept for some minutes. Tokens that are not JWTs
// can't be checked so: ask the issuer's introspection endpoint (RFC 7662).

import { createPublicKey, verify } from "node:crypto";

// Never believe the token's own word on how it is signed.
const ALGORITHMS = {
  RS256: { hash: "sha256", type: "rsa" },
  ES256: { hash: "sha256", type: "ec", dsaEncoding: "ieee-p1363" },
};
const LEEWAY_SECONDS = 30;
const KEEP_KEYS_MILLISECONDS = 5 * 60_000;
// A token with a key that we don't know may be a new key's; but not every such token is worth a request.
const ASK_AGAIN_MILLISECONDS = 10_000;

// Whom tokens must come from, and for whom they must be made: a function that judges an Authorization header.
// It throws when the issuer can't be asked for its keys: that is no reason to say 401.
export async function issuerAt(address, audience) {
  const described = await getJson(`${address.replace(/\/$/, "")}/.well-known/openid-configuration`);
  let keys = [];
  let asked = 0;

  async function keyOf(header) {
    const age = Date.now() - asked;
    const find = () => keys.find((each) => each.kid === header.kid);
    if (age > KEEP_KEYS_MILLISECONDS || (!find() && age > ASK_AGAIN_MILLISECONDS)) {
      ({ keys } = await getJson(described.jwks_uri));
      asked = Date.now();
    }
    return find();
  }

  return async function vouchesFor(authorization) {
    const [, token] = /^bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization) ?? [];
    if (!token) return false;
    const [head, body, signature] = token.split(".");
    const [header, claims] = [readable(head), readable(body)];
    const algorithm = Object.hasOwn(ALGORITHMS, header?.alg) && ALGORITHMS[header.alg];
    if (!algorithm || !claims || header.crit) return false;
    const jwk = await keyOf(header);
    if (!jwk || !isSigned(algorithm, jwk, `${head}.${body}`, Buffer.from(signature, "base64url"))) return false;
    const now = Date.now() / 1000;
    return claims.iss === described.issuer
      && [claims.aud].flat().includes(audience)
      && claims.exp > now - LEEWAY_SECONDS
      && !(claims.nbf > now + LEEWAY_SECONDS);
  };
}

function isSigned(algorithm, jwk, content, signature) {
  const key = createPublicKey({ key: jwk, format: "jwk" });
  if (key.asymmetricKeyType !== algorithm.type) return false;
  return verify(algorithm.hash, Buffer.from(content), { key, dsaEncoding: algorithm.dsaEncoding }, signature);
}

function readable(part) {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  } catch {
    return null;
  }
}

async function getJson(url) {
  const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
}
