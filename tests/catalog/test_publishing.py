"""Taking in files and making versions: ONS-20, and the section "Publications" of the delivery contract."""

import hashlib
import os
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from access.actors import Actor
from access.models import AuditEntry
from catalog.actions import (
    due_publications,
    receive_file,
    release_publication,
    store_publication,
    withdraw_publication,
)
from catalog.errors import FileRefused, PeriodRefused, PublicationRefused
from catalog.models import Product, Publication
from catalog.stored_files import ReceivedFile
from tests.at_once import at_once
from tests.factories import make_product, make_publication

BY = Actor.system("publish command")


def receive(content: bytes = b"hour;price\n1;10\n", name: str = "prices.csv") -> ReceivedFile:
    return receive_file(ContentFile(content, name))


def stored_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_received_file_is_stored_measured_and_hashed(stored_files: Path) -> None:
    received = receive(b"hour;price\n1;10\n", "Preços.csv")
    assert (received.file_name, received.content_type, received.size_bytes) == ("Preços.csv", "text/csv", 16)
    assert received.sha256 == hashlib.sha256(b"hour;price\n1;10\n").hexdigest()
    assert (stored_files / received.stored_name).read_bytes() == b"hour;price\n1;10\n"


def test_stored_name_is_random_and_tells_nothing(stored_files: Path) -> None:
    first, second = receive(name="../../secret.csv"), receive(name="../../secret.csv")
    assert first.stored_name != second.stored_name
    assert "secret" not in first.stored_name
    assert len(stored_names(stored_files)) == 2
    assert stored_names(stored_files.parent) == stored_names(stored_files)


def test_missing_file_is_refused() -> None:
    with pytest.raises(FileRefused) as refused:
        receive_file(None)
    assert refused.value.code == "file_missing"


def test_empty_file_is_refused_and_leaves_nothing(stored_files: Path) -> None:
    with pytest.raises(FileRefused) as refused:
        receive(b"")
    assert refused.value.code == "file_empty"
    assert stored_names(stored_files) == []


@pytest.mark.parametrize(("size", "accepted"), [(1000, True), (1001, False)])
def test_size_cap_counts_what_arrives(settings: Any, stored_files: Path, size: int, accepted: bool) -> None:
    settings.PORTAL_MAX_FILE_BYTES = 1000
    if accepted:
        assert receive(b"x" * size).size_bytes == size
        return
    with pytest.raises(FileRefused) as refused:
        receive(b"x" * size)
    assert refused.value.code == "file_too_large"
    assert stored_names(stored_files) == []


class Stream(ContentFile):
    """An upload that counts how much of it was asked for, and can break in the middle."""

    def __init__(self, chunks: int, *, breaks_at: int = -1) -> None:
        super().__init__(b"", "big.csv")
        self.wanted, self.breaks_at, self.read_chunks = chunks, breaks_at, 0

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        for number in range(self.wanted):
            if number == self.breaks_at:
                raise OSError(28, "No space left on device")
            self.read_chunks += 1
            yield b"x" * 1000


def test_reading_stops_at_the_cap(settings: Any) -> None:
    settings.PORTAL_MAX_FILE_BYTES = 3500
    stream = Stream(1000)
    with pytest.raises(FileRefused):
        receive_file(stream)
    assert stream.read_chunks == 4


def test_full_disk_is_a_plain_error_and_leaves_nothing(stored_files: Path) -> None:
    with pytest.raises(FileRefused) as refused:
        receive_file(Stream(10, breaks_at=5))
    assert refused.value.code == "file_not_stored"
    assert stored_names(stored_files) == []


@pytest.mark.django_db
def test_first_publication_of_a_period_is_version_one_and_out() -> None:
    product = make_product(periodicity="monthly", code="PLD")
    stored = store_publication(product, period="2020-08", received=receive(), by=BY)
    publication = Publication.objects.get()
    assert stored.created
    assert (publication.version, publication.period, publication.reference_text) == (1, "2020-08", "08/2020")
    assert (str(publication.period_start), str(publication.period_end)) == ("2020-08-01", "2020-08-31")
    assert publication.published_at is not None
    assert publication.created_by == "publish command"
    assert Publication.objects.latest_of(product) == publication


@pytest.mark.django_db
def test_same_bytes_again_return_the_version_that_is_there(
    stored_files: Path, django_capture_on_commit_callbacks: Any
) -> None:
    product = make_product()
    first = store_publication(product, period="2020-08-15", received=receive(), by=BY)
    with django_capture_on_commit_callbacks(execute=True):
        again = store_publication(product, period="2020-08-15", received=receive(), by=BY)
    assert (again.created, again.publication) == (False, first.publication)
    assert Publication.objects.count() == 1
    assert len(stored_names(stored_files)) == 1


@pytest.mark.django_db
def test_other_bytes_are_the_next_version_also_those_of_an_older_one() -> None:
    product = make_product()
    made = [
        store_publication(product, period="2020-08-15", received=receive(content), by=BY).publication
        for content in (b"one", b"two", b"one")
    ]
    assert [publication.version for publication in made] == [1, 2, 3]
    assert Publication.objects.latest_of(product) == made[2]


