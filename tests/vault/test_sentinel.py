import pytest
from django.db import IntegrityError, transaction

from tests.vault.conftest import K1, K2, make_key
from vault import sentinel
from vault.models import KeySentinel

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_sentinel_yet(keys, db: None) -> None:
    KeySentinel.objects.all().delete()


def planted() -> list[str]:
    return list(KeySentinel.objects.order_by("key_id").values_list("key_id", flat=True))


def test_first_check_plants_the_current_key_only(keys) -> None:
    keys(K2, K1)
    assert sentinel.check() == []
    assert planted() == ["k2"]


def test_later_checks_write_nothing(django_assert_num_queries) -> None:
    sentinel.check()
    with django_assert_num_queries(1):
        assert sentinel.check() == []


def test_new_current_key_gets_its_own_sentinel(keys) -> None:
    sentinel.check()
    keys(K2, K1)
    assert sentinel.check() == []
    assert planted() == ["k1", "k2"]


def test_foreign_keys_are_told_and_don_t_make_themselves_at_home(keys) -> None:
    sentinel.check()
    keys(K2)
    problems = sentinel.check()
    assert problems == ["key 'k1' is missing from PORTAL_DATA_KEYS (rotate_secrets --drop lets a key go)"]
    assert planted() == ["k1"]


def test_another_key_under_a_known_id_is_told(keys) -> None:
    sentinel.check()
    keys(f"k1:{make_key(99)}")
    assert sentinel.check() == ["key 'k1' of PORTAL_DATA_KEYS is not the key this database knows by that name"]
    assert planted() == ["k1"]


def test_unusable_keys_are_told_without_asking_the_database(keys, django_assert_num_queries) -> None:
    keys("nonsense")
    with django_assert_num_queries(0):
        assert sentinel.check() == ["entry 1 of PORTAL_DATA_KEYS is not id:base64 (id: a-z, 0-9, -)"]


def test_sentinel_tells_nothing_about_the_key() -> None:
    sentinel.check()
    fingerprint = KeySentinel.objects.get().fingerprint
    assert fingerprint.startswith("k1:")
    assert len(fingerprint) == len("k1:") + 64
    assert K1.partition(":")[2] not in fingerprint


def test_two_processes_planting_at_once_leave_one_sentinel(monkeypatch) -> None:
    real = sentinel._plant

    def plant_twice(key_id: str) -> None:
        real(key_id)
        real(key_id)

    monkeypatch.setattr(sentinel, "_plant", plant_twice)
    assert sentinel.check() == []
    assert planted() == ["k1"]


def test_migrate_plants_before_the_first_secret() -> None:
    from django.apps import apps

    sentinel.plant_after_migrate(apps=apps)
    assert planted() == ["k1"]


def test_migrate_of_other_apps_alone_does_without() -> None:
    from django.apps.registry import Apps

    sentinel.plant_after_migrate(apps=Apps())
    assert planted() == []


@pytest.mark.parametrize("values", [{"key_id": "", "fingerprint": "x"}, {"key_id": "k1", "fingerprint": ""}])
def test_database_refuses_an_empty_sentinel(values: dict[str, str]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        KeySentinel.objects.create(**values)


def test_database_refuses_a_second_sentinel_of_a_key() -> None:
    KeySentinel.objects.create(key_id="k1", fingerprint="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        KeySentinel.objects.create(key_id="k1", fingerprint="y")
