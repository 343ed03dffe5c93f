import sys
import threading
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.processes import manage, portal_environment, run
from tests.vault.conftest import K1, K2, K3, column, write_column
from tests.vault.safes import Locker, Safe
from vault import sentinel, uses
from vault.management.commands import rotate_secrets
from vault.models import KeySentinel
from vault.rotation import Spot, find_spots

pytestmark = pytest.mark.usefixtures("safes", "keys")


def rotate(**options: Any) -> str:
    """What the command says; it raises what it refuses."""
    output = StringIO()
    call_command("rotate_secrets", stdout=output, stderr=output, **options)
    return output.getvalue()


def refusal(**options: Any) -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        rotate(**options)
    assert "\n" not in str(caught.value)
    return caught.value.returncode, str(caught.value)


def spot(name: str = "secret") -> Spot:
    return Spot(Safe, Safe._meta.get_field(name))  # type: ignore[arg-type]


def make_safes(count: int) -> list[Safe]:
    return [Safe.objects.create(secret=f"secret {number}", spare=f"spare {number}") for number in range(count)]


def secrets() -> list[str]:
    return [safe.secret for safe in Safe.objects.order_by("pk")]


# --- sealing anew ---------------------------------------------------------------------------------------------------


def test_every_secret_is_sealed_anew_and_still_opens(keys) -> None:
    make_safes(3)
    Safe.objects.create()  # nothing to seal
    keys(K2, K1)
    said = rotate()
    assert "sealed 6, changed meanwhile 0, unreadable 0" in said
    assert "safes.Safe.secret: k2 3" in said
    assert "k1" not in said
    keys(K2)
    assert secrets() == ["secret 0", "secret 1", "secret 2", ""]
    assert column("secret")[3] == ""


def test_nothing_but_the_sealed_column_is_written(keys) -> None:
    (safe,) = make_safes(1)
    loaded = Safe.objects.get()
    Safe.objects.filter(pk=safe.pk).update(name="changed since")
    keys(K2, K1)
    spot().reseal(next(spot().stale_rows(10)))
    assert Safe.objects.get().name == "changed since"
    assert Safe.objects.get().spare_sealed == loaded.spare_sealed


def test_rows_that_their_manager_hides_are_sealed_anew_too(keys) -> None:
    Locker.objects.create(secret="hidden", closed=True)
    keys(K2, K1)
    rotate()
    keys(K2)
    assert Locker._base_manager.get().secret == "hidden"


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100])
def test_every_row_is_visited_once_whatever_the_chunk(keys, chunk: int) -> None:
    rows = make_safes(7)
    keys(K2, K1)
    assert [row.pk for row in spot().stale_rows(chunk)] == [row.pk for row in rows]
    assert f"sealed {2 * len(rows)}," in rotate(chunk=chunk)


def test_rows_of_the_current_key_are_not_touched(keys) -> None:
    make_safes(2)
    keys(K2, K1)
    fresh = make_safes(1)[0]
    before = column()[2]
    assert "sealed 4," in rotate()
    assert column()[2] == before == Safe.objects.get(pk=fresh.pk).secret_sealed.ciphertext
    assert "sealed 0," in rotate()


def test_walk_costs_one_query_per_chunk_and_one_per_row(keys, django_assert_num_queries) -> None:
    make_safes(5)
    keys(K2, K1)
    with django_assert_num_queries(4):
        rows = list(spot().stale_rows(2))
    with django_assert_num_queries(5):
        assert all(spot().reseal(row) for row in rows)


def test_secret_given_since_it_was_read_is_not_overwritten(keys) -> None:
    (safe,) = make_safes(1)
    keys(K2, K1)
    (row,) = spot().stale_rows(10)
    safe.secret = "given since"
    safe.save()
    assert not spot().reseal(row)
    assert secrets() == ["given since"]


def test_secret_cleared_since_it_was_read_stays_cleared(keys) -> None:
    make_safes(1)
    keys(K2, K1)
    (row,) = spot().stale_rows(10)
    Safe.objects.update(secret="")
    assert not spot().reseal(row)
    assert column() == [""]