@pytest.mark.django_db
def test_same_bytes_for_another_period_or_product_are_published() -> None:
    product, other = make_product(), make_product()
    store_publication(product, period="2020-08-15", received=receive(), by=BY)
    assert store_publication(product, period="2020-08-16", received=receive(), by=BY).created
    assert store_publication(other, period="2020-08-15", received=receive(), by=BY).created


@pytest.mark.django_db
def test_a_transaction_run_again_with_its_file_keeps_the_file(
    stored_files: Path, django_capture_on_commit_callbacks: Any
) -> None:
    product, received = make_product(), receive()
    store_publication(product, period="2020-08-15", received=received, by=BY)
    with django_capture_on_commit_callbacks(execute=True):
        assert not store_publication(product, period="2020-08-15", received=received, by=BY).created
    assert len(stored_names(stored_files)) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("over", "period", "code"),
    [
        ({}, "2020-08", "period_form"),
        ({"periodicity": "weekly"}, "2020-08-16", "period_weekday"),
        ({"active": False}, "2020-08-15", "product_inactive"),
    ],
)
def test_refused_publication_makes_no_row(over: dict[str, Any], period: str, code: str) -> None:
    product = make_product(**over)
    with pytest.raises((PeriodRefused, PublicationRefused)) as refused:
        store_publication(product, period=period, received=receive(), by=BY)
    assert refused.value.code == code
    assert not Publication.objects.exists()
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
def test_publication_leaves_an_audit_entry() -> None:
    product = make_product(code="PLD")
    stored = store_publication(product, period="2020-08-15", received=receive(), by=BY)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_id) == ("catalog.publication.created", str(stored.publication.uuid))
    assert (entry.after["product"], entry.after["period"], entry.after["version"]) == ("PLD", "2020-08-15", 1)


@pytest.mark.django_db
def test_embargoed_publication_is_not_the_last_version_until_it_is_released() -> None:
    product = make_product()
    before = make_publication(product)
    now = timezone.now()
    later = make_publication(product, publish_at=now + timedelta(minutes=5))
    assert later.embargoed
    assert Publication.objects.latest_of(product) == before
    assert list(due_publications(now)) == []
    assert not release_publication(later, now=now, by=BY)

    due_at = now + timedelta(minutes=5)
    assert list(due_publications(due_at)) == [later]
    assert release_publication(later, now=due_at, by=BY)
    assert not release_publication(later, now=due_at, by=BY)
    assert Publication.objects.latest_of(product) == later
    assert Publication.objects.get(pk=later.pk).published_at == due_at
    assert AuditEntry.objects.filter(action="catalog.publication.released").count() == 1


@pytest.mark.django_db
def test_a_moment_that_has_passed_is_no_embargo() -> None:
    assert make_publication(publish_at=timezone.now() - timedelta(minutes=1)).published_at is not None


@pytest.mark.django_db
def test_withdrawal_brings_the_version_before_back_as_the_last() -> None:
    product = make_product()
    first, second = make_publication(product), make_publication(product)
    withdraw_publication(second, reason="  Wrong prices ", by=BY)
    second.refresh_from_db()
    assert (second.withdrawn_reason, second.withdrawn_by) == ("Wrong prices", "publish command")
    assert Publication.objects.latest_of(product) == first
    assert AuditEntry.objects.filter(action="catalog.publication.withdrawn").get().after == {"reason": "Wrong prices"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("reason", "code"), [("", "reason_missing"), (" \0", "reason_missing"), ("x" * 501, "reason_too_long")]
)
def test_withdrawal_needs_a_reason(reason: str, code: str) -> None:
    publication = make_publication()
    with pytest.raises(PublicationRefused) as refused:
        withdraw_publication(publication, reason=reason, by=BY)
    assert refused.value.code == code
    assert not Publication.objects.get().withdrawn


@pytest.mark.django_db
def test_second_withdrawal_is_refused_and_changes_nothing() -> None:
    publication = make_publication()
    withdraw_publication(publication, reason="Wrong prices", by=BY)
    with pytest.raises(PublicationRefused) as refused:
        withdraw_publication(publication, reason="Another reason", by=BY)
    assert refused.value.code == "already_withdrawn"
    assert Publication.objects.get().withdrawn_reason == "Wrong prices"


@pytest.mark.django_db
def test_withdrawn_embargo_is_never_released() -> None:
    publication = make_publication(publish_at=timezone.now() + timedelta(minutes=5))
    withdraw_publication(publication, reason="Not needed", by=BY)
    later = timezone.now() + timedelta(hours=1)
    assert list(due_publications(later)) == []
    assert not release_publication(publication, now=later, by=BY)


