"""Foreign servers, each started once for the tests of a process."""

from collections.abc import Iterator

import pytest

from outbound.targets import Target
from tests.certificates import KeyPair, self_signed
from tests.servers.keys import public_jwk
from tests.servers.mtls import Nginx, running_nginx
from tests.servers.oidc_provider import OidcProvider, running_oidc_provider
from tests.servers.running import Running, running_jwt_bearer, running_simple_jwt

USER, PASSWORD = "USR_UNICO", "senha1234"
AUDIENCE = "https://tokens.receiver.example"
SUBJECT = "unico"


@pytest.fixture
def public(loopback: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers on loopback count as some in the internet, so that what they say is kept and shown."""
    monkeypatch.setattr(Target, "is_private", lambda self, address: False)


@pytest.fixture(scope="session")
def oidc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    with running_oidc_provider(tmp_path_factory.mktemp("oidc")) as server:
        yield server


@pytest.fixture(scope="session")
def registered() -> KeyPair:
    """The certificate that Authlib's server knows, with its key."""
    return self_signed("participant.example")


@pytest.fixture(scope="session")
def jwt_bearer(tmp_path_factory: pytest.TempPathFactory, registered: KeyPair) -> Iterator[Running]:
    key = public_jwk(registered)
    clients = {SUBJECT: {"jwk": key, "subjects": [SUBJECT]}, "other": {"jwk": key, "subjects": ["somebody"]}}
    with running_jwt_bearer(tmp_path_factory.mktemp("authlib"), audience=AUDIENCE, clients=clients) as server:
        yield server


@pytest.fixture(scope="session")
def simple_jwt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_simple_jwt(tmp_path_factory.mktemp("simplejwt"), user=USER, password=PASSWORD) as server:
        yield server


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with running_nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server
