"""Token sources as a form that is not saved yet has them, made of what a participant would type and upload."""

from datetime import UTC, datetime
from typing import Any

from connections.key_pairs import KeyMaterial, Upload, read_key_pair
from connections.kinds import registry
from connections.kinds.kind import Draft
from connections.source import TokenSource
from tests.certificates import KeyPair


def uploaded(pair: KeyPair) -> KeyMaterial:
    """A key pair after the checks of an upload."""
    upload = Upload(pair.certificate.encode(), pair.key.encode(), "client.crt", "client.key")
    return read_key_pair(upload, now=datetime.now(UTC)).material


def make_source(
    kind: str, token_url: str, *, key_pair: KeyPair | None = None, ca: str = "", arguments: Any = None, **values: str
) -> TokenSource:
    """A source of this kind that the rules find nothing wrong with. `values`: settings and secrets by name."""
    secret = {field.name for field in registry.get(kind).fields if field.secret}
    settings = {name: value for name, value in values.items() if name not in secret}
    secrets = {name: value for name, value in values.items() if name in secret}
    draft = Draft(token_url, settings, secrets, has_key=key_pair is not None, private_ca=ca)
    assert [problem.code for problem in registry.get(kind).problems(draft)] == []
    return TokenSource(
        connection_id=None,
        participant_id=1,
        credential_version=None,
        kind=kind,
        token_url=token_url,
        settings=settings,
        secrets=secrets,
        key_pair=uploaded(key_pair) if key_pair else None,
        private_ca=ca,
        arguments=arguments or {},
    )
