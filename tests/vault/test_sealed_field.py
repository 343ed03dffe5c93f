import copy
import json
import pickle
from base64 import urlsafe_b64decode
from uuid import uuid4

import pytest
from django.core import serializers
from django.core.exceptions import FieldError
from django.core.serializers.base import DeserializationError
from django.db import models, transaction
from django.db.models.functions import Cast, Coalesce, Concat
from django.forms import modelform_factory
from hypothesis import HealthCheck, assume, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.vault.conftest import K1, K2, column, write_column
from tests.vault.safes import Locker, Safe
from vault.errors import UnreadableSecret
from vault.fields import SealedField, is_set
from vault.sealed import Place, Sealed

CANARY = "CANARY-77d0c3fe"

pytestmark = pytest.mark.usefixtures("safes", "keys")


# --- encrypted at rest ---------------------------------------------------------------------------------------


def test_secret_reads_back_and_the_column_holds_ciphertext_that_names_its_key() -> None:
    safe = Safe.objects.create(secret=CANARY)
    assert Safe.objects.get(pk=safe.pk).secret == CANARY
    (stored,) = column()
    assert stored.startswith("k1:gAAAAA")
    assert CANARY not in stored


def test_same_secret_is_never_the_same_ciphertext() -> None:
    Safe.objects.create(secret=CANARY, spare=CANARY)
    Safe.objects.create(secret=CANARY)
    assert len({*column("secret"), *column("spare")} - {""}) == 3


def test_empty_secret_is_stored_empty_and_counts_as_not_set() -> None:
    safe = Safe.objects.create(spare=CANARY)
    assert column() == [""]
    assert safe.secret == ""
    assert not is_set(safe, "secret")
    assert is_set(safe, "spare")


def test_secret_can_be_cleared() -> None:
    safe = Safe.objects.create(secret=CANARY)
    safe.secret = ""
    safe.save()
    assert column() == [""]


def test_whether_a_secret_is_set_is_answered_without_opening_it() -> None:
    safe = Safe.objects.create(secret=CANARY)
    write_column("k1:gAAAAAdamaged", safe)
    assert is_set(Safe.objects.get(), "secret")


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.text())
@example("k1:gAAAAA")
@example("safe:00000000-0000-0000-0000-000000000000:secret:")
@example("nul \x00 inside")
def test_any_text_comes_back_as_it_went_in(text: str) -> None:
    place, uuid = Place("safe", "secret"), uuid4()
    assert Sealed.seal(text, place, uuid).open(uuid) == text


def test_text_that_is_no_unicode_is_refused_without_being_repeated() -> None:
    with pytest.raises(ValueError, match="valid Unicode") as caught:
        Safe(secret=f"{CANARY}\ud800")
    assert CANARY not in repr(caught.value)
    assert caught.value.__suppress_context__
    assert not isinstance(caught.value, UnicodeEncodeError)


@pytest.mark.parametrize("value", [None, 5, b"bytes", ["list"]])
def test_only_text_can_be_assigned(value: object) -> None:
    with pytest.raises(TypeError):
        Safe().secret = value  # type: ignore[assignment]


# --- bound to its row and field ------------------------------------------------------------------------------------


def test_ciphertext_moved_to_another_row_does_not_open() -> None:
    mine, theirs = Safe.objects.create(secret="mine"), Safe.objects.create(secret="theirs")
    mine_stored, theirs_stored = column()
    write_column(theirs_stored, mine)
    write_column(mine_stored, theirs)
    for row in Safe.objects.all():
        with pytest.raises(UnreadableSecret) as caught:
            row.secret  # noqa: B018
        assert caught.value.code == "wrong_row"


def test_ciphertext_moved_to_another_field_of_its_row_does_not_open() -> None:
    safe = Safe.objects.create(secret=CANARY)
    write_column(column("secret")[0], safe, "spare")
    with pytest.raises(UnreadableSecret) as caught:
        Safe.objects.get().spare  # noqa: B018
    assert caught.value.code == "wrong_row"


