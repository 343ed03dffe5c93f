"""The participant's pages of connections: list, and form by kind."""

import re
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from django.utils.datastructures import MultiValueDict

from connections.forms.editor import ConnectionEditor
from connections.forms.saving import save_posted
from connections.kinds.registry import KINDS
from connections.models import CachedToken, Connection, ConnectionRun, KeyPair
from tests.at_once import at_once
from tests.connections.pages import CANARY, HTMX, posted, text, uploaded, url
from tests.factories import make_connection, make_key_pair, make_webhook
from tests.people import Person

pytestmark = pytest.mark.django_db


def cache(connection: Connection, **over: Any) -> None:
    """What is known of its tokens; `key` of the row follows from the connection."""
    token = over.pop("token", "")
    row = CachedToken(
        key=connection.uuid.hex * 2,
        connection=connection,
        credential_version=over.pop("credential_version", connection.credential_version),
        **over,
    )
    row.token = token
    row.save()


# --- list ---------------------------------------------------------------------------------------------------------


def test_the_list_says_kind_user_last_token_and_state(owner: Person) -> None:
    used = make_connection(participant=owner.participant, name="Emissor da câmara", kind="btg_id")
    webhook = make_webhook(participant=owner.participant, description="Mesa de operação")
    type(webhook).objects.filter(pk=webhook.pk).update(connection=used)
    now = timezone.now()
    cache(used, token="t" * 20, obtained_at=now, refresh_at=now, expires_at=now + timedelta(minutes=30))
    make_connection(participant=owner.participant, name="Sem uso", kind="jwt_7519")
    page = text(owner.client.get(url("connection-list")))
    used_row, unused_row = re.findall(r"<tr>\s*<th scope=\"row\">.*?</tr>", page, re.DOTALL)
    for words in ("Emissor da câmara", "BTG-ID", "Mesa de operação", "Working", "valid until", "as.example.com"):
        assert words in used_row, words
    for words in ("Sem uso", "JWT Bearer, RFC 7519", "Nothing yet", "No token requested yet"):
        assert words in unused_row, words


def test_a_failure_is_told_in_words_until_the_credentials_change(owner: Person) -> None:
    connection = make_connection(participant=owner.participant)
    cache(connection, failure_code="token_invalid_client", failures=2)
    page = text(owner.client.get(url("connection-list")))
    assert "No token" in page
    assert "invalid_client" in page
    CachedToken.objects.update(credential_version="00000000-0000-4000-8000-000000000000")
    assert "No token requested yet" in text(owner.client.get(url("connection-list")))


def run_of(connection: Connection, **over: Any) -> ConnectionRun:
    now = timezone.now()
    values = {"by": "Lia", "at": now, "finished_at": now, "purge_at": now + timedelta(days=1)} | over
    made: ConnectionRun = ConnectionRun.objects.create(connection=connection, **values)
    return made


def test_a_run_that_failed_is_the_state_until_a_token_comes_or_the_connection_changes(owner: Person) -> None:
    connection = make_connection(participant=owner.participant)

    def rows() -> str:
        return text(owner.client.get(url("connection-list"))).split("<tbody>")[1]

    run_of(connection, finished_at=None)
    assert "No token requested yet" in rows()
    run_of(connection, diagnosis="token_invalid_client", response_status=401)
    assert "Last run failed" in rows()
    assert "invalid_client" in rows()
    assert "Last run failed" in text(owner.client.get(url("connection-detail", connection))).split("</h1>")[1]
    cache(connection, token="t" * 20, obtained_at=timezone.now(), refresh_at=timezone.now())
    assert "Working" in rows()
    CachedToken.objects.all().delete()
    connection.save()
    assert "No token requested yet" in rows()
    run_of(connection, succeeded=True)
    assert "Working" in rows()


def test_a_certificate_that_ends_is_told_in_the_list(owner: Person) -> None:
    pair = make_key_pair(participant=owner.participant, not_after=timezone.now() + timedelta(days=5, hours=12))
    make_connection(participant=owner.participant, kind="jwt_7523", key_pair=pair)
    assert re.search("Certificate: expires in [56] days", text(owner.client.get(url("connection-list"))))
    KeyPair.objects.update(not_before="2020-01-01T00:00Z", not_after="2021-01-01T00:00Z")
    assert "Certificate expired" in text(owner.client.get(url("connection-list")))