def test_row_loaded_before_and_saved_after_does_not_bring_the_old_key_back(keys) -> None:
    make_safes(1)
    keys(K2, K1)
    loaded = Safe.objects.get()
    rotate()
    loaded.save()
    assert spot().count_by_key() == {"k2": 1}
    assert secrets() == [loaded.secret] == ["secret 0"]


def test_run_cut_off_midway_leaves_everything_readable_and_the_next_one_finishes(keys, monkeypatch) -> None:
    make_safes(5)
    keys(K2, K1)
    whole, calls = Spot.reseal, []

    def cut_off(self: Spot, row: Any) -> bool:
        calls.append(row)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return whole(self, row)

    with monkeypatch.context() as patch:
        patch.setattr(Spot, "reseal", cut_off)
        assert refusal() == (1, "stopped after 3 secrets; run it again for the rest")
    assert secrets() == [f"secret {number}" for number in range(5)]
    assert spot().count_by_key() == {"k1": 2, "k2": 3}
    assert "sealed 7," in rotate()
    keys(K2)
    assert secrets() == [f"secret {number}" for number in range(5)]


@pytest.mark.django_db(transaction=True)
def test_no_write_is_lost_while_the_command_runs_beside_others(keys) -> None:
    rows = make_safes(12)
    keys(K2, K1)
    last: dict[int, str] = {}
    done = threading.Event()

    def write_on() -> None:
        try:
            for turn in range(8):
                for row in rows:
                    row.secret = last[row.pk] = f"turn {turn} of {row.pk}"
                    row.save(update_fields=["secret"])
        finally:
            connection.close()
            done.set()

    writer = threading.Thread(target=write_on)
    writer.start()
    while not done.is_set():
        rotate(chunk=3)
    writer.join()
    rotate()
    keys(K2)
    assert {safe.pk: safe.secret for safe in Safe.objects.all()} == last


# --- counting -------------------------------------------------------------------------------------------------------


def test_dry_run_counts_by_key_and_writes_nothing(keys) -> None:
    make_safes(3)
    keys(K2, K1)
    make_safes(1)
    before = column("secret"), column("spare")
    said = rotate(dry_run=True)
    assert "current key: k2" in said
    assert "safes.Safe.secret: k1 3, k2 1" in said
    assert "safes.Locker.secret: no secrets" in said
    assert (column("secret"), column("spare")) == before


def test_text_that_names_no_key_is_counted_apart() -> None:
    for safe, written in zip(make_safes(3), ("no colon", ":", "k1:x"), strict=True):
        write_column(written, safe)
    assert spot().count_by_key() == {"": 2, "k1": 1}
    assert "safes.Safe.secret: no key 2, k1 1" in rotate(dry_run=True)


def test_every_sealed_field_of_every_installed_model_is_found() -> None:
    names = {str(found) for found in find_spots()}
    assert {"safes.Safe.secret", "safes.Safe.spare", "safes.Locker.secret"} <= names


# --- what does not open ----------------------------------------------------------------------------------------------


def test_unreadable_secrets_stay_as_they_are_and_are_named_while_the_rest_goes_on(keys) -> None:
    moved, lost, plain, sound = make_safes(4)
    stored = column()
    write_column(stored[3], moved)
    write_column("k9:gAAAAAgone", lost)
    write_column("CANARY-plain", plain)
    keys(K2, K1)
    output = StringIO()
    with pytest.raises(CommandError, match="3 secrets could not be opened") as caught:
        call_command("rotate_secrets", stdout=output, stderr=output)
    assert caught.value.returncode == 1
    assert column()[:3] == [stored[3], "k9:gAAAAAgone", "CANARY-plain"]
    assert Safe.objects.get(pk=sound.pk).secret == "secret 3"
    said = output.getvalue()
    assert all(f"safes.Safe.secret, row {row.uuid}: " in said for row in (moved, lost, plain))
    assert "sealed 5, changed meanwhile 0, unreadable 3" in said
    assert "CANARY" not in said


# --- letting a key go -------------------------------------------------------------------------------------------------