def test_ciphertext_of_another_model_does_not_open_even_with_the_same_uuid() -> None:
    safe = Safe.objects.create(secret=CANARY)
    locker = Locker(uuid=safe.uuid)
    locker.secret = Sealed(column()[0], Place("locker", "secret"))
    with pytest.raises(UnreadableSecret):
        locker.secret  # noqa: B018


def test_changed_uuid_makes_the_stored_secret_unreadable() -> None:
    Safe.objects.create(secret=CANARY)
    Safe.objects.update(uuid=uuid4())
    with pytest.raises(UnreadableSecret):
        Safe.objects.get().secret  # noqa: B018


def test_secret_given_before_the_uuid_is_bound_to_the_final_one() -> None:
    safe = Safe(secret=CANARY)
    safe.uuid = uuid4()
    safe.save()
    assert Safe.objects.get(uuid=safe.uuid).secret == CANARY
    assert safe.secret == CANARY


def test_uuid_given_as_text_binds_like_the_uuid_itself() -> None:
    uuid = uuid4()
    Safe.objects.create(secret=CANARY, uuid=str(uuid).upper())
    assert Safe.objects.get(uuid=uuid).secret == CANARY


def test_copied_row_with_a_new_uuid_is_refused_rather_than_stored_unreadable() -> None:
    Safe.objects.create(secret=CANARY)
    twin = Safe.objects.get()
    twin.pk, twin.uuid = None, uuid4()
    twin._state.adding = True
    with pytest.raises(UnreadableSecret), transaction.atomic():
        twin.save()
    assert Safe.objects.count() == 1


def test_row_without_uuid_can_neither_seal_nor_open() -> None:
    with pytest.raises(TypeError, match="uuid"):
        Safe(uuid=None, secret=CANARY)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.data())
def test_damaged_ciphertext_never_opens(data: st.DataObject) -> None:
    uuid = uuid4()
    sealed = Sealed.seal(CANARY, Place("safe", "secret"), uuid)
    place = data.draw(st.integers(0, len(sealed.ciphertext) - 1))
    letter = data.draw(st.sampled_from("ABCXYZabcxyz0189-_=:.").filter(lambda other: other != sealed.ciphertext[place]))
    damaged = sealed.ciphertext[:place] + letter + sealed.ciphertext[place + 1 :]
    # The last letter of base64 has spare bits: another one there may spell the same bytes, and nothing is damaged.
    assume(_spelled(damaged) != _spelled(sealed.ciphertext))
    with pytest.raises(UnreadableSecret):
        Sealed(damaged, sealed.place).open(uuid)


def _spelled(ciphertext: str) -> tuple[str, bytes]:
    key_id, _, token = ciphertext.partition(":")
    try:
        return key_id, urlsafe_b64decode(token)
    except ValueError:
        return key_id, token.encode()


def test_cut_ciphertext_never_opens() -> None:
    uuid = uuid4()
    sealed = Sealed.seal(CANARY, Place("safe", "secret"), uuid)
    for length in range(1, len(sealed.ciphertext)):
        with pytest.raises(UnreadableSecret):
            Sealed(sealed.ciphertext[:length], sealed.place).open(uuid)


def test_secret_whose_key_is_gone_says_which_key(keys) -> None:
    Safe.objects.create(secret=CANARY)
    keys(K2)
    with pytest.raises(UnreadableSecret, match="'k1'") as caught:
        Safe.objects.get().secret  # noqa: B018
    assert caught.value.code == "unknown_key"


def test_key_id_given_to_another_key_shows_even_while_the_right_key_is_still_there(keys) -> None:
    Safe.objects.create(secret=CANARY)
    k1_material = K1.partition(":")[2]
    keys(K2.replace("k2:", "k1:"), f"old:{k1_material}")
    with pytest.raises(UnreadableSecret) as caught:
        Safe.objects.get().secret  # noqa: B018
    assert caught.value.code == "damaged"


@pytest.mark.parametrize("written", [CANARY, f"k1:{CANARY}", f"{CANARY.lower()}:x", "k1:", ":"])
def test_plain_text_written_past_the_field_is_neither_opened_nor_repeated(written: str) -> None:
    safe = Safe.objects.create()
    write_column(written, safe)
    with pytest.raises(UnreadableSecret) as caught:
        Safe.objects.get().secret  # noqa: B018
    assert CANARY.lower() not in str(caught.value).lower()
    assert CANARY.lower() not in repr(Safe.objects.get().__dict__).lower()