def test_an_empty_list_explains_itself_and_a_viewer_is_told_who_can(owner: Person, viewer: Person) -> None:
    assert "Create the first connection" in text(owner.client.get(url("connection-list")))
    page = text(viewer.client.get(url("connection-list")))
    assert "A technical user or an administrator" in page
    assert url("connection-choose") not in page


def test_a_long_list_has_pages_and_asks_the_database_no_more_often(
    owner: Person, django_assert_max_num_queries: Any
) -> None:
    owner.client.get(url("connection-list"))
    for _number in range(27):
        make_connection(participant=owner.participant)
    with django_assert_max_num_queries(12):
        page = text(owner.client.get(url("connection-list")))
    assert page.count('<th scope="row">') == 25
    assert "1 to 25 of 27" in page
    assert text(owner.client.get(url("connection-list"), {"page": 2})).count('<th scope="row">') == 2


@pytest.mark.parametrize("words", ["câmara", "btg-id", "as.example.com", "BTG câmara"])
def test_connections_are_found_by_name_kind_and_address(owner: Person, words: str) -> None:
    make_connection(participant=owner.participant, name="Emissor da câmara", kind="btg_id")
    make_connection(participant=owner.participant, name="Outra", token_url="https://other.test/x")
    page = text(owner.client.get(url("connection-list"), {"q": words}))
    assert ("Emissor da câmara" in page, ">Outra<" in page) == (True, False)


def test_no_search_confirms_a_masked_value(owner: Person) -> None:
    make_connection(participant=owner.participant, token_url="https://as.example.com/token?key=HIDDEN1234")
    page = text(owner.client.get(url("connection-list"), {"q": "HIDDEN1234"}))
    assert "No connection matches" in page
    assert "HIDDEN1234" not in text(owner.client.get(url("connection-list")))


def test_x_4_others_see_nothing_of_it(owner: Person, outsider: Person) -> None:
    connection = make_connection(participant=owner.participant, name="Só da Vento")
    assert "Só da Vento" not in text(outsider.client.get(url("connection-list")))
    for name in ("connection-detail", "connection-edit", "connection-archive", "connection-run"):
        assert outsider.client.get(url(name, connection)).status_code == 404
        if name != "connection-detail":
            assert outsider.client.post(url(name, connection), posted(name="Mine")).status_code == 404
    connection.refresh_from_db()
    assert (connection.name, connection.archived) == ("Só da Vento", False)


def test_a_viewer_looks_and_changes_nothing(owner: Person, viewer: Person) -> None:
    connection = make_connection(participant=owner.participant, name="Emissor")
    page = text(viewer.client.get(url("connection-detail", connection)))
    assert "What is sent" in page
    assert url("connection-edit", connection) not in page
    assert url("connection-run", connection) not in page
    for name in ("connection-edit", "connection-archive", "connection-run"):
        assert viewer.client.post(url(name, connection), posted(name="Taken")).status_code == 403
    assert Connection.objects.get().name == "Emissor"


# --- form ---------------------------------------------------------------------------------------------------------


def test_a_connection_of_btg_id_has_the_fields_of_its_guide(owner: Person) -> None:
    """BTG-4, BTG-5, BTG-6, BTG-7, BTG-8."""
    page = text(owner.client.get(url("connection-create", "btg_id")))
    for name, required in (("name", True), ("description", False), ("client_id", True), ("client_secret", True)):
        label = re.search(rf'<label for="id_{name}">(.*?)</label>', page)
        assert label, name
        assert ("*" in label[1]) is required, name
    fields = posted("btg_id", description="Da mesa", token_url="https://id.btg.example")
    assert owner.client.post(url("connection-create", "btg_id"), fields).status_code == 302
    made = Connection.objects.get()
    assert (made.kind, made.name, made.description) == ("btg_id", "Emissor", "Da mesa")
    assert made.settings["client_id"] == "client-1"
    assert CANARY in made.secrets
    page = text(owner.client.get(url("connection-detail", made)))
    assert "https://id.btg.example/oauth2/token" in page
    assert CANARY not in page


