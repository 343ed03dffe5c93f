"""What the page tests share: the fields of a form as a browser posts them, and addresses."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tests.certificates import KeyPair, self_signed

HTMX = {"HX-Request": "true"}
CANARY = "CANARY-9b2c4d6e80-long-enough"


def url(name: str, row: Any = None) -> str:
    """The address of a page; `row` has a uuid, or is a word of the address."""
    return reverse(f"connections:{name}", args=[getattr(row, "uuid", row)] if row else [])


def text(response: Any) -> str:
    content: bytes = response.content
    return content.decode()


def posted(kind: str = "oauth2", **over: Any) -> dict[str, Any]:
    """A form that can be saved. `headers`: (name, value[, secret[, id]]) rows. A field given as None is left out."""
    headers = over.pop("headers", ())
    fields = {"name": "Emissor", "description": "", "private_ca": "", "token_url": "https://as.example.com/token"}
    fields |= {"headers-TOTAL_FORMS": str(len(headers)), "headers-INITIAL_FORMS": "0"}
    own = {
        "oauth2": {"auth_type": "client_secret_basic", "client_id": "client-1", "client_secret": CANARY},
        "btg_id": {"client_id": "client-1", "client_secret": CANARY},
        "jwt_7523": {"sub": "USR", "ver": "1", "token_minutes": "60"},
        "jwt_7519": {"body": f'{{"user": "USR", "password": "{CANARY}"}}', "token_minutes": "60"},
    }
    for index, row in enumerate(headers):
        name, value, secret, row_id = (*row, True, "")[:4] if len(row) < 4 else row
        fields |= {f"headers-{index}-name": name, f"headers-{index}-value": value, f"headers-{index}-id": row_id}
        fields |= {f"headers-{index}-secret": "on"} if secret else {}
    return {name: value for name, value in (fields | own[kind] | over).items() if value is not None}


def uploaded(pair: KeyPair | None = None, prefix: str = "", **over: Any) -> dict[str, Any]:
    """The two files of a certificate, as a browser posts them. `over`: (file name, content) in their place."""
    pair = pair or self_signed("client.example.com", kind="EC")
    files = {"certificate": ("client.crt", pair.certificate), "private_key": ("client.key", pair.key)} | over
    return {
        f"{prefix}{field}": SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)
        for field, (name, content) in files.items()
    }
