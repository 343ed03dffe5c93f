"""Signed headers (the tags {{signature}}, {{nonce}}, {{timestamp}}) checked with the certificate that you uploaded: for
receiver.py or a view of yours.

    python3 -m pip install cryptography
    WEBHOOK_CERTIFICATE=certificate.pem python3 receiver.py

It expects the webhook to have these headers: X-Signature {{signature}}, X-Nonce {{nonce}}, X-Timestamp {{timestamp}}.
"""

import base64
import re
import time
from threading import Lock

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

# A signature older than this may be one that somebody recorded and plays back.
TOLERANCE_SECONDS = 300


class Certificate:
    """Verifies what was signed with its private key, and remembers each nonce for as long as it could be used again."""

    def __init__(self, pem):
        self.key = x509.load_pem_x509_certificate(pem).public_key()
        self.seen, self.lock = {}, Lock()

    def vouches_for(self, headers, body):
        """Whether these headers sign this body, now, and for the first time. `body`: the bytes as they came."""
        timestamp, nonce = headers.get("X-Timestamp", ""), headers.get("X-Nonce", "")
        now = time.time()
        if not re.fullmatch("[0-9]{1,12}", timestamp) or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
            return False
        if not self.is_signed(f"{timestamp}.{nonce}.".encode() + body, headers.get("X-Signature", "")):
            return False
        return self.is_new(nonce, now)

    def is_new(self, nonce, now):
        # With several processes the nonces belong into something that they share, such as a table.
        with self.lock:
            self.seen = {each: until for each, until in self.seen.items() if until > now}
            if nonce in self.seen:
                return False
            self.seen[nonce] = now + 2 * TOLERANCE_SECONDS
            return True

    def is_signed(self, content, signature):
        try:
            given = base64.b64decode(signature, validate=True)
            if isinstance(self.key, rsa.RSAPublicKey):
                self.key.verify(given, content, padding.PKCS1v15(), SHA256())
            else:
                self.key.verify(given, content, ec.ECDSA(SHA256()))
        except (ValueError, InvalidSignature):
            return False
        return True