@pytest.mark.parametrize("field", ["name", "client_id", "client_secret", "token_url"])
def test_each_mandatory_field_of_btg_id_is_asked_for(owner: Person, field: str) -> None:
    """BTG-4, BTG-6, BTG-7, BTG-8."""
    response = owner.client.post(url("connection-create", "btg_id"), posted("btg_id", **{field: ""}))
    assert response.status_code == 200
    assert f'href="#id_{field}"' in text(response)
    assert not Connection.objects.exists()


@pytest.mark.parametrize("kind", ["oauth2", "btg_id", "jwt_7519"])
def test_every_kind_makes_the_round_trip(owner: Person, kind: str) -> None:
    """CERC-23: what was filled in stands in the form again, but for secrets."""
    owner.client.post(url("connection-create", kind), posted(kind, description="Da mesa"))
    made = Connection.objects.get()
    page = text(owner.client.get(url("connection-edit", made)))
    for words in ('value="Emissor"', "Da mesa", 'value="https://as.example.com/token"', "and never shown"):
        assert words in page, words
    assert CANARY not in page


def test_an_unknown_kind_is_not_found(owner: Person) -> None:
    assert owner.client.get(url("connection-create", "nonsense")).status_code == 404


def test_a_form_that_was_sent_twice_makes_one_connection(owner: Person) -> None:
    page = text(owner.client.get(url("connection-create", "oauth2")))
    uuid = re.search('name="uuid" value="([^"]+)"', page)
    assert uuid
    for _press in range(2):
        owner.client.post(url("connection-create", "oauth2"), posted(uuid=uuid[1]))
    assert str(Connection.objects.get().uuid) == uuid[1]


def test_a_form_with_an_upload_that_was_sent_twice_makes_one_key_pair(owner: Person) -> None:
    fields = posted("jwt_7523", key_pair="new", uuid=str(uuid4()), **{"upload-name": "Da câmara"})
    for _press in range(2):
        answer = owner.client.post(url("connection-create", "jwt_7523"), fields | uploaded(prefix="upload-"))
        assert answer["Location"] == url("connection-detail", Connection.objects.get())
    assert KeyPair.objects.get() == Connection.objects.get().key_pair


@pytest.mark.django_db(transaction=True)
def test_a_form_with_an_upload_that_was_sent_twice_at_once_makes_one_key_pair(owner: Person) -> None:
    fields = posted("jwt_7523", key_pair="new", uuid=str(uuid4()), **{"upload-name": "Da câmara"})
    files = [uploaded(prefix="upload-") for _press in range(2)]
    kind = KINDS["jwt_7523"]

    def send(files: dict[str, Any]) -> Any:
        data = QueryDict(mutable=True)
        data.update(fields)
        editor = ConnectionEditor(
            owner.participant, kind, data=data, files=MultiValueDict({n: [f] for n, f in files.items()})
        )
        made = save_posted(editor, by=owner.actor, proof=cast(Any, SimpleNamespace(given=True)))
        assert made is not None
        return made.pk

    found = at_once([partial(send, each) for each in files])
    assert len(set(found)) == 1
    assert KeyPair.objects.get() == Connection.objects.get().key_pair


def test_a_refused_form_keeps_what_was_typed_but_secrets(owner: Person) -> None:
    """Without JavaScript. X-3: nothing secret goes back to the browser; the page says what to give again."""
    fields = posted(
        token_url="ftp://as", client_id="client-77", headers=[("X-Key", CANARY), ("X-Open", "aberto", False)]
    )
    page = text(owner.client.post(url("connection-create", "oauth2"), fields))
    assert 'value="client-77"' in page
    assert 'value="aberto"' in page
    assert "Enter these secrets again:" in page
    assert CANARY not in page


