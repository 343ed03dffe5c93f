"""What people press, with servers that nobody here wrote: Testar where a token is sent, and Obter Credenciais."""

import json
import re
from typing import Any

import pytest
from django.urls import reverse

from connections.models import Connection, ConnectionRun
from tests.factories import make_connection
from tests.people import Person
from tests.receiver import Answer, Receiver
from tests.servers.conftest import PASSWORD, USER
from tests.servers.oidc_provider import DETAIL, LONG_SECRET, SECRET, OidcProvider
from tests.servers.running import Running
from tests.webhooks.pages import posted, text, url
from webhooks.auth.connected import KIND
from webhooks.models import WebhookTest

pytestmark = [
    pytest.mark.process,
    pytest.mark.django_db,
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("public"),
]


def oauth2(oidc: OidcProvider, receiver: Receiver, **over: str) -> dict[str, Any]:
    given = {
        "token_url": oidc.token_url,
        "auth_type": "client_secret_post",
        "client_id": "post",
        "client_secret": SECRET,
        "scope": "deliver",
        "private_ca": oidc.ca,
    }
    fields = {f"oauth2-{name}": value for name, value in (given | over).items()}
    rows = {"oauth2-headers-TOTAL_FORMS": "0", "oauth2-headers-INITIAL_FORMS": "0"}
    return posted(auth_method="oauth2", request_uri=receiver.url("/hook"), **fields, **rows)


def test_testar_tells_both_requests_and_hides_the_secrets(
    oidc: OidcProvider, receiver: Receiver, owner: Person
) -> None:
    """CERC-17, CERC-21: the token from where, of which type and for how long; then the notification and its answer."""
    receiver.answer("/hook", Answer(200, b"thank you"))
    page = text(owner.client.post(url("webhook-test"), oauth2(oidc, receiver)))
    [request] = receiver.requests("/hook")
    token = (request.header("Authorization") or "").removeprefix("Bearer ")
    trial = WebhookTest.objects.get()
    assert trial.diagnosis == ""
    assert trial.exchange["token"]["token"]["type"] == "Bearer"
    assert oidc.token_url in page
    assert "thank you" in page
    assert token
    for hidden in (token, SECRET):
        assert hidden not in page
        assert hidden not in json.dumps(trial.exchange)


@pytest.mark.parametrize(
    ("over", "code"),
    [
        ({"client_secret": "wrong"}, "token_invalid_client"),
        ({"scope": "write"}, "token_invalid_scope"),
        ({"private_ca": ""}, "token_tls"),
    ],
)
def test_testar_explains_why_there_is_no_token_and_sends_nothing(
    oidc: OidcProvider, receiver: Receiver, owner: Person, over: dict[str, str], code: str
) -> None:
    """CERC-19, UNICO-34."""
    assert owner.client.post(url("webhook-test"), oauth2(oidc, receiver, **over)).status_code == 200
    assert WebhookTest.objects.get().diagnosis == code
    assert receiver.requests("/hook") == []


def test_testar_with_user_and_password(simple_jwt: Running, owner: Person) -> None:
    """UNICO-33: the receiver is one that accepts nothing but a valid Bearer."""
    given = {
        KIND: "jwt_7519",
        "token_url": simple_jwt.url("/token/"),
        "token_minutes": "5",
        "body": json.dumps({"user": USER, "password": PASSWORD}),
        "headers-TOTAL_FORMS": "0",
        "headers-INITIAL_FORMS": "0",
    }
    fields = {f"jwt-{name}": value for name, value in given.items()}
    form = posted(auth_method="jwt", request_uri=simple_jwt.url("/hook"), **fields)
    page = text(owner.client.post(url("webhook-test"), form))
    assert WebhookTest.objects.get().exchange["response"]["status"] == 204
    assert PASSWORD not in page


# --- Obter Credenciais ---------------------------------------------------------------------------------------------

RUN = {
    "grant_type": "client_credentials",
    "type": DETAIL,
    "resource": "accounts",
    "locations": "https://api.example/a\nhttps://api.example/b",
    "privileges": "read\nwrite",
}


@pytest.fixture
def btg(oidc: OidcProvider, owner: Person) -> Connection:
    made: Connection = make_connection(
        participant=owner.participant,
        kind="btg_id",
        name="BTG",
        token_url=oidc.issuer,
        settings={"client_id": "btg"},
        secrets={"client_secret": LONG_SECRET},
        private_ca=oidc.ca,
    )
    return made


def run(owner: Person, connection: Connection, **over: str) -> tuple[ConnectionRun, str]:
    address = reverse("connections:connection-run", args=[connection.uuid])
    page = text(owner.client.post(address, RUN | over, headers={"hx-request": "true"}))
    return ConnectionRun.objects.latest("pk"), page


def test_btg_11_12_17_19_credentials_are_obtained_and_shown(btg: Connection, oidc: OidcProvider, owner: Person) -> None:
    """BTG-11, BTG-12, BTG-17, BTG-19: nothing but the fixed values of the form is needed; the server takes the four as
    authorization details, and what came back is told as what it is, encrypted."""
    done, page = run(owner, btg)
    assert (done.succeeded, done.diagnosis, done.response_status) == (True, "", 200)
    [details] = json.loads(oidc.requests()[-1]["details"])
    assert details == {
        "type": DETAIL,
        "resource": "accounts",
        "locations": ["https://api.example/a", "https://api.example/b"],
        "privileges": ["read", "write"],
    }
    token = ConnectionRun.objects.get(pk=done.pk).token
    assert token.count(".") == 4
    assert re.search(r"encrypted", page, re.IGNORECASE)
    assert "A256GCM" in page, "the header of the token can be read"
    for hidden in (token, LONG_SECRET):
        assert hidden not in page
        assert hidden not in json.dumps(done.steps)


def test_btg_19_the_token_itself_is_shown_for_the_password_only(btg: Connection, owner: Person) -> None:
    done, _page = run(owner, btg)
    token = ConnectionRun.objects.get(pk=done.pk).token
    show = reverse("connections:run-token-show", args=[done.uuid])
    assert token not in text(owner.stale_client.post(show, {"again-password": "wrong"}))
    assert token in text(owner.stale_client.post(show, {"again-password": "a-good-long-password"}))


def test_btg_12_a_type_that_the_server_does_not_know_is_explained(btg: Connection, owner: Person) -> None:
    done, page = run(owner, btg, type="unheard_of")
    assert (done.succeeded, done.diagnosis) == (False, "token_invalid_authorization_details")
    assert "unsupported authorization details type" in page