# --- queries neither take nor give plain text -----------------------------------------------------------------------


def test_values_give_sealed_objects_that_open_with_the_uuid() -> None:
    safe = Safe.objects.create(secret=CANARY)
    row = Safe.objects.annotate(again=models.F("secret")).values("secret", "again").get()
    assert all(isinstance(value, Sealed) for value in row.values())
    assert CANARY not in repr(row)
    assert row["secret"].open(safe.uuid) == row["again"].open(safe.uuid) == CANARY
    (listed,) = Safe.objects.values_list("secret", flat=True)
    assert isinstance(listed, Sealed)
    with pytest.raises(UnreadableSecret):
        listed.open(uuid4())


@pytest.mark.parametrize(
    "value",
    [
        CANARY,
        models.Value(CANARY),
        models.Value(CANARY, output_field=models.TextField()),
        models.Value(CANARY, output_field=SealedField("safe")),
        models.F("name"),
        models.F("spare"),
        Concat("secret", models.Value("x"), output_field=SealedField("safe")),
        Coalesce(models.Value(CANARY), "secret", output_field=SealedField("safe")),
        Cast(models.Value(CANARY), SealedField("safe")),
        models.ExpressionWrapper(models.Value(CANARY), SealedField("safe")),
        models.Subquery(Safe.objects.values("name")[:1]),
        models.Case(models.When(name=CANARY, then=models.Value(CANARY)), output_field=SealedField("safe")),
        models.Case(
            models.When(name="", then="secret"), default=models.Value(CANARY), output_field=SealedField("safe")
        ),
        models.Case(models.When(name="", then=models.Value(CANARY)), output_field=models.TextField()),
    ],
)
def test_update_never_takes_plain_text(value: object) -> None:
    Safe.objects.create(secret="before", name=CANARY)
    stored = column()
    with pytest.raises(TypeError), transaction.atomic():
        Safe.objects.update(secret=value)
    assert column() == stored


def test_update_takes_a_value_sealed_for_the_row() -> None:
    safe = Safe.objects.create(secret="before")
    sealed = Safe._meta.get_field("secret").seal(CANARY, safe.uuid)  # type: ignore[union-attr]
    assert Safe.objects.filter(pk=safe.pk).update(secret=sealed) == 1
    assert Safe.objects.get().secret == CANARY


def test_update_refuses_a_value_sealed_for_another_field() -> None:
    safe = Safe.objects.create(spare=CANARY)
    with pytest.raises(TypeError, match="another field"):
        Safe.objects.update(secret=safe.spare_sealed)


def test_update_can_clear_a_secret() -> None:
    Safe.objects.create(secret=CANARY)
    Safe.objects.update(secret="")
    assert column() == [""]


def test_bulk_create_writes_ciphertext_for_each_row() -> None:
    Safe.objects.bulk_create([Safe(secret=f"{CANARY}-{number}") for number in range(3)])
    assert [safe.secret for safe in Safe.objects.order_by("pk")] == [f"{CANARY}-{number}" for number in range(3)]
    assert all(stored.startswith("k1:gAAAAA") and CANARY not in stored for stored in column())


def test_bulk_update_writes_ciphertext_for_each_row() -> None:
    Safe.objects.bulk_create([Safe(secret="before") for _ in range(3)])
    rows = list(Safe.objects.order_by("pk"))
    for number, row in enumerate(rows):
        row.secret = f"{CANARY}-{number}"
    Safe.objects.bulk_update(rows, ["secret"])
    assert [safe.secret for safe in Safe.objects.order_by("pk")] == [f"{CANARY}-{number}" for number in range(3)]
    assert all(CANARY not in stored for stored in column())


def test_positional_plain_text_is_refused() -> None:
    with pytest.raises(TypeError):
        Safe(1, CANARY, uuid4(), "", "")


