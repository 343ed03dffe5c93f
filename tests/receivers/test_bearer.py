"""CERC-17, UNICO-11: the samples that check a Bearer token, asked with tokens of a server that nobody here wrote."""

import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_encode

from tests.certificates import make_key
from tests.receivers.samples import Running, running
from tests.servers.oidc_provider import SECRET, OidcProvider, running_oidc_provider

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

SAMPLES = ("python", "node")
BODY = b'{"Nome": "Prices"}'


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    with running_oidc_provider(tmp_path_factory.mktemp("issuer")) as server:
        yield server


@pytest.fixture(scope="module", params=SAMPLES)
def sample(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, provider: OidcProvider
) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    (folder / "ca.pem").write_text(provider.ca)
    trusted = {"SSL_CERT_FILE": str(folder / "ca.pem"), "NODE_EXTRA_CA_CERTS": str(folder / "ca.pem")}
    agreed = {"WEBHOOK_ISSUER": provider.issuer, "WEBHOOK_AUDIENCE": "urn:readable"}
    with running(request.param, folder, **trusted, **agreed) as found:
        yield found


def token_for(provider: OidcProvider, folder: Path, client: str) -> str:
    (folder / "ca.pem").write_text(provider.ca)
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": SECRET, "scope": "deliver"}
    answer = requests.post(provider.token_url, form, verify=str(folder / "ca.pem"), timeout=10)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def post(sample: Running, authorization: str | None) -> int:
    headers = {"webhook-id": f"msg_{uuid4()}"} | ({"Authorization": authorization} if authorization else {})
    return sample.post(headers, BODY)


def by_public_key(provider: OidcProvider, claims: dict[str, Any], kid: dict[str, str]) -> str:
    """Signed with what everybody knows: the issuer's public key, as if it were a secret. PyJWT refuses to do this."""
    public = jwt.PyJWK({name: provider.signing_key[name] for name in ("kty", "n", "e", "alg")}).key
    secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head, body = (base64url_encode(json.dumps(part).encode()) for part in ({"alg": "HS256"} | kid, claims))
    content = head + b"." + body
    return (content + b"." + base64url_encode(hmac.digest(secret, content, "sha256"))).decode()


def test_a_token_of_the_issuer_for_this_receiver_is_let_in(
    sample: Running, provider: OidcProvider, tmp_path: Path
) -> None:
    token = token_for(provider, tmp_path, "readable")
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == "urn:readable"
    assert post(sample, f"Bearer {token}") == 204
    assert post(sample, f"bearer {token}") == 204


def test_what_is_no_token_of_the_issuer_for_this_receiver_is_not(
    sample: Running, provider: OidcProvider, tmp_path: Path
) -> None:
    token = token_for(provider, tmp_path, "readable")
    head, body, signature = token.split(".")
    foreign = make_key()
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = {"kid": jwt.get_unverified_header(token)["kid"]}
    refused: dict[str, str | None] = {
        "nothing": None,
        "no token": "Bearer ",
        "no scheme": token,
        "another scheme": f"Basic {token}",
        "opaque": f"Bearer {token_for(provider, tmp_path, 'post')}",
        "for somebody else": f"Bearer {token_for(provider, tmp_path, 'other_audience')}",
        "not signed": f"Bearer {head}.{body}.",
        "changed": f"Bearer {head}.{body[:-2]}{'AA' if body[-2:] != 'AA' else 'BB'}.{signature}",
        "algorithm none": f"Bearer {jwt.encode(claims, None, 'none', headers=kid)}",
        "algorithm of secrets": f"Bearer {by_public_key(provider, claims, kid)}",
        "a foreign key": f"Bearer {jwt.encode(claims, foreign, 'RS256', headers=kid)}",
        "an unknown key": f"Bearer {jwt.encode(claims, foreign, 'RS256', headers={'kid': 'nobody'})}",
    }
    assert {name: post(sample, value) for name, value in refused.items()} == dict.fromkeys(refused, 401)
    assert not [name for name in sample.kept() if name.endswith(".part")]


def test_a_token_that_has_expired_is_not(sample: Running, provider: OidcProvider, tmp_path: Path) -> None:
    """Signed by the issuer's own key: only its time is over."""
    claims: dict[str, Any] = {"iss": provider.issuer, "aud": "urn:readable"}
    for age, status in ((timedelta(minutes=-5), 204), (timedelta(minutes=5), 401)):
        over = claims | {"exp": datetime.now(UTC) - age}
        assert post(sample, f"Bearer {provider.sign(over)}") == status
    assert post(sample, f"Bearer {provider.sign(claims)}") == 401
    assert post(sample, f"Bearer {provider.sign(claims | {'exp': 4e9, 'iss': 'https://elsewhere.example'})}") == 401
