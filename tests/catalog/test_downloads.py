"""ONS-4, ONS-19: the signed link gives the exact bytes without a login, and a guessed or altered one gives nothing."""

import re
import tracemalloc
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.test import Client, RequestFactory
from django.utils import timezone

from access.actions import block_participant, unblock_participant
from access.actors import Actor
from catalog.actions import count_download, withdraw_publication
from catalog.errors import LinkRefused
from catalog.file_answers import answer_file
from catalog.links import download_url, read_token
from catalog.models import Download, Publication
from dispatch.models import Event
from tests.at_once import at_once
from tests.factories import make_delivery, make_event, make_product, make_publication
from vault import tokens

CONTENT = bytes(range(256)) * 4
SIZE = len(CONTENT)


@pytest.fixture
def publication(db: None) -> Publication:
    return make_publication(content=CONTENT, file_name="Preços Horários.csv")


def link_of(publication: Publication, **over: Any) -> str:
    """The path of a link made for a delivery of its own, unless `over` names one."""
    if "delivery_uuid" not in over:
        event = Event.objects.filter(publication=publication).first() or make_event(publication=publication)
        over["delivery_uuid"] = make_delivery(event=event).uuid
    values = {"issued_at": timezone.now()} | over
    return download_url(publication, **values).removeprefix("http://portal.test")


def body(response: Any) -> bytes:
    return b"".join(response) if response.streaming else response.content


def test_link_gives_the_exact_bytes_to_anybody(publication: Publication, client: Client) -> None:
    response = client.get(link_of(publication))
    assert (response.status_code, body(response)) == (200, CONTENT)
    assert response["Content-Length"] == str(SIZE)
    assert response["ETag"] == f'"{publication.sha256}"'


def test_download_is_an_attachment_that_no_browser_runs(publication: Publication, client: Client) -> None:
    response = client.get(link_of(publication))
    assert response["Content-Disposition"] == "attachment; filename*=utf-8''Pre%C3%A7os%20Hor%C3%A1rios.csv"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["Content-Type"] == "application/octet-stream"


def test_download_sets_no_cookie_and_opens_no_session(publication: Publication, client: Client) -> None:
    response = client.get(link_of(publication))
    assert not response.cookies
    assert not client.cookies


def test_link_stands_on_the_download_address(publication: Publication, settings: Any) -> None:
    settings.PORTAL_DOWNLOAD_BASE_URL = "https://files.portal.test"
    assert link_of(publication).startswith("https://files.portal.test/d/")


def test_head_tells_everything_but_the_bytes(publication: Publication, client: Client) -> None:
    response = client.head(link_of(publication))
    assert (response.status_code, body(response)) == (200, b"")
    assert response["Content-Length"] == str(SIZE)
    assert response["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_other_methods_are_refused(publication: Publication, client: Client, method: str) -> None:
    assert getattr(client, method)(link_of(publication)).status_code == 405


# --- links that open nothing ------------------------------------------------------------------------------------


def spoil(path: str, place: int) -> str:
    token = path.removeprefix("/d/")
    other = "A" if token[place] != "A" else "B"
    return "/d/" + token[:place] + other + token[place + 1 :]


def test_every_altered_character_gives_a_plain_404(publication: Publication, client: Client) -> None:
    path = link_of(publication)
    for place in range(len(path) - len("/d/")):
        response = client.get(spoil(path, place))
        assert (response.status_code, response.content) == (404, b"Not found\n"), place
    assert not Download.objects.exists()


@pytest.mark.parametrize(
    "token", ["x", "k1..", "k1.AAAA.BBBB", "k9." + "A" * 54 + "." + "A" * 43, "%00", "..%2f..%2fetc%2fpasswd", "ção"]
)
def test_made_up_tokens_give_a_plain_404(db: None, client: Client, token: str) -> None:
    assert client.get(f"/d/{token}").status_code == 404


def test_token_signed_for_another_purpose_opens_nothing(publication: Publication, client: Client) -> None:
    delivery = make_delivery(event=make_event(publication=publication))
    payload = publication.uuid.bytes + delivery.uuid.bytes + (2**40).to_bytes(8, "big")
    assert client.get("/d/" + tokens.sign("catalog.download", payload)).status_code == 200
    assert client.get("/d/" + tokens.sign("something.else", payload)).status_code == 404
    assert client.get("/d/" + tokens.sign("catalog.download", payload[:-1])).status_code == 404


@pytest.mark.parametrize("method", ["get", "head"])
def test_link_ends_after_its_days(publication: Publication, client: Client, settings: Any, method: str) -> None:
    settings.PORTAL_DOWNLOAD_LINK_DAYS = 7
    path = link_of(publication)
    with time_machine.travel(timezone.now() + timedelta(days=7, seconds=-5), tick=False):
        assert getattr(client, method)(path).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(days=7, seconds=1), tick=False):
        response = getattr(client, method)(path)
        assert response.status_code == 404


