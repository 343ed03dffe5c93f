"""Fault 14: the disk is full, the database read-only or gone: new work is refused in plain words, nothing sounds like
success, and what was accepted goes on once there is room again."""

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError, connection
from django.test import Client
from django.urls import reverse

from access.actors import Actor
from access.models import AuditEntry
from access.unavailable import is_unavailable
from catalog.models import Publication
from dispatch.actions import publish
from dispatch.dispatcher import Dispatcher
from dispatch.models import Attempt, Delivery, Event
from portal import unavailable
from tests.dispatch.test_admin_publications import PUBLISH, confirm, preview, reference_in, stored_files, values
from tests.factories import make_product, make_webhook
from tests.people import Person
from tests.receiver import Receiver
from tests.webhooks.pages import CREATE, posted
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db(transaction=True)

BY = Actor.system("test")
ENGLISH = {"accept-language": "en"}
WORDS = "What you did just now was not accepted."


@contextmanager
def read_only() -> Iterator[None]:
    """The database takes nothing: in this connection and in those that are opened meanwhile."""
    options = connection.settings_dict["OPTIONS"]
    if connection.vendor == "sqlite":
        before = options["init_command"]
        options["init_command"] = f"{before} PRAGMA query_only=ON;"
        words = ("PRAGMA query_only=ON", "PRAGMA query_only=OFF")
    else:
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        always = f"ALTER DATABASE {name} SET default_transaction_read_only"
        run("SET default_transaction_read_only = off", f"{always} = on")
        words = ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off")
    run(words[0])
    try:
        yield
    finally:
        run(words[1])
        if connection.vendor == "sqlite":
            options["init_command"] = before
        else:
            run(f"{always} = off")
            connection.close()


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Storage has room for nothing more."""

    def save(*args: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(FileSystemStorage, "_save", save)
        yield


def assert_refused(response: Any) -> None:
    assert response.status_code == 503
    page = response.content.decode()
    assert "Nothing can be stored at the moment" in page
    assert WORDS in page
    assert int(response["Retry-After"]) > 0
    assert "no-store" in response["Cache-Control"]


# --- pages


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_enviar_is_refused_and_nothing_is_on_its_way(owner: Person, headers: dict[str, str]) -> None:
    product = make_product()
    webhook = make_webhook(participant=owner.participant, products=[product])
    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=BY)
    Delivery.objects.update(state="delivered", due_at=None, finished_at=Event.objects.get().recorded_at)
    press = reverse("dispatch:product-send", args=[webhook.uuid, product.uuid])
    client = owner.client
    with read_only():
        assert_refused(client.post(press, headers=headers))
    assert Delivery.objects.count() == 1
    assert not AuditEntry.objects.filter(action="dispatch.delivery.requested").exists()


def test_a_webhook_is_neither_made_nor_changed(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant, description="As it was")
    client = owner.client
    edit = reverse("webhooks:webhook-edit", args=[webhook.uuid])
    with read_only():
        assert_refused(client.post(reverse(CREATE), posted()))
        assert_refused(client.post(edit, posted(description="Changed")))
    assert Webhook.objects.get().description == "As it was"


def test_nothing_is_published_in_the_administration(officer: Person) -> None:
    product = make_product()
    reference = reference_in(preview(officer, product))
    with read_only():
        assert_refused(officer.client.post(PUBLISH, values(product, received=reference, confirm="1")))
    assert not Publication.objects.exists()
    assert not Event.objects.exists()
    # The file waits for the second try.
    assert "published" in confirm(officer, product, reference).content.decode().lower()
    assert Publication.objects.count() == 1


def test_no_file_is_taken_when_there_is_no_room_for_it(officer: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    product = make_product()
    before = stored_files()
    with full_disk(monkeypatch):
        page = preview(officer, product).content.decode()
    assert "The file could not be stored. Nothing was published" in page
    assert stored_files() == before
    assert not Publication.objects.exists()


# Only SQLite can be given so few pages.
@pytest.mark.sqlite
def test_a_database_that_is_full_refuses_in_the_same_words(owner: Person) -> None:
    client = owner.client
    run("PRAGMA max_page_count = 1")
    try:
        responses = [client.post(reverse(CREATE), posted(private_ca="", description="x" * 100)) for _time in range(40)]
    finally:
        run("PRAGMA max_page_count = 1073741823")
    refused = [response for response in responses if response.status_code == 503]
    assert refused
    assert_refused(refused[0])
    assert Webhook.objects.count() == len(responses) - len(refused)


def test_what_is_there_can_still_be_read(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant, products=[make_product()])
    client = owner.client
    client.get("/")
    with read_only():
        for path in ("/", reverse("dispatch:webhook-detail", args=[webhook.uuid]), reverse("dispatch:delivery-list")):
            assert client.get(path).status_code == 200
        assert client.get("/health/ready").status_code == 200


def test_signing_in_is_refused_in_the_same_words(owner: Person, client: Client) -> None:
    login = {"login": owner.user.email, "password": "a-good-long-password"}
    with read_only():
        assert_refused(client.post(reverse("account_login"), login, headers=ENGLISH))


def test_the_words_are_in_the_readers_language(owner: Person) -> None:
    owner.user.language = "pt-br"
    owner.user.save()
    client = owner.client
    with read_only():
        response = client.post(reverse(CREATE), posted())
    assert response.status_code == 503
    assert 'lang="pt-br"' in response.content.decode()
    assert "Nada pode ser gravado no momento" in response.content.decode()


def test_a_database_that_is_gone_before_any_view_is_told_in_the_same_words(
    client: Client, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(owner.user)

    def gone(self: Any) -> dict[str, Any]:
        raise OperationalError("connection to server at 10.0.0.7 failed")

    monkeypatch.setattr(SessionStore, "load", gone)
    client.raise_request_exception = False
    response = client.get("/", headers=ENGLISH)
    assert_refused(response)
    assert "10.0.0.7" not in response.content.decode()


def test_a_mistake_of_ours_is_not_called_a_full_disk(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.raise_request_exception = False
    monkeypatch.setattr("portal.views.participant_home", lambda request: 1 / 0)
    response = client.get("/")
    assert response.status_code == 500
    assert WORDS not in response.content.decode()


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (OSError(errno.ENOSPC, "x"), True),
        (OSError(errno.EROFS, "x"), True),
        (OSError(errno.ENOENT, "x"), False),
        (OperationalError("connection failed"), True),
        (DatabaseError("x"), False),
        (ValueError("x"), False),
    ],
)
def test_which_errors_say_that_nothing_can_be_stored(error: Exception, answer: bool) -> None:
    assert is_unavailable(error) is answer


def test_a_column_that_is_not_there_is_a_mistake_and_not_a_full_disk() -> None:
    with pytest.raises(DatabaseError) as wrong:
        run("SELECT not_a_column FROM access_user")
    assert not is_unavailable(wrong.value)


def test_the_answer_is_on_record_for_operations(rf: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert unavailable.answer(rf.post("/x"), OSError(errno.ENOSPC, "x")).status_code == 503
    assert "storage.unavailable" in caplog.text


def test_too_many_tries_are_still_called_so(client: Client, owner: Person) -> None:
    login = {"login": owner.user.email, "password": "wrong"}
    answers = [client.post(reverse("account_login"), login).status_code for _time in range(31)]
    assert answers[-1] == 429


# --- the command


def publish_by_command(product: Any, path: Path) -> None:
    call_command("publish", product=product.code, period="2020-08-15", file=path)


def test_the_command_says_so_with_a_code_of_its_own_and_does_it_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, path = make_product(), tmp_path / "data.csv"
    make_webhook(products=[product])
    path.write_bytes(b"a;b\n")
    with read_only(), pytest.raises(CommandError, match="nothing can be stored") as refused:
        publish_by_command(product, path)
    assert refused.value.returncode == 3
    with full_disk(monkeypatch), pytest.raises(CommandError, match="file could not be stored"):
        publish_by_command(product, path)
    assert not Publication.objects.exists()
    publish_by_command(product, path)
    assert (Publication.objects.count(), Delivery.objects.count()) == (1, 1)


# --- the dispatcher


def test_the_dispatcher_lives_on_and_sends_it_once_there_is_room(loopback: None, receiver: Receiver) -> None:
    product = make_product()
    make_webhook(request_uri=receiver.url("/hook"), products=[product])
    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=BY)
    dispatcher = Dispatcher()
    with read_only():
        for _turn in range(10):
            dispatcher.paused_until = 0.0
            dispatcher.wake()
            dispatcher.step()
        assert receiver.requests() == []
    finish(dispatcher)
    assert len(receiver.requests()) == 1


def test_a_result_that_cannot_be_written_waits_and_nothing_is_sent_twice(loopback: None, receiver: Receiver) -> None:
    product = make_product()
    make_webhook(request_uri=receiver.url("/hook"), products=[product])
    publish(product, period="2020-08-15", upload=ContentFile(b"x", "x.csv"), by=BY)
    dispatcher = Dispatcher()
    while not dispatcher.pool.in_flight:
        dispatcher._refill()
        dispatcher._start_queued()
    with read_only():
        deadline = time.monotonic() + 10
        while not dispatcher.done and time.monotonic() < deadline:
            dispatcher.step()
        assert len(receiver.requests()) == 1
        for _turn in range(3):
            dispatcher.paused_until = 0.0
            dispatcher.done_since = 0.0
            dispatcher.step()
        assert len(dispatcher.done) == 1
        assert not Delivery.objects.filter(state="delivered").exists()
    finish(dispatcher)
    assert len(receiver.requests()) == 1
    assert Attempt.objects.get().outcome == "answered"


def finish(dispatcher: Dispatcher) -> None:
    dispatcher.paused_until = 0.0
    dispatcher.run(until=lambda: not Delivery.objects.open().exists())
    assert Delivery.objects.get().state == "delivered"