def test_sealed_slot_refuses_plain_text() -> None:
    with pytest.raises(TypeError) as caught:
        Safe().secret_sealed = CANARY
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("lookup", ["secret", "secret__in", "secret__exact"])
def test_filters_refuse_plain_text(lookup: str) -> None:
    value = [CANARY] if lookup.endswith("in") else CANARY
    with pytest.raises(TypeError) as caught:
        Safe.objects.filter(**{lookup: value}).count()
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("lookup", ["contains", "startswith", "iexact", "gt", "regex"])
def test_lookups_that_make_no_sense_on_ciphertext_don_t_exist(lookup: str) -> None:
    with pytest.raises(FieldError):
        Safe.objects.filter(**{f"secret__{lookup}": CANARY}).count()


def test_rows_can_be_found_by_whether_a_secret_is_set_and_by_its_key(keys) -> None:
    Safe.objects.create()
    old = Safe.objects.create(secret="x")
    keys("k10:" + K2.partition(":")[2], K1)
    new = Safe.objects.create(secret="x")
    assert set(Safe.objects.exclude(secret="")) == {old, new}
    assert list(Safe.objects.filter(secret__sealed_by="k1")) == [old]
    assert list(Safe.objects.filter(secret__sealed_by="k10")) == [new]


def test_get_or_create_and_update_or_create_seal_their_values() -> None:
    uuid = uuid4()
    Safe.objects.get_or_create(uuid=uuid, defaults={"secret": "first"})
    Safe.objects.update_or_create(uuid=uuid, defaults={"secret": CANARY})
    assert Safe.objects.get().secret == CANARY
    assert CANARY not in column()[0]


def test_save_of_named_fields_writes_the_secret() -> None:
    safe = Safe.objects.create(secret="before", name="before")
    safe.secret, safe.name = CANARY, "after"
    safe.save(update_fields=["secret"])
    stored = Safe.objects.get()
    assert (stored.secret, stored.name) == (CANARY, "before")


# --- loading -------------------------------------------------------------------------------------------------------


def test_deferred_secret_costs_one_query_and_opens(django_assert_num_queries) -> None:
    Safe.objects.create(secret=CANARY)
    safe = Safe.objects.defer("secret").get()
    with django_assert_num_queries(1):
        assert safe.secret == CANARY
    with django_assert_num_queries(0):
        assert safe.secret == CANARY


def test_secret_of_a_row_loaded_without_it_and_without_uuid_still_opens() -> None:
    Safe.objects.create(secret=CANARY)
    assert Safe.objects.only("name").get().secret == CANARY


def test_refresh_brings_the_newest_secret_without_opening_any(keys) -> None:
    safe = Safe.objects.create(secret="before")
    later = Safe.objects.get()
    later.secret = CANARY
    later.save()
    write_column("k1:gAAAAAdamaged", safe, "spare")
    safe.refresh_from_db()
    assert safe.secret == CANARY
    with pytest.raises(UnreadableSecret):
        safe.spare  # noqa: B018


def test_row_with_an_unreadable_secret_can_be_loaded_validated_and_saved() -> None:
    safe = Safe.objects.create(secret=CANARY, name="before")
    write_column("k9:gAAAAAgone", safe)
    row = Safe.objects.get()
    row.name = "after"
    row.full_clean()
    row.save()
    assert (Safe.objects.get().name, column()) == ("after", ["k9:gAAAAAgone"])


# --- copies, pickles, representations -------------------------------------------------------------------------------


def test_plain_text_is_in_no_attribute_pickle_copy_or_representation() -> None:
    safe = Safe(secret=CANARY)
    for _ in range(2):  # before it is saved, and after
        for shown in (
            repr(safe.__dict__),
            repr(safe),
            str(safe),
            f"{safe.secret_sealed}",
            repr(copy.copy(safe).__dict__),
        ):
            assert CANARY not in shown
        assert CANARY.encode() not in pickle.dumps(safe)
        assert CANARY.encode() not in pickle.dumps(safe.secret_sealed)
        assert CANARY not in repr(copy.deepcopy(safe).__dict__)
        safe.save()