@pytest.mark.django_db
def test_embargo_of_an_inactive_product_waits() -> None:
    publication = make_publication(publish_at=timezone.now() + timedelta(minutes=5))
    later = timezone.now() + timedelta(hours=1)
    Product.objects.update(active=False)
    assert list(due_publications(later)) == []
    Product.objects.update(active=True)
    assert list(due_publications(later)) == [publication]


@pytest.mark.django_db
def test_bytes_of_a_withdrawn_version_may_be_published_again() -> None:
    product = make_product()
    first = store_publication(product, period="2020-08-15", received=receive(), by=BY)
    withdraw_publication(first.publication, reason="Too early", by=BY)
    again = store_publication(product, period="2020-08-15", received=receive(), by=BY)
    assert (again.created, again.publication.version) == (True, 2)


@pytest.mark.django_db
def test_last_version_is_the_one_published_last_whatever_its_period() -> None:
    product = make_product()
    make_publication(product, period="2025-12-31")
    correction = make_publication(product, period="2020-01-01")
    assert Publication.objects.latest_of(product) == correction


@pytest.mark.django_db
def test_equal_moments_are_told_apart_by_the_id() -> None:
    product, now = make_product(), timezone.now()
    make_publication(product, published_at=now)
    second = make_publication(product, published_at=now)
    assert Publication.objects.latest_of(product) == second
    assert list(Publication.objects.latest_of_each(Product.objects.all())) == [second]


@pytest.mark.django_db
def test_latest_of_each_gives_one_row_a_product() -> None:
    products = [make_product() for _ in range(3)]
    newest = [[make_publication(product) for _ in range(2)][1] for product in products[:2]]
    make_publication(products[2], publish_at=timezone.now() + timedelta(days=1))
    assert set(Publication.objects.latest_of_each(Product.objects.all())) == set(newest)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("contents", [[b"same"] * 6, [b"%d" % n for n in range(6)]], ids=["same", "different"])
def test_six_publishers_of_one_period_at_once(contents: list[bytes]) -> None:
    product = make_product()
    received = [receive(content) for content in contents]

    def publish(upload: ReceivedFile) -> Any:
        return store_publication(product, period="2020-08-15", received=upload, by=BY)

    outcomes = at_once(partial(publish, upload) for upload in received)
    expected = len(set(contents))
    assert sum(outcome.created for outcome in outcomes) == expected
    assert sorted(Publication.objects.values_list("version", flat=True)) == list(range(1, expected + 1))


@pytest.mark.django_db(transaction=True)
def test_one_of_many_dispatchers_releases_an_embargo() -> None:
    now = timezone.now()
    publication = make_publication(publish_at=now + timedelta(minutes=5))
    end = now + timedelta(minutes=5)
    outcomes = at_once([lambda: release_publication(publication, now=end, by=BY)] * 6)
    assert sorted(outcomes) == [False] * 5 + [True]
    assert AuditEntry.objects.filter(action="catalog.publication.released").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "over",
    [
        {"version": 0},
        {"size_bytes": 0},
        {"sha256": "abc"},
        {"period_end": "2000-01-01"},
        {"published_at": None},
        {"withdrawn_reason": "no moment"},
        {"withdrawn_at": timezone.now()},
        {"withdrawn_at": timezone.now(), "withdrawn_reason": "nobody did it"},
    ],
    ids=", ".join,
)
def test_database_refuses_a_broken_publication(over: dict[str, Any]) -> None:
    publication = make_publication()
    with pytest.raises(IntegrityError), transaction.atomic():
        Publication.objects.filter(pk=publication.pk).update(**over)


@pytest.mark.django_db
def test_database_refuses_two_rows_of_one_version_and_two_rows_of_one_file() -> None:
    product = make_product()
    first, second = make_publication(product, period="2020-08-15"), make_publication(product, period="2020-08-15")
    for over in ({"version": first.version}, {"file": first.file.name}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Publication.objects.filter(pk=second.pk).update(**over)


@pytest.mark.django_db
@pytest.mark.parametrize("over", [{"periodicity": "hourly"}, {"week_starts_on": 7}, {"audience": "some"}], ids=str)
def test_database_refuses_a_broken_product(over: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_product(**over)


def age(path: Path, hours: float) -> None:
    then = timezone.now().timestamp() - hours * 3600
    os.utime(path, (then, then))


@pytest.mark.django_db
def test_files_without_a_row_are_removed_after_an_hour(stored_files: Path) -> None:
    from catalog.tasks import remove_orphan_files

    kept = make_publication()
    fresh, forgotten = receive(b"fresh"), receive(b"forgotten")
    for name in (kept.file.name, forgotten.stored_name):
        age(stored_files / name, hours=1.1)
    age(stored_files / fresh.stored_name, hours=0.9)
    remove_orphan_files()
    assert not (stored_files / forgotten.stored_name).exists()
    assert (stored_files / fresh.stored_name).exists()
    assert (stored_files / kept.file.name).exists()


@pytest.mark.django_db
def test_clearing_up_an_empty_store_does_nothing() -> None:
    from catalog.tasks import remove_orphan_files

    remove_orphan_files()
