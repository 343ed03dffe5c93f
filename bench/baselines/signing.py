"""The body that is sent and its signature, in the manner of Standard Webhooks."""

import base64
import hashlib
import hmac
import json
import time

PAYLOAD = {
    "type": "publication.published",
    "product": "Daily load programme of the interconnected system",
    "process": "Short-term operation planning",
    "macroProcess": "Operation programming",
    "periodicity": "daily",
    "period": "2026-01-01/2026-01-02",
    "publishedAt": "2026-01-01T12:00:00-03:00",
    "url": "http://127.0.0.1:8000/d/0c4a6d02-0a1e-4e6f-8a2c-111111111111.0c4a6d02-0a1e-4e6f-8a2c-222222222222",
}


def build_body(payload: dict) -> bytes:
    return json.dumps(payload).encode()


def build_headers(message_id: str, body: bytes, secret: str) -> dict[str, str]:
    timestamp = str(int(time.time()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
