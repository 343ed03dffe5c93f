"""Obter Credenciais: run live against a real token endpoint, shown step by step, the token masked until its reader
types the password again."""

import base64
import json
from datetime import timedelta
from typing import Any, cast

import pytest
from django.core.cache import cache
from django.db import connection as database
from django.utils import timezone

from access.models import AuditEntry
from connections import tokens
from connections.models import CachedToken, Connection, ConnectionRun
from connections.run import RUNS_PER_MINUTE, TooManyRuns, run_connection
from connections.tasks import remove_connection_runs
from outbound.policy import Policy, Verdict
from tests.at_once import at_once
from tests.connections.endpoint import PATH, VALUE, form_of, json_answer, token_answer
from tests.connections.pages import HTMX, text, url
from tests.factories import make_connection
from tests.people import Person
from tests.receiver import Answer, Hang, Receiver

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_loopback")]
PASSWORD = "a-good-long-password"
ARGUMENTS = {
    "grant_type": "client_credentials",
    "type": "accounts",
    "resource": "acc-0001",
    "locations": "https://api.btg.example/accounts\r\n\r\n  https://api.btg.example/statements ",
    "privileges": "read\nlist",
}


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    cache.clear()


@pytest.fixture
def connection(owner: Person, receiver: Receiver) -> Connection:
    receiver.answer(PATH, token_answer())
    made: Connection = make_connection(participant=owner.participant, kind="btg_id", token_url=receiver.url(PATH))
    return made


def press(person: Person, connection: Connection, over: dict[str, Any] | None = None, *, htmx: bool = True) -> Any:
    fields = {name: value for name, value in (ARGUMENTS | (over or {})).items() if value is not None}
    return person.client.post(url("connection-run", connection), fields, headers=HTMX if htmx else {})


def show_token(person: Person, run: ConnectionRun, password: str = PASSWORD) -> Any:
    return person.stale_client.post(url("run-token-show", run), {"again-password": password})


def jwt(claims: dict[str, Any], **header: Any) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "PS256"} | header, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "c2lnbmF0dXJl"])


# --- running ------------------------------------------------------------------------------------------------------


def test_btg_12_the_four_fields_become_authorization_details(
    owner: Person, connection: Connection, receiver: Receiver
) -> None:
    """BTG-11, BTG-12, BTG-17, BTG-19."""
    card = text(press(owner, connection))
    details = json.loads(form_of(receiver.wait_for(1, path=PATH)[0])["authorization_details"])
    locations = ["https://api.btg.example/accounts", "https://api.btg.example/statements"]
    assert details == [
        {"type": "accounts", "resource": "acc-0001", "locations": locations, "privileges": ["read", "list"]}
    ]
    for words in ("Token obtained", "HTTP 200", "Connected", "No TLS", "Response 200", " ms", "Bearer"):
        assert words in card, words
    assert 'data-announce="Token obtained"' in card
    assert VALUE not in card
    run = ConnectionRun.objects.get()
    assert run.arguments["locations"] == locations
    assert (run.succeeded, run.response_status, run.token, run.by) == (True, 200, VALUE, "Owner")


@pytest.mark.parametrize("field", ["type", "resource", "locations", "privileges"])
def test_btg_11_required_parameters_are_marked_and_refused_when_empty(
    owner: Person, connection: Connection, receiver: Receiver, field: str
) -> None:
    page = text(owner.client.get(url("connection-run", connection)))
    assert f'<label for="id_{field}">' in page
    assert page.split(f'<label for="id_{field}">')[1].split("</label>")[0].count("*") == 1
    card = text(press(owner, connection, {field: " \n "}))
    assert f'href="#id_{field}"' in card
    assert "Not run" in card
    assert receiver.requests() == []
    assert not ConnectionRun.objects.exists()


@pytest.mark.parametrize("field", ["type", "resource", "locations", "privileges"])
def test_expressions_are_refused_until_there_are_any(
    owner: Person, connection: Connection, receiver: Receiver, field: str
) -> None:
    card = text(press(owner, connection, {field: "x {{ .input.body.x }}"}))
    assert f'href="#id_{field}"' in card
    assert "Write the value itself" in card
    assert receiver.requests() == []


def test_without_javascript_the_page_of_the_run_comes(owner: Person, connection: Connection) -> None:
    answer = press(owner, connection, htmx=False)
    run = ConnectionRun.objects.get()
    assert answer["Location"] == url("run-detail", run)
    page = text(owner.client.get(answer["Location"]))
    for words in ("Token obtained", "acc-0001", "https://api.btg.example/statements", "is removed on"):
        assert words in page, words
    page = text(press(owner, connection, {"type": ""}, htmx=False))
    assert 'value="acc-0001"' in page
    assert 'href="#id_type"' in page