def test_copies_and_pickles_still_open() -> None:
    safe = Safe.objects.create(secret=CANARY)
    for twin in (copy.copy(safe), copy.deepcopy(safe), pickle.loads(pickle.dumps(safe))):
        assert twin.secret == CANARY


def test_sealed_value_shows_its_key_and_nothing_of_its_text() -> None:
    safe = Safe.objects.create(secret=CANARY)
    sealed = safe.secret_sealed
    assert (repr(sealed), str(sealed), repr(safe.spare_sealed)) == ("<sealed k1>", "<sealed k1>", "<sealed, empty>")
    assert sealed.ciphertext.partition(":")[2][:12] not in repr([sealed])
    with pytest.raises(TypeError):
        json.dumps({"secret": sealed})


def test_sealed_values_are_equal_when_ciphertext_and_place_are() -> None:
    safe = Safe.objects.create(secret=CANARY, spare=CANARY)
    again = Safe.objects.get()
    assert safe.secret_sealed == again.secret_sealed
    assert hash(safe.secret_sealed) == hash(again.secret_sealed)
    assert safe.secret_sealed not in (again.spare_sealed, safe.secret_sealed.ciphertext)


def test_model_forms_don_t_know_the_field() -> None:
    assert list(modelform_factory(Safe, fields="__all__").base_fields) == ["name"]
    with pytest.raises(FieldError):
        modelform_factory(Safe, fields=["secret"])


def test_fixtures_carry_ciphertext_both_ways() -> None:
    safe = Safe.objects.create(secret=CANARY)
    dump = serializers.serialize("json", [safe])
    assert CANARY not in dump
    Safe.objects.all().delete()
    for loaded in serializers.deserialize("json", dump):
        loaded.save()
    assert Safe.objects.get().secret == CANARY


def test_fixture_with_plain_text_is_refused() -> None:
    dump = serializers.serialize("json", [Safe.objects.create(secret="x")])
    with pytest.raises(DeserializationError):
        list(serializers.deserialize("json", dump.replace(column()[0], CANARY)))
    assert CANARY not in "".join(column())


# --- how a model must be made ----------------------------------------------------------------------------------------


def test_field_is_written_to_migrations_with_its_label_only() -> None:
    field = Safe._meta.get_field("secret")
    assert field.deconstruct() == ("secret", "vault.fields.SealedField", [], {"label": "safe"})
    assert (field.column, field.attname) == ("secret", "secret_sealed")
    assert field.clone().label == "safe"  # type: ignore[attr-defined]


def _ids(field: SealedField, **others: models.Field) -> list[str]:
    """The ids of the checks that complain about a model with this field."""
    meta = type("Meta", (), {"app_label": "unsafe", "abstract": False})
    body = {"__module__": __name__, "Meta": meta, "secret": field, **others}
    made: type[models.Model] = type(f"Made{uuid4().hex}", (models.Model,), body)  # type: ignore[assignment]
    return [message.id or "" for message in made._meta.get_field("secret").check()]


@pytest.mark.parametrize(
    ("field", "uuid", "expected"),
    [
        (SealedField("x"), models.UUIDField(default=uuid4, unique=True), []),
        (SealedField("x"), models.UUIDField(default=uuid4), ["vault.E010"]),
        (SealedField("x"), models.UUIDField(unique=True), ["vault.E010"]),
        (SealedField("x"), models.TextField(), ["vault.E010"]),
        (SealedField(""), models.UUIDField(default=uuid4, unique=True), ["vault.E011"]),
        (SealedField("a:b"), models.UUIDField(default=uuid4, unique=True), ["vault.E011"]),
        (SealedField("x", null=True), models.UUIDField(default=uuid4, unique=True), ["vault.E012"]),
        (SealedField("x", unique=True), models.UUIDField(default=uuid4, unique=True), ["vault.E012"]),
        (SealedField("x", db_index=True), models.UUIDField(default=uuid4, unique=True), ["vault.E012"]),
    ],
)
def test_checks_refuse_a_field_that_could_not_do_its_work(field, uuid, expected) -> None:
    assert _ids(field, uuid=uuid) == expected
