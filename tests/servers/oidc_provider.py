"""oidc-provider: an OAuth 2.0 authorization server of Node.js with a client for each way to say who one is."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt

from tests import services
from tests.certificates import Authority, KeyPair, self_signed
from tests.processes import portal_environment, started, wait_until
from tests.servers.keys import private_jwk, public_jwk
from tests.servers.packages import provide_oidc_provider

# What RFC 6749 allows in a secret, with all that a form would write otherwise: "raw" and "encoded" differ.
SECRET = "s3cret+with/every%41 sign: &=" + secrets.token_hex(16)
# client_secret_jwt wants at least the length of its hash.
LONG_SECRET = secrets.token_hex(32)
LIFETIME_SECONDS = 600
DETAIL = "credential"
# Whom the tokens of these clients are for; those of others are opaque.
RESOURCES = {
    "basic": "urn:readable",
    "readable": "urn:readable",
    "private_key_jwt_rsa": "urn:readable",
    "self_signed": "urn:readable",
    "other_audience": "urn:other",
    "nested": "urn:encrypted",
    "btg": "urn:encrypted",
}
SAN = "client.participant.example"


@dataclass
class OidcProvider:
    """The running server: where it is, whom it knows, and what it was asked for."""

    folder: Path
    port: int = field(default_factory=services.free_port)
    authority: Authority = field(default_factory=lambda: Authority("Tokens CA"))
    # Of each kind one that the server knows; `stranger` it does not.
    rsa: KeyPair = field(default_factory=lambda: self_signed(SAN))
    ec: KeyPair = field(default_factory=lambda: self_signed(SAN, kind="EC"))
    ed25519: KeyPair = field(default_factory=lambda: self_signed(SAN, kind="Ed25519"))
    stranger: KeyPair = field(default_factory=lambda: self_signed(SAN))
    issued: KeyPair = field(init=False)
    # What its own tokens are signed with.
    signing_key: dict[str, Any] = field(default_factory=lambda: private_jwk(alg="RS256", kid="signs-tokens"))

    def __post_init__(self) -> None:
        self.issued = self.authority.issue(SAN, client=True)

    @property
    def issuer(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def token_url(self) -> str:
        return f"{self.issuer}/oauth2/token"

    @property
    def ca(self) -> str:
        """What a client must trust."""
        return self.authority.pem

    def requests(self) -> list[dict[str, Any]]:
        """A line for each token request: client, status, scope, details, and error and why where it was refused."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if "status" in line]

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token as the server would sign it, with claims that it would not."""
        return jwt.encode(dict(claims), jwt.PyJWK(self.signing_key), "RS256", headers={"kid": self.signing_key["kid"]})

    @property
    def _log(self) -> Path:
        return self.folder / "oidc-provider.log"

    def configuration(self) -> dict[str, Any]:
        pair = self.authority.issue("127.0.0.1", "localhost")
        return {
            "port": self.port,
            "tls": {"key": pair.key, "cert": pair.certificate},
            "ca": self.ca,
            "clients": self._clients(),
            "keys": [self.signing_key],
            "encryption": secrets.token_hex(32),
            "lifetime": LIFETIME_SECONDS,
            "resources": RESOURCES,
            "detail": DETAIL,
        }  # fmt: skip

    def _clients(self) -> list[dict[str, Any]]:
        return [
            _client("basic", "client_secret_basic", client_secret=SECRET),
            _client("post", "client_secret_post", client_secret=SECRET),
            *(
                _client(name, "client_secret_post", client_secret=SECRET)
                for name in ("readable", "other_audience", "nested")
            ),
            _client("plain", "client_secret_basic", client_secret=LONG_SECRET),
            _client("secret_jwt", "client_secret_jwt", client_secret=LONG_SECRET),
            *(
                _client(f"private_key_jwt_{name}", "private_key_jwt", jwks={"keys": [public_jwk(pair)]}, **_alg(alg))
                for name, pair, alg in (
                    ("rsa", self.rsa, "RS256"),
                    ("ec", self.ec, "ES256"),
                    ("ed25519", self.ed25519, "EdDSA"),
                )
            ),
            _client("tls", "tls_client_auth", tls_client_auth_san_dns=SAN, **_BOUND),
            _client(
                "self_signed", "self_signed_tls_client_auth", jwks={"keys": [public_jwk(self.rsa)]}, **_BOUND
            ),
            _client("btg", "client_secret_basic", client_secret=LONG_SECRET, authorization_details_types=[DETAIL]),
            _client(
                "people_only", "client_secret_post", client_secret=SECRET, grant_types=["authorization_code"],
                response_types=["code"], redirect_uris=["https://client.example/back"],
            ),
        ]  # fmt: skip

    def start(self) -> Any:
        configuration = self.folder / "oidc-provider.json"
        configuration.touch(mode=0o600)
        configuration.write_text(json.dumps(self.configuration()))
        node, home = provide_oidc_provider() or services.miss("oidc-provider, or npm that fetches it,")
        words = (str(node), str(home / "provider.mjs"), str(configuration))
        kept = {name: value for name, value in portal_environment(self.folder).items() if name in ("PATH", "LANG")}
        return started(*words, env=kept | {"HOME": str(self.folder)}, log=self._log)


_BOUND = {"tls_client_certificate_bound_access_tokens": True}


def _alg(name: str) -> dict[str, str]:
    return {"token_endpoint_auth_signing_alg": name}


def _client(name: str, method: str, **more: Any) -> dict[str, Any]:
    return {
        "client_id": name,
        "token_endpoint_auth_method": method,
        "grant_types": ["client_credentials"],
        "response_types": [],
        "redirect_uris": [],
        "scope": "deliver read",
        **more,
    }


@contextmanager
def running_oidc_provider(folder: Path) -> Iterator[OidcProvider]:
    """The server for the length of the block; skips, or in CI fails, where it can't be had."""
    server = OidcProvider(folder)
    with server.start() as process:

        def listens() -> bool:
            assert process.poll() is None, server._log.read_text()
            return '"listening"' in server._log.read_text()

        wait_until(listens, within=30, what="oidc-provider")
        yield server
