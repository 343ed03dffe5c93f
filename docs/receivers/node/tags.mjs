// Signed headers (the tags {{signature}}, {{nonce}}, {{timestamp}}) checked with the certificate that you uploaded: for
// receiver.mjs, with nothing but Node.js.
//
//     WEBHOOK_CERTIFICATE=certificate.pem node receiver.mjs
//
// It expects the webhook to have these headers: X-Signature {{signature}}, X-Nonce {{nonce}}, X-Timestamp {{timestamp}}.

import { X509Certificate, verify } from "node:crypto";

// A signature older than this may be one that somebody recorded and plays back.
const TOLERANCE_SECONDS = 300;

// Returns a function that judges headers and the body as it came, and remembers each nonce for as long as it could be
// used again. With several processes the nonces belong into something that they share, such as a table.
export function certificateOf(pem) {
  const key = new X509Certificate(pem).publicKey;
  const seen = new Map();
  return function vouchesFor(headers, body) {
    const { "x-timestamp": timestamp = "", "x-nonce": nonce = "", "x-signature": signature = "" } = headers;
    const now = Date.now() / 1000;
    if (!/^[0-9]{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp)) > TOLERANCE_SECONDS) return false;
    const content = Buffer.concat([Buffer.from(`${timestamp}.${nonce}.`), body]);
    if (!verify("sha256", content, key, Buffer.from(signature, "base64"))) return false;
    for (const [each, until] of seen) if (until < now) seen.delete(each);
    if (seen.has(nonce)) return false;
    seen.set(nonce, now + 2 * TOLERANCE_SECONDS);
    return true;
  };
}