@pytest.mark.parametrize("method", ["get", "head"])
def test_link_of_a_withdrawn_version_gives_a_plain_404(publication: Publication, client: Client, method: str) -> None:
    path = link_of(publication)
    withdraw_publication(publication, reason="Wrong prices", by=Actor.system("test"))
    response = getattr(client, method)(path)
    assert response.status_code == 404
    assert response["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("method", ["get", "head"])
def test_link_of_a_blocked_participant_ends_until_it_is_unblocked(
    publication: Publication, client: Client, method: str
) -> None:
    delivery = make_delivery(event=make_event(publication=publication))
    link, participant = link_of(publication, delivery_uuid=delivery.uuid), delivery.webhook.participant
    other = link_of(publication)
    block_participant(participant, reason="left", by=Actor.system("test"))
    response = getattr(client, method)(link)
    assert (response.status_code, response["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert not Download.objects.exists()
    assert getattr(client, method)(other).status_code == 200
    unblock_participant(participant, by=Actor.system("test"))
    assert getattr(client, method)(link).status_code == 200


def test_link_whose_delivery_was_erased_gives_a_plain_404(publication: Publication, client: Client) -> None:
    assert client.get(link_of(publication, delivery_uuid=uuid4())).status_code == 404


def test_link_of_an_embargoed_version_gives_a_plain_404(db: None, client: Client) -> None:
    embargoed = make_publication(publish_at=timezone.now() + timedelta(days=1))
    assert client.get(link_of(embargoed)).status_code == 404


def test_missing_file_gives_a_plain_404(publication: Publication, client: Client) -> None:
    publication.file.storage.delete(publication.file.name)
    assert client.get(link_of(publication)).status_code == 404
    assert not Download.objects.exists()


def test_token_carries_version_delivery_and_end(publication: Publication, settings: Any) -> None:
    delivery, now = uuid4(), timezone.now()
    token = link_of(publication, delivery_uuid=delivery, issued_at=now).removeprefix("/d/")
    grant = read_token(token, now)
    assert (grant.publication_uuid, grant.delivery_uuid) == (publication.uuid, delivery)
    assert grant.expires_at == int((now + timedelta(days=7)).timestamp())
    with pytest.raises(LinkRefused, match="link_expired"):
        read_token(token, now + timedelta(days=7))
    with pytest.raises(LinkRefused, match="link_invalid"):
        read_token(token + "A", now)


def test_each_delivery_has_a_link_of_its_own(publication: Publication) -> None:
    now = timezone.now()
    assert link_of(publication, issued_at=now) != link_of(publication, issued_at=now)


# --- ranges -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-99", 0, 99), ("bytes=1000-", 1000, 1023), ("bytes=-24", 1000, 1023), ("bytes=0-", 0, 1023)],
)
def test_single_range(publication: Publication, client: Client, asked: str, first: int, last: int) -> None:
    response = client.get(link_of(publication), headers={"range": asked})
    assert (response.status_code, body(response)) == (206, CONTENT[first : last + 1])
    assert response["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert response["Content-Length"] == str(last - first + 1)


def test_several_ranges_come_as_multipart(publication: Publication, client: Client) -> None:
    response = client.get(link_of(publication), headers={"range": "bytes=10-19,500-509,-5"})
    content = body(response)
    assert response.status_code == 206
    assert response["Content-Length"] == str(len(content))
    boundary = response["Content-Type"].removeprefix("multipart/byteranges; boundary=").encode()
    parts = content.split(b"--" + boundary)
    assert (parts[0], parts[-1]) == (b"\r\n", b"--\r\n")
    found = [re.fullmatch(rb"\r\n(.*?)\r\n\r\n(.*)\r\n", part, re.DOTALL) for part in parts[1:-1]]
    assert [match[2] for match in found if match] == [CONTENT[10:20], CONTENT[500:510], CONTENT[-5:]]
    assert b"Content-Range: bytes 500-509/1024" in parts[2]


def test_unsatisfiable_range_is_416_with_the_size(publication: Publication, client: Client) -> None:
    response = client.get(link_of(publication), headers={"range": "bytes=1024-"})
    assert (response.status_code, body(response)) == (416, b"")
    assert response["Content-Range"] == "bytes */1024"


@pytest.mark.parametrize("asked", ["bytes=x", "lines=1-2", "bytes=5-1", "bytes=" + ",".join(["0-0"] * 200)])
def test_nonsense_ranges_give_the_whole_file_once(publication: Publication, client: Client, asked: str) -> None:
    response = client.get(link_of(publication), headers={"range": asked})
    assert (response.status_code, len(body(response))) == (200, SIZE)


def test_range_of_head_is_ignored(publication: Publication, client: Client) -> None:
    response = client.head(link_of(publication), headers={"range": "bytes=0-9"})
    assert (response.status_code, response["Content-Length"]) == (200, str(SIZE))


def test_if_range_gives_the_part_only_of_the_same_file(publication: Publication, client: Client) -> None:
    path = link_of(publication)
    modified = client.head(path)["Last-Modified"]
    for condition, status in [
        (f'"{publication.sha256}"', 206),
        (modified, 206),
        (f'W/"{publication.sha256}"', 200),
        ('"another"', 200),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
    ]:
        response = client.get(path, headers={"range": "bytes=0-9", "if-range": condition})
        assert response.status_code == status, condition
        assert len(body(response)) == (10 if status == 206 else SIZE)


def test_reader_that_has_the_file_gets_304(publication: Publication, client: Client) -> None:
    path = link_of(publication)
    for known in (f'"{publication.sha256}"', f'W/"{publication.sha256}"', f'"x", "{publication.sha256}"', "*"):
        response = client.get(path, headers={"if-none-match": known})
        assert (response.status_code, body(response)) == (304, b""), known
    assert client.get(path, headers={"if-none-match": '"x"'}).status_code == 200
    assert Download.objects.get().count == 1


# --- counting ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "headers", "counted"),
    [
        ("get", {}, True),
        ("get", {"range": "bytes=0-0"}, True),
        ("get", {"range": "bytes=500-600,0-1"}, True),
        ("get", {"range": "bytes=1-"}, False),
        ("get", {"range": "bytes=-5"}, False),
        ("get", {"range": "bytes=2000-"}, False),
        ("get", {"range": "bytes=1-2", "if-range": '"another"'}, True),
        ("head", {}, False),
        ("head", {"range": "bytes=0-0"}, False),
    ],
)
def test_download_counts_when_byte_0_is_served(
    publication: Publication, client: Client, method: str, headers: dict[str, str], counted: bool
) -> None:
    body(getattr(client, method)(link_of(publication), headers=headers))
    assert Download.objects.filter(count=1).count() == int(counted)


def test_downloads_are_counted_by_delivery(publication: Publication, client: Client) -> None:
    event = make_event(publication=publication)
    first, second = make_delivery(event=event).uuid, make_delivery(event=event).uuid
    for delivery in (first, first, second):
        body(client.get(link_of(publication, delivery_uuid=delivery)))
    counts = dict(Download.objects.filter(publication=publication).values_list("delivery_uuid", "count"))
    assert counts == {first: 2, second: 1}
    row = Download.objects.get(delivery_uuid=first)
    assert row.first_at < row.last_at


@pytest.mark.django_db(transaction=True)
def test_parallel_downloads_of_one_link_are_all_counted() -> None:
    publication, delivery = make_publication(), uuid4()
    at_once([lambda: count_download(publication, delivery_uuid=delivery)] * 6)
    assert Download.objects.get().count == 6


def test_counter_that_fails_keeps_nobody_from_the_file(
    publication: Publication, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError
    from django.db.models import QuerySet

    def locked(*args: Any, **kwargs: Any) -> int:
        raise OperationalError("database is locked")

    path = link_of(publication)
    monkeypatch.setattr(QuerySet, "update", locked)
    assert body(client.get(path)) == CONTENT


# --- memory, the proxy, the workers -----------------------------------------------------------------------------


def test_big_file_is_never_whole_in_memory(db: None) -> None:
    from catalog.actions import receive_file, store_publication

    size = 24 * 1024 * 1024
    received = receive_file(ContentFile(b"x" * size, "big.csv"))
    stored = store_publication(make_product(), period="2020-08-15", received=received, by=Actor.system("test"))
    response = answer_file(RequestFactory().get("/"), stored.publication).response
    tracemalloc.start()
    sent = sum(len(chunk) for chunk in response)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sent == size
    assert peak < 1024 * 1024


def test_file_is_closed_with_the_response_even_if_nothing_was_read(publication: Publication) -> None:
    response = answer_file(RequestFactory().get("/"), publication).response
    assert not publication.file.closed
    response.close()
    assert publication.file.closed


def test_proxy_sends_the_file_when_the_setting_says_so(publication: Publication, client: Client, settings: Any) -> None:
    settings.PORTAL_DOWNLOAD_X_ACCEL_PREFIX = "/files/"
    response = client.get(link_of(publication))
    assert response["X-Accel-Redirect"] == f"/files/{publication.file.name}"
    assert (response.content, "ETag" in response) == (b"", False)
    assert response["Content-Disposition"].startswith("attachment;")
    assert Download.objects.get().count == 1
    client.get(link_of(publication), headers={"range": "bytes=5-"})
    assert Download.objects.count() == 1
    assert client.get(link_of(publication) + "A").status_code == 404


@pytest.fixture
def worker(settings: Any) -> Client:
    """A reader of the download workers: they serve downloads, their own health, and nothing else."""
    from portal import download_settings

    settings.ROOT_URLCONF = download_settings.ROOT_URLCONF
    settings.MIDDLEWARE = download_settings.MIDDLEWARE
    return Client()


def test_download_workers_need_no_session_machinery(publication: Publication, worker: Client) -> None:
    response = worker.get(link_of(publication))
    assert body(response) == CONTENT
    assert "Vary" not in response


def test_download_asks_the_database_three_times(
    publication: Publication, worker: Client, django_assert_num_queries: Any
) -> None:
    path = link_of(publication)
    body(worker.get(path))
    with django_assert_num_queries(3):
        body(worker.get(path))


def test_download_workers_tell_that_they_live(worker: Client) -> None:
    assert worker.get("/health/live").content == b"ok\n"


@pytest.mark.parametrize(
    "path", ["/", "/accounts/login/", "/admin/", "/publications/", "/d/", "/static/css/gancho.css"]
)
def test_download_workers_serve_no_pages(worker: Client, path: str) -> None:
    response = worker.get(path)
    assert (response.status_code, response.content) == (404, b"Not found\n")