@pytest.fixture
def planted(keys) -> None:
    """k1 and then k2 have been current here."""
    KeySentinel.objects.all().delete()  # the one of the suite's own key
    for entries in ((K1,), (K2, K1)):
        keys(*entries)
        assert sentinel.check() == []


def test_key_that_nothing_uses_may_go(keys, planted) -> None:
    make_safes(2)
    assert "k1: nothing uses it" in rotate(drop="k1")
    assert list(KeySentinel.objects.values_list("key_id", flat=True)) == ["k2"]
    keys(K2)
    assert sentinel.check() == []
    assert secrets() == ["secret 0", "secret 1"]


def test_key_in_use_is_not_let_go(keys, planted) -> None:
    keys(K1)
    stuck = make_safes(2)[0]
    keys(K2, K1)
    write_column(column()[1], stuck)  # sealed for another row: it can't be sealed anew
    code, said = refusal(drop="k1")
    assert (code, said) == (1, "k1 is still in use and must stay: safes.Safe.secret 1")
    assert sentinel.is_planted("k1")


def test_dry_run_says_whether_a_key_is_in_use_and_keeps_its_sentinel(keys, planted) -> None:
    keys(K1)
    make_safes(1)
    keys(K2, K1)
    assert refusal(drop="k1", dry_run=True)[0] == 1
    assert spot().count_by_key() == {"k1": 1}
    rotate()
    assert "k1: nothing uses it" in rotate(drop="k1", dry_run=True)
    assert sentinel.is_planted("k1")


def test_key_that_other_rows_stand_on_is_not_let_go(keys, planted, monkeypatch) -> None:
    monkeypatch.setattr(uses, "_counters", {})
    uses.register("audit links", lambda key_id: 7 if key_id == "k1" else 0)
    assert refusal(drop="k1") == (1, "k1 is still in use and must stay: audit links 7")
    assert sentinel.is_planted("k1")


def test_current_key_is_never_let_go(keys, planted) -> None:
    assert refusal(drop="k2") == (2, "k2 is the current key: put another one before it first")
    assert sentinel.is_planted("k2")


def test_unknown_key_is_bad_use(keys, planted) -> None:
    make_safes(1)
    before = column()
    assert refusal(drop="k3") == (2, "there is no key 'k3'")
    assert column() == before


def test_key_taken_away_too_early_can_still_be_let_go_when_nothing_uses_it(keys, planted) -> None:
    rotate()
    keys(K3, K2)
    assert sentinel.check() == ["key 'k1' is missing from PORTAL_DATA_KEYS (rotate_secrets --drop lets a key go)"]
    rotate(drop="k1")
    assert sentinel.check() == []


def test_key_taken_away_while_in_use_is_not_let_go(keys, planted) -> None:
    keys(K1)
    make_safes(1)
    keys(K2)
    assert refusal(drop="k1", dry_run=True)[0] == 1
    assert sentinel.is_planted("k1")


# --- words and exit codes ---------------------------------------------------------------------------------------------


def test_long_work_reports_its_progress(keys, monkeypatch) -> None:
    monkeypatch.setattr(rotate_secrets, "PROGRESS_SECONDS", 0.0)
    make_safes(3)
    keys(K2, K1)
    assert "safes.Safe.secret: 2 done\nsafes.Safe.secret: 3 done\n" in rotate()


@pytest.mark.parametrize("chunk", [0, -1])
def test_chunk_must_be_positive(chunk: int) -> None:
    assert refusal(chunk=chunk) == (2, "--chunk must be at least 1")


def test_unusable_keys_are_bad_use(keys) -> None:
    keys("nonsense")
    code, said = refusal()
    assert code == 2
    assert "nonsense" not in said


@pytest.mark.process
@pytest.mark.parametrize("words", [["--chunk", "many"], ["--chunk", "0"]])
def test_bad_use_is_answered_by_exit_code_2_and_one_line(tmp_path, words: list[str]) -> None:
    ended = run(*manage("rotate_secrets", *words), env=portal_environment(tmp_path))
    assert ended.returncode == 2, ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
    assert ended.stdout == ""
    assert sys.executable not in ended.stderr