def test_htmx_gets_the_reasons_only_and_then_the_way(owner: Person) -> None:
    answer = owner.client.post(url("connection-create", "oauth2"), posted(name=""), headers=HTMX)
    assert 'data-error-for="id_name"' in text(answer)
    assert "<form" not in text(answer)
    answer = owner.client.post(url("connection-create", "oauth2"), posted(), headers=HTMX)
    assert answer["HX-Redirect"] == url("connection-detail", Connection.objects.get())


def test_fields_belong_to_the_authentication_type_without_javascript_too(owner: Person) -> None:
    """CERC-19: certificates and secrets are asked for where they are needed."""

    def hidden(page: str, field: str) -> bool:
        area = re.search(
            rf'<div class="[^"]*"( data-depends-on[^>]*)>\s*<div class="field">\s*<label for="id_{field}"', page
        )
        assert area, field
        return "hidden" in area[1]

    page = text(owner.client.get(url("connection-create", "oauth2")))
    assert (hidden(page, "client_secret"), hidden(page, "key_pair")) == (False, True)
    fields = posted(auth_type="tls_client_auth", client_id="typed", show_fields="1")
    page = text(owner.client.post(url("connection-create", "oauth2"), fields))
    assert (hidden(page, "client_secret"), hidden(page, "key_pair")) == (True, False)
    assert 'value="typed"' in page
    assert CANARY not in page
    assert not Connection.objects.exists()


def test_rows_of_headers_come_and_go_without_javascript(owner: Person) -> None:
    """UNICO-28: the token request has headers of its own."""
    fields = posted(headers=[("X-A", "a", False), ("X-B", "b", False)])
    page = text(owner.client.post(url("connection-create", "oauth2"), fields | {"add_header": "1"}))
    assert page.count('class="header-row" role="group"') == 4  # three, and the template
    page = text(owner.client.post(url("connection-create", "oauth2"), fields | {"remove_header": "0"}))
    assert ('value="X-A"' in page, 'value="X-B"' in page) == (False, True)


def test_secret_headers_stay_until_they_are_given_anew(owner: Person) -> None:
    headers = [("X-Key", CANARY), ("X-Open", "aberto", False)]
    owner.client.post(url("connection-create", "oauth2"), posted(headers=headers))
    made = Connection.objects.get()
    ids = [row["id"] for row in made.settings["headers"]]
    page = text(owner.client.get(url("connection-edit", made)))
    assert "Stored and never shown" in page
    assert CANARY not in page
    rows = [("X-Key", "", True, ids[0]), ("X-Open", "mudou", False, ids[1])]
    owner.client.post(url("connection-edit", made), posted(headers=rows, client_secret=""))
    made.refresh_from_db()
    assert [row["value"] for row in made.settings["headers"]] == ["", "mudou"]
    assert made.secrets.count(CANARY) == 2


@pytest.mark.parametrize("given", ["", "••••••••"])
def test_a_secret_left_alone_is_kept(owner: Person, given: str) -> None:
    """A mask sent back untouched means unchanged."""
    made = make_connection(participant=owner.participant)
    before = made.secrets
    owner.client.post(url("connection-edit", made), posted(client_secret=given, name="Outro nome"))
    made.refresh_from_db()
    assert (made.name, made.secrets) == ("Outro nome", before)


def test_a_certificate_can_be_uploaded_with_the_connection(owner: Person) -> None:
    fields = posted("jwt_7523", key_pair="new", **{"upload-name": "Da câmara"}) | uploaded(prefix="upload-")
    assert owner.client.post(url("connection-create", "jwt_7523"), fields).status_code == 302
    pair = Connection.objects.get().key_pair
    assert pair is not None
    assert (pair.name, pair.participant) == ("Da câmara", owner.participant)


