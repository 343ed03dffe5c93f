"""Pages of certificates with their private keys: upload, details, replacement, archive."""

import io
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.utils import timezone

from connections.models import KeyPair
from tests.certificates import self_signed
from tests.connections.pages import HTMX, text, uploaded, url
from tests.factories import make_connection, make_key_pair, make_webhook
from tests.people import Person

pytestmark = pytest.mark.django_db


def press_upload(person: Person, htmx: bool = False, name: str = "Assinatura", **files: Any) -> Any:
    return person.client.post(url("key-pair-create"), {"name": name} | uploaded(**files), headers=HTMX if htmx else {})


@pytest.mark.parametrize("names", [("a.crt", "a.key"), ("A.CRT", "A.KEY"), ("a.pem", "b.pem")])
def test_the_extensions_of_the_guide_are_taken_in_any_case(owner: Person, names: tuple[str, str]) -> None:
    """UNICO-23, UNICO-24."""
    pair = self_signed("client.example.com", kind="EC")
    answer = press_upload(owner, certificate=(names[0], pair.certificate), private_key=(names[1], pair.key))
    assert answer["Location"] == url("key-pair-detail", KeyPair.objects.get())


@pytest.mark.parametrize("name", ["a.cer", "a.der", "a.pfx", "a.txt", "crt"])
def test_other_extensions_are_refused(owner: Person, name: str) -> None:
    """UNICO-23, UNICO-24."""
    pair = self_signed("client.example.com", kind="EC")
    page = text(press_upload(owner, certificate=(name, pair.certificate), private_key=(name, pair.key)))
    assert 'href="#id_certificate"' in page
    assert 'href="#id_private_key"' in page
    assert not KeyPair.objects.exists()


def test_each_thing_that_is_missing_is_asked_for(owner: Person) -> None:
    page = text(owner.client.post(url("key-pair-create"), {}))
    for target in ("id_name", "id_certificate", "id_private_key"):
        assert f'href="#{target}"' in page, target
    assert page.count("Choose the file.") == 4  # in the summary, and beside each field


def test_a_key_that_belongs_to_another_certificate_is_refused(owner: Person) -> None:
    """UNICO-24."""
    other = self_signed("other.example.com", kind="EC")
    answer = press_upload(owner, htmx=True, private_key=("a.key", other.key))
    assert "data-error-for" in text(answer)
    assert not KeyPair.objects.exists()


def test_a_protected_key_takes_its_password_and_keeps_neither(owner: Person) -> None:
    pair, password = self_signed("client.example.com", kind="EC"), "CANARY-password-77"
    key = load_pem_private_key(pair.key.encode(), None)
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode()))
    fields = {"name": "Assinatura", "password": "wrong"} | uploaded(pair, private_key=("a.key", sealed))
    page = text(owner.client.post(url("key-pair-create"), fields))
    assert 'href="#id_password"' in page
    assert "wrong" not in page
    fields = {"name": "Assinatura", "password": password} | uploaded(pair, private_key=("a.key", sealed))
    owner.client.post(url("key-pair-create"), fields)
    stored = KeyPair.objects.get()
    assert "ENCRYPTED" not in stored.private_key
    assert password not in str(stored.__dict__)


def test_details_show_the_certificate_and_never_the_key(owner: Person, viewer: Person) -> None:
    """UNICO-24: subject, issuer, validity, fingerprint."""
    pair = make_key_pair(participant=owner.participant, name="Assinatura")
    key = pair.private_key
    for person in (owner, viewer):
        page = text(person.client.get(url("key-pair-detail", pair)))
        for words in (
            "CN=client.example.com",
            pair.fingerprint,
            "EC P-256",
            "ES256",
            "Expires in",
            "BEGIN CERTIFICATE",
        ):
            assert words in page, words
        assert "PRIVATE KEY" not in page
        assert key.splitlines()[1] not in page
    assert url("key-pair-replace", pair) not in page


def test_the_list_says_key_user_and_validity(owner: Person) -> None:
    pair = make_key_pair(participant=owner.participant, name="Assinatura")
    make_connection(participant=owner.participant, kind="jwt_7523", key_pair=pair, name="Emissor")
    webhook = make_webhook(participant=owner.participant, description="Mesa")
    type(webhook).objects.filter(pk=webhook.pk).update(client_key_pair=pair)
    KeyPair.objects.update(not_after=timezone.now() + timedelta(days=400))
    page = text(owner.client.get(url("key-pair-list")))
    for words in ("Assinatura", "CN=client.example.com", "EC P-256", "Emissor", "Mesa", "Valid until"):
        assert words in page, words
    found = text(owner.client.get(url("key-pair-list"), {"q": pair.fingerprint[:16].upper()}))
    assert "Assinatura" in found
    assert "No certificate matches" in text(owner.client.get(url("key-pair-list"), {"q": "nothing"}))