def test_the_next_run_begins_with_what_was_asked_for_last(owner: Person, connection: Connection) -> None:
    press(owner, connection)
    page = text(owner.client.get(url("connection-run", connection)))
    assert 'value="acc-0001"' in page
    assert "https://api.btg.example/accounts\nhttps://api.btg.example/statements</textarea>" in page


def test_a_kind_without_parameters_runs_by_one_press(owner: Person, receiver: Receiver) -> None:
    receiver.answer(PATH, token_answer())
    made = make_connection(participant=owner.participant, token_url=receiver.url(PATH))
    assert "needs no parameters" in text(owner.client.get(url("connection-run", made)))
    assert "Token obtained" in text(owner.client.post(url("connection-run", made), headers=HTMX))


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        (json_answer({"error": "invalid_client"}, status=401), "Token refused: invalid_client"),
        (json_answer({"error": "invalid_scope"}, status=400), "invalid_scope"),
        (Answer(503), "503"),
        (json_answer({"nothing": 1}), ""),
        (Answer(302, b"", [("Location", "https://elsewhere.example/")]), "redirect"),
    ],
)
def test_a_failure_is_explained(
    owner: Person, connection: Connection, receiver: Receiver, answer: Any, title: str
) -> None:
    receiver.answer(PATH, answer)
    card = text(press(owner, connection))
    assert title in card
    for words in ("What happened", "Probable cause", "What to do"):
        assert words in card, words
    run = ConnectionRun.objects.get()
    assert (run.succeeded, bool(run.diagnosis), run.token) == (False, True, "")
    assert f"HTTP {run.response_status}" in card


def test_a_server_that_hangs_ends_the_run_at_its_deadline(
    owner: Person, connection: Connection, receiver: Receiver, settings: Any
) -> None:
    settings.PORTAL_TOKEN_DEADLINE_SECONDS = 0.3
    receiver.answer(PATH, Hang())
    assert "What to do" in text(press(owner, connection))
    assert ConnectionRun.objects.get().diagnosis == "token_timeout"