def test_nothing_is_kept_when_one_of_the_two_is_refused(owner: Person) -> None:
    upload = {"upload-name": "Da câmara"} | uploaded(prefix="upload-")
    page = text(
        owner.client.post(url("connection-create", "jwt_7523"), posted("jwt_7523", key_pair="new", sub="") | upload)
    )
    assert 'href="#id_sub"' in page
    assert 'href="#id_key_pair"' not in page
    upload = {"upload-name": ""} | uploaded(prefix="upload-", certificate=("client.crt", b"no certificate"))
    page = text(
        owner.client.post(url("connection-create", "jwt_7523"), posted("jwt_7523", key_pair="new", ver="") | upload)
    )
    for target in ("id_ver", "id_upload-name", "id_upload-certificate"):
        assert f'href="#{target}"' in page, target
    assert (Connection.objects.exists(), KeyPair.objects.exists()) == (False, False)


def test_x_4_nobody_signs_with_another_participants_key(owner: Person, outsider: Person) -> None:
    theirs = make_key_pair(participant=outsider.participant, name="Alheio")
    page = text(owner.client.get(url("connection-create", "jwt_7523")))
    assert "Alheio" not in page
    fields = posted("jwt_7523", key_pair=str(theirs.uuid))
    assert 'href="#id_key_pair"' in text(owner.client.post(url("connection-create", "jwt_7523"), fields))
    assert not Connection.objects.exists()


def test_a_key_pair_of_a_webhook_alone_cannot_be_chosen_by_its_number(owner: Person) -> None:
    """It is archived when that webhook lets go of it: for another user there would be no such moment."""
    own = make_key_pair(participant=owner.participant, shared=False)
    page = text(owner.client.post(url("connection-create", "jwt_7523"), posted("jwt_7523", key_pair=str(own.uuid))))
    assert 'href="#id_key_pair"' in page
    assert not Connection.objects.exists()


def test_a_key_pair_that_is_chosen_where_none_is_asked_for_is_not_kept(owner: Person) -> None:
    """It could not be archived, and nobody would see why."""
    pair = make_key_pair(participant=owner.participant)
    owner.client.post(url("connection-create", "oauth2"), posted("oauth2", key_pair=str(pair.uuid)))
    assert Connection.objects.get().key_pair is None
    owner.client.post(url("key-pair-archive", pair))
    pair.refresh_from_db()
    assert pair.archived_at is not None


def test_a_key_pair_is_let_go_with_the_method_that_needs_it(owner: Person) -> None:
    pair = make_key_pair(participant=owner.participant)
    fields = posted("oauth2", auth_type="private_key_jwt", key_pair=str(pair.uuid), client_secret=None)
    owner.client.post(url("connection-create", "oauth2"), fields)
    made = Connection.objects.get()
    assert made.key_pair == pair
    owner.client.post(url("connection-edit", made), posted("oauth2", key_pair=str(pair.uuid)))
    made.refresh_from_db()
    assert (made.settings["auth_type"], made.key_pair) == ("client_secret_basic", None)


def test_an_upload_that_cannot_be_seen_is_not_demanded(owner: Person) -> None:
    """First “Upload another one” was chosen, and then a method that needs no key."""
    owner.client.post(url("connection-create", "oauth2"), posted("oauth2", key_pair="new", **{"upload-name": ""}))
    assert Connection.objects.get().key_pair is None
    assert not KeyPair.objects.exists()


def test_a_connection_of_one_webhook_is_edited_there(owner: Person) -> None:
    owned = make_connection(participant=owner.participant, shared=False)
    assert "Connections" in text(owner.client.get(url("connection-list")))
    assert str(owned.uuid) not in text(owner.client.get(url("connection-list")))
    answer = owner.client.post(url("connection-edit", owned), posted(name="Another"))
    assert answer["Location"] == url("connection-detail", owned)
    assert Connection.objects.get().name == owned.name
    assert "It belongs to one webhook" in text(owner.client.get(url("connection-detail", owned)))


def test_forged_forms_are_refused(owner: Person) -> None:
    """The check comes after the uploads' own handler: it must still come."""
    strict = Client(enforce_csrf_checks=True)
    strict.cookies["session"] = owner.client.cookies["session"].value
    assert strict.post(url("connection-create", "oauth2"), posted()).status_code == 403
    assert strict.post(url("key-pair-create"), {"name": "x"} | uploaded()).status_code == 403
    assert (Connection.objects.exists(), KeyPair.objects.exists()) == (False, False)