def test_a_webhook_that_signs_by_a_shared_connection_is_named_once(owner: Person) -> None:
    pair = make_key_pair(participant=owner.participant)
    shared = make_connection(participant=owner.participant, kind="jwt_7523", key_pair=pair, name="Emissor")
    own = make_connection(participant=owner.participant, kind="jwt_7523", key_pair=pair, name="Só dele", shared=False)
    for description, connection in (("Pela partilhada", shared), ("Com a própria", own)):
        webhook = make_webhook(participant=owner.participant, description=description)
        type(webhook).objects.filter(pk=webhook.pk).update(connection=connection)
    page = text(owner.client.get(url("key-pair-detail", pair)))
    shown = [words in page for words in ("Emissor", "Pela partilhada", "Com a própria", "Só dele")]
    assert shown == [True, False, True, False]


def test_an_empty_list_explains_itself(owner: Person, viewer: Person) -> None:
    assert "Upload the first certificate" in text(owner.client.get(url("key-pair-list")))
    page = text(viewer.client.get(url("key-pair-list")))
    assert "can upload one" in page
    assert url("key-pair-create") not in page


def test_a_certificate_is_replaced_in_place(owner: Person) -> None:
    pair = make_key_pair(participant=owner.participant)
    connection = make_connection(participant=owner.participant, kind="jwt_7523", key_pair=pair, name="Emissor")
    assert "Emissor" in text(owner.client.get(url("key-pair-replace", pair)))
    answer = owner.client.post(url("key-pair-replace", pair), uploaded(self_signed("new.example.com")), headers=HTMX)
    assert answer["HX-Redirect"] == url("key-pair-detail", pair)
    before = pair.fingerprint
    pair.refresh_from_db()
    assert pair.subject == "CN=new.example.com"
    assert pair.fingerprint != before
    assert type(connection).objects.get().key_pair == pair


def test_a_refused_replacement_changes_nothing(owner: Person) -> None:
    pair = make_key_pair(participant=owner.participant)
    page = text(owner.client.post(url("key-pair-replace", pair), uploaded(certificate=("a.crt", b"none"))))
    assert 'href="#id_certificate"' in page
    assert KeyPair.objects.get().fingerprint == pair.fingerprint


def test_what_is_used_is_not_archived(owner: Person) -> None:
    pair = make_key_pair(participant=owner.participant)
    connection = make_connection(participant=owner.participant, kind="jwt_7523", key_pair=pair, name="Emissor")
    assert "Emissor" in text(owner.client.get(url("key-pair-archive", pair)))
    assert "It is still in use by: Emissor" in text(owner.client.post(url("key-pair-archive", pair), follow=True))
    assert not KeyPair.objects.get(pk=pair.pk).archived
    owner.client.post(url("connection-archive", connection))
    owner.client.post(url("key-pair-archive", pair))
    assert KeyPair.objects.get(pk=pair.pk).archived
    assert owner.client.get(url("key-pair-replace", pair)).status_code == 404
    assert "This certificate is archived" in text(owner.client.get(url("key-pair-detail", pair)))


def test_x_4_others_see_nothing_of_it(owner: Person, outsider: Person, viewer: Person) -> None:
    pair = make_key_pair(participant=owner.participant, name="Só da Vento")
    assert "Só da Vento" not in text(outsider.client.get(url("key-pair-list")))
    for name in ("key-pair-detail", "key-pair-replace", "key-pair-archive"):
        assert outsider.client.get(url(name, pair)).status_code == 404
    for name in ("key-pair-replace", "key-pair-archive"):
        assert outsider.client.post(url(name, pair), uploaded()).status_code == 404
        assert viewer.client.post(url(name, pair), uploaded()).status_code == 403
    assert press_upload(viewer).status_code == 403
    after = KeyPair.objects.get()
    assert (after.fingerprint, after.archived) == (pair.fingerprint, False)


def test_a_large_upload_is_refused_and_never_on_disk(owner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Django writes large uploads to a file; one of these may hold a private key."""
    written: list[str] = []
    monkeypatch.setattr(TemporaryFileUploadHandler, "new_file", lambda self, *args, **kwargs: written.append("file"))
    kept: list[int] = []
    real = io.BytesIO.write

    class Counting(io.BytesIO):
        def write(self, data: Any) -> int:
            kept.append(len(data))
            return real(self, data)

    monkeypatch.setattr("django.core.files.uploadhandler.BytesIO", Counting)
    page = text(press_upload(owner, private_key=("a.key", b"x" * 4_000_000)))
    assert 'href="#id_private_key"' in page
    assert (written, KeyPair.objects.exists()) == ([], False)
    assert sum(kept) < 200_000
