"""What the page tests share: the fields of a form as a browser posts them."""

from typing import Any
from uuid import uuid4

from django.urls import reverse

CREATE = "webhooks:webhook-create"


def posted(**over: Any) -> dict[str, Any]:
    """A form that can be saved. `headers`: (name, value[, secret[, uuid]]) rows. A field given as None is left out."""
    headers = over.pop("headers", ())
    fields = {
        "uuid": str(uuid4()),
        "description": "Programação diária",
        "request_uri": "https://hook.example.com/in",
        "active": "true",
        "notify_suspect_score": "false",
        "retry_interval_minutes": "5",
        "max_attempts": "5",
        "backoff": "fixed",
        "rate_limit_count": "",
        "rate_limit_period_seconds": "60",
        "body_format": "documented",
        "auth_method": "none",
        "private_ca": "",
        "headers-TOTAL_FORMS": str(len(headers)),
        "headers-INITIAL_FORMS": "0",
    }
    for index, row in enumerate(headers):
        name, value, secret, uuid = (*row, True, "")[:4] if len(row) < 4 else row
        fields |= {f"headers-{index}-name": name, f"headers-{index}-value": value, f"headers-{index}-uuid": str(uuid)}
        fields |= {f"headers-{index}-secret": "on"} if secret else {}
    return {name: value for name, value in (fields | over).items() if value is not None}


def url(name: str, webhook: Any = None) -> str:
    return reverse(f"webhooks:{name}", args=[webhook.uuid] if webhook else [])


def text(response: Any) -> str:
    return response.content.decode()