def test_no_transaction_is_open_while_the_server_is_asked(
    owner: Person, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    depth: list[int] = []
    real = tokens.obtain_token

    def watched(*args: Any, **kwargs: Any) -> Any:
        depth.append(len(database.savepoint_ids))
        return real(*args, **kwargs)

    monkeypatch.setattr("connections.run.obtain_token", watched)
    outside = len(database.savepoint_ids)
    press(owner, connection)
    assert depth == [outside]


def test_a_run_leaves_the_tokens_of_webhooks_alone(owner: Person, connection: Connection) -> None:
    press(owner, connection)
    assert not CachedToken.objects.exists()


def test_the_eleventh_in_a_minute_is_told_to_wait(
    owner: Person, outsider: Person, connection: Connection, receiver: Receiver
) -> None:
    now = timezone.now()
    for _number in range(RUNS_PER_MINUTE):
        ConnectionRun.objects.create(connection=connection, by="x", at=now, purge_at=now + timedelta(days=1))
    other = make_connection(participant=owner.participant, token_url=receiver.url(PATH))
    assert "At most 10 times a minute" in text(owner.client.post(url("connection-run", other), headers=HTMX))
    assert receiver.requests() == []
    ConnectionRun.objects.update(at=now - timedelta(seconds=61))
    assert "Token obtained" in text(press(owner, connection))


@pytest.mark.django_db(transaction=True)
def test_two_at_once_are_not_both_the_tenth(owner: Person, connection: Connection) -> None:
    now = timezone.now()
    for _number in range(RUNS_PER_MINUTE - 1):
        ConnectionRun.objects.create(connection=connection, by="x", at=now, purge_at=now + timedelta(days=1))
    arguments = ARGUMENTS | {"locations": ["a"], "privileges": ["b"]}

    def run() -> bool:
        try:
            run_connection(Connection.objects.get(pk=connection.pk), arguments=arguments, by=owner.actor)
        except TooManyRuns:
            return False
        return True

    assert sorted(at_once([run, run])) == [False, True]


def test_x_4_viewers_and_others_run_nothing(
    owner: Person, viewer: Person, outsider: Person, connection: Connection, receiver: Receiver
) -> None:
    assert press(viewer, connection).status_code == 403
    assert press(outsider, connection).status_code == 404
    assert receiver.requests() == []
    press(owner, connection)
    run = ConnectionRun.objects.get()
    assert outsider.client.get(url("run-detail", run)).status_code == 404
    assert show_token(outsider, run).status_code == 404
    assert show_token(viewer, run).status_code == 403
    assert VALUE not in text(viewer.client.get(url("run-detail", run)))


def test_every_run_is_in_the_audit_trail_without_its_parameters(owner: Person, connection: Connection) -> None:
    press(owner, connection)
    entry = AuditEntry.objects.get(action="connections.connection.run")
    assert (entry.actor_user, entry.participant, entry.object_id) == (
        owner.user,
        owner.participant,
        str(connection.uuid),
    )
    assert "acc-0001" not in json.dumps(entry.after)


# --- what can be read of the token -----------------------------------------------------------------------------------


def shown(owner: Person, connection: Connection, receiver: Receiver, token: str) -> str:
    receiver.answer(PATH, token_answer(token))
    return text(press(owner, connection))


def test_header_and_claims_of_a_readable_token_are_shown(
    owner: Person, viewer: Person, connection: Connection, receiver: Receiver
) -> None:
    """BTG-19: technical users read them, viewers don't."""
    token = jwt({"sub": "app-vento", "exp": 1_900_000_000}, kid="btg-2026")
    card = shown(owner, connection, receiver, token)
    for words in ("A signed JWT", "The signature was not checked", "btg-2026", "app-vento", "2030"):
        assert words in card, words
    assert token not in card
    page = text(viewer.client.get(url("run-detail", ConnectionRun.objects.get())))
    assert "Token obtained" in page
    assert [words for words in ("app-vento", "btg-2026", token) if words in page] == []


def test_of_an_encrypted_token_the_header_is_shown_and_the_rest_explained(
    owner: Person, connection: Connection, receiver: Receiver
) -> None:
    head = base64.urlsafe_b64encode(b'{"alg": "RSA-OAEP-256", "enc": "A256GCM"}').rstrip(b"=").decode()
    card = shown(owner, connection, receiver, f"{head}.a2V5.aXY.dGV4dA.dGFn")
    assert "An encrypted JWT (JWE)" in card
    assert "A256GCM" in card
    assert "Claims</h4>" not in card


def test_a_nested_and_an_opaque_token_are_called_so(owner: Person, connection: Connection, receiver: Receiver) -> None:
    inner = jwt({"sub": "inner"})
    outer = base64.urlsafe_b64encode(inner.encode()).rstrip(b"=").decode()
    card = shown(owner, connection, receiver, f"{inner.split('.')[0]}.{outer}.c2ln")
    assert "holds another token in place of claims" in card
    assert "&quot;inner&quot;" in card
    assert "An opaque token" in shown(owner, connection, receiver, "2YotnFZFEjr1zCsicMWpAA")


# --- showing it ------------------------------------------------------------------------------------------------------


def test_the_token_is_shown_to_who_types_the_password_and_that_is_noted(owner: Person, connection: Connection) -> None:
    press(owner, connection)
    run = ConnectionRun.objects.get()
    assert VALUE not in text(owner.client.get(url("run-detail", run)))
    answer = show_token(owner, run)
    assert VALUE in text(answer)
    assert "no-store" in answer["Cache-Control"]
    entry = AuditEntry.objects.get(action="connections.run.token_shown")
    assert (entry.actor_user, entry.object_id) == (owner.user, str(connection.uuid))
    assert VALUE not in json.dumps(entry.after)
    assert VALUE not in text(owner.client.get(url("run-detail", run)))


@pytest.mark.parametrize("password", ["", "wrong", f"{PASSWORD} "])
def test_without_the_password_nothing_is_shown(owner: Person, connection: Connection, password: str) -> None:
    press(owner, connection)
    page = text(show_token(owner, ConnectionRun.objects.get(), password))
    assert VALUE not in page
    assert "This is not your password." in page or "This field is required." in page
    assert not password or password not in page
    assert not AuditEntry.objects.filter(action="connections.run.token_shown").exists()


def test_who_has_just_typed_it_is_not_asked_again(owner: Person, connection: Connection) -> None:
    press(owner, connection)
    run = ConnectionRun.objects.get()
    assert "again-password" not in text(owner.client.get(url("run-detail", run)))
    assert "again-password" in text(owner.stale_client.get(url("run-detail", run)))
    assert VALUE not in text(owner.stale_client.post(url("run-token-show", run)))
    assert VALUE in text(owner.client.post(url("run-token-show", run)))


def test_passwords_are_not_guessed_here_either(owner: Person, connection: Connection) -> None:
    press(owner, connection)
    run = ConnectionRun.objects.get()
    for _try in range(5):
        show_token(owner, run, "wrong")
    page = text(show_token(owner, run))
    assert VALUE not in page
    assert "Too many attempts" in page


def test_showing_takes_a_post_and_a_run_with_a_token(owner: Person, connection: Connection, receiver: Receiver) -> None:
    receiver.answer(PATH, json_answer({"error": "invalid_client"}, status=401))
    press(owner, connection)
    run = ConnectionRun.objects.get()
    assert owner.client.get(url("run-token-show", run)).status_code == 405
    assert show_token(owner, run).status_code == 200
    assert not AuditEntry.objects.filter(action="connections.run.token_shown").exists()


def test_a_token_that_no_longer_opens_is_said_so(owner: Person, connection: Connection) -> None:
    press(owner, connection)
    press(owner, connection)
    first, second = ConnectionRun.objects.order_by("pk")
    ConnectionRun.objects.filter(pk=first.pk).update(token=cast(Any, second).token_sealed)
    assert "can no longer be read" in text(owner.client.get(url("run-detail", first)))
    answer = owner.client.post(url("run-token-show", first), follow=True)
    assert "The token can no longer be read" in text(answer)
    assert not AuditEntry.objects.filter(action="connections.run.token_shown").exists()


@pytest.fixture
def private_answers(public_loopback: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Policy, "judge", lambda *_args: Verdict.PRIVATE)


@pytest.mark.usefixtures("private_answers")
def test_a_token_from_a_private_network_is_neither_shown_nor_kept(
    owner: Person, connection: Connection, receiver: Receiver
) -> None:
    """Whoever may run a connection must not read with it what answers inside the operator's network."""
    token = jwt({"sub": "app-vento", "exp": 1_900_000_000}, kid="btg-2026")
    card = shown(owner, connection, receiver, token)
    run = ConnectionRun.objects.get()
    assert (run.succeeded, run.token, run.token_type) == (True, "", "Bearer")
    assert "form" not in run.steps["exchange"]["token"]
    pages = [card, text(owner.client.get(url("run-detail", run))), text(show_token(owner, run))]
    for page in pages:
        assert "Token obtained" in page
        assert "Valid until" in page
        assert "neither shown nor kept" in page
        hidden = ("app-vento", "btg-2026", token, "A signed JWT", "can no longer be read", url("run-token-show", run))
        assert [words for words in hidden if words in page] == []
    assert not AuditEntry.objects.filter(action="connections.run.token_shown").exists()


# --- kept for a day --------------------------------------------------------------------------------------------------


def test_runs_are_removed_after_a_day_with_their_tokens(owner: Person, connection: Connection) -> None:
    press(owner, connection)
    run = ConnectionRun.objects.get()
    assert run.purge_at - run.at == timedelta(hours=24)
    remove_connection_runs()
    assert ConnectionRun.objects.exists()
    ConnectionRun.objects.update(purge_at=timezone.now())
    assert owner.client.get(url("run-detail", run)).status_code == 404
    assert show_token(owner, run).status_code == 404
    remove_connection_runs()
    remove_connection_runs()
    assert not ConnectionRun.objects.exists()


def test_a_run_that_was_cut_off_is_shown_as_that(owner: Person, connection: Connection) -> None:
    now = timezone.now()
    run = ConnectionRun.objects.create(connection=connection, by="x", at=now, purge_at=now + timedelta(days=1))
    assert "No result: it was cut off" in text(owner.client.get(url("run-detail", run)))
    assert "No result" in text(owner.client.get(url("connection-detail", connection)))


def test_the_last_runs_stand_on_the_page_of_the_connection(
    owner: Person, connection: Connection, receiver: Receiver
) -> None:
    press(owner, connection)
    receiver.answer(PATH, json_answer({"error": "invalid_client"}, status=401))
    press(owner, connection)
    page = text(owner.client.get(url("connection-detail", connection)))
    for run in ConnectionRun.objects.all():
        assert url("run-detail", run) in page
    for words in ("Token obtained", "Token refused: invalid_client", "HTTP 200", "HTTP 401"):
        assert words in page, words


def test_a_failed_run_leads_to_the_form_and_has_no_token_to_remove(owner: Person, connection: Connection) -> None:
    now = timezone.now()
    values = {"by": "Lia", "at": now, "finished_at": now, "purge_at": now + timedelta(days=1)}
    made = ConnectionRun.objects.create(connection=connection, diagnosis="token_invalid_client", **values)
    page = text(owner.client.get(url("run-detail", made)))
    assert url("connection-edit", connection) in page
    assert "This run is removed on" in page
    ConnectionRun.objects.update(succeeded=True, diagnosis="")
    page = text(owner.client.get(url("run-detail", made)))
    assert url("connection-edit", connection) not in page
    assert "This run, with its token, is removed on" in page
