"""The form for methods that send a token: CERC's OAuth2 card and the area "Requisição do Token" (CERC-18 to CERC-23,
UNICO-20 to UNICO-34)."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from connections.models import Connection, KeyPair
from tests.certificates import self_signed
from tests.factories import make_connection, make_key_pair, make_webhook
from tests.people import Person
from tests.webhooks.pages import posted, text, url
from tests.webhooks.test_credentials import OAUTH2, jwt_7523
from tests.webhooks.test_form_page import summary
from webhooks.models import Webhook
from webhooks.values import HeaderValues, KeyPairValues

CANARY = "CANARY-99aa88bb-secret"
PAIR = self_signed("client.example.com", kind="EC")


def rows(prefix: str, *headers: tuple[str, str]) -> dict[str, str]:
    fields = {f"{prefix}-TOTAL_FORMS": str(len(headers)), f"{prefix}-INITIAL_FORMS": "0"}
    for index, (name, value) in enumerate(headers):
        fields |= {f"{prefix}-{index}-name": name, f"{prefix}-{index}-value": value, f"{prefix}-{index}-secret": "on"}
    return fields


def files(prefix: str, certificate: str = "cert.crt", key: str = "private.key") -> dict[str, Any]:
    return {
        f"{prefix}-certificate": SimpleUploadedFile(certificate, PAIR.certificate.encode()),
        f"{prefix}-private_key": SimpleUploadedFile(key, PAIR.key.encode()),
    }


def oauth2(**over: Any) -> dict[str, Any]:
    fields = {
        "auth_method": "oauth2",
        "oauth2-token_url": "https://as.example.com/token",
        "oauth2-auth_type": "client_secret_post",
        "oauth2-client_id": "client-1",
        "oauth2-client_secret": CANARY,
        "oauth2-scope": "a b",
    }
    return posted(**fields | rows("oauth2-headers") | over)


def jwt(**over: Any) -> dict[str, Any]:
    fields = {
        "auth_method": "jwt",
        "jwt-kind": "jwt_7523",
        "jwt-token_url": "https://as.example.com/jwt",
        "jwt-token_minutes": "30",
        "jwt-sub": "USR",
        "jwt-ver": "1",
    }
    return posted(**fields | rows("jwt-headers") | files("jwt-key_pair") | over)


# --- OAuth2 -----------------------------------------------------------------------------------------------------------


def test_cerc_18_to_23_the_card_is_saved_and_shown_again_without_its_secret(owner: Person) -> None:
    owner.client.post(url("webhook-create"), oauth2())
    webhook = Webhook.objects.get()
    own = webhook.connection
    assert own.token_url == "https://as.example.com/token"
    assert {name: own.settings[name] for name in ("auth_type", "client_id", "scope")} == {
        "auth_type": "client_secret_post",
        "client_id": "client-1",
        "scope": "a b",
    }
    assert CANARY in own.secrets
    page = text(owner.client.get(url("webhook-edit", webhook)))
    assert CANARY not in page
    for shown in ('value="https://as.example.com/token"', 'value="client-1"', 'value="a b"', "and never shown"):
        assert shown in page


@pytest.mark.parametrize(
    ("missing", "target"),
    [
        ("oauth2-token_url", "id_oauth2-token_url"),
        ("oauth2-client_id", "id_oauth2-client_id"),
        ("oauth2-client_secret", "id_oauth2-client_secret"),
    ],
)
def test_cerc_18_to_22_what_is_missing_is_named_beside_its_field(owner: Person, missing: str, target: str) -> None:
    response = owner.client.post(url("webhook-create"), oauth2(**{missing: ""}))
    assert summary(response) == {target: "This field is required."}
    assert not Webhook.objects.exists()
    assert not Connection.objects.exists()


def test_cerc_19_an_authentication_type_with_a_key_asks_for_the_files(owner: Person) -> None:
    wrong = oauth2(**{"oauth2-auth_type": "private_key_jwt", "oauth2-client_secret": ""})
    assert list(summary(owner.client.post(url("webhook-create"), wrong))) == ["id_oauth2-key_pair-certificate"]
    right = oauth2(**{"oauth2-auth_type": "private_key_jwt"} | files("oauth2-key_pair"))
    owner.client.post(url("webhook-create"), right)
    own = Webhook.objects.get().connection
    assert own.key_pair.certificate_pem == PAIR.certificate
    assert own.secrets == ""


def test_a_shared_connection_is_offered_and_taken(owner: Person, outsider: Person) -> None:
    mine = make_connection(participant=owner.participant, name="Servidor da mesa")
    make_connection(participant=outsider.participant, name="Servidor alheio")
    page = text(owner.client.get(url("webhook-create")))
    assert "Servidor da mesa" in page
    assert "Servidor alheio" not in page
    data = posted(auth_method="oauth2", **{"oauth2-connection": str(mine.uuid)}, **rows("oauth2-headers"))
    owner.client.post(url("webhook-create"), data)
    assert Webhook.objects.get().connection == mine


def test_x_4_somebody_elses_connection_is_refused_like_one_that_is_not_there(owner: Person, outsider: Person) -> None:
    make_connection(participant=owner.participant)
    theirs = make_connection(participant=outsider.participant)
    data = posted(auth_method="oauth2", **{"oauth2-connection": str(theirs.uuid)}, **rows("oauth2-headers"))
    assert list(summary(owner.client.post(url("webhook-create"), data))) == ["id_oauth2-connection"]
    assert not Webhook.objects.exists()


def test_a_secret_left_empty_is_kept_and_one_of_another_type_erased(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant, **OAUTH2)
    before = webhook.connection.secrets
    owner.client.post(url("webhook-edit", webhook), oauth2(**{"oauth2-client_secret": ""}))
    webhook.connection.refresh_from_db()
    assert webhook.connection.secrets == before
    data = oauth2(**{"oauth2-client_secret": "", "oauth2-auth_type": "private_key_jwt"} | files("oauth2-key_pair"))
    owner.client.post(url("webhook-edit", webhook), data)
    webhook.connection.refresh_from_db()
    assert webhook.connection.secrets == ""


# --- JWT Bearer -------------------------------------------------------------------------------------------------------


def test_unico_20_unico_21_unico_22_the_area_requisicao_do_token(owner: Person) -> None:
    owner.client.post(url("webhook-create"), jwt())
    webhook = Webhook.objects.get()
    assert (webhook.auth_method, webhook.connection.kind) == ("jwt", "jwt_7523")
    assert webhook.connection.token_url == "https://as.example.com/jwt"
    assert {name: webhook.connection.settings[name] for name in ("token_minutes", "sub", "ver")} == {
        "token_minutes": "30",
        "sub": "USR",
        "ver": "1",
    }
    page = text(owner.client.get(url("webhook-edit", webhook)))
    area = re.search(r'<div class="dependent" data-method="jwt"><h2>([^<]*)</h2>', page)
    assert area
    assert area[1] == "Token request"
    assert re.search(r'<div class="dependent" data-method="oauth2" hidden>', page)


@pytest.mark.parametrize(
    ("certificate", "key", "refused"),
    [
        ("c.crt", "k.key", None),
        ("C.CRT", "K.KEY", None),
        ("c.pem", "k.pem", None),
        ("c.cer", "k.key", "certificate"),
        ("c.der", "k.key", "certificate"),
        ("c.pfx", "k.key", "certificate"),
        ("c.txt", "k.key", "certificate"),
        ("c.crt", "k.txt", "private_key"),
    ],
)
def test_unico_23_unico_24_only_these_extensions(
    owner: Person, certificate: str, key: str, refused: str | None
) -> None:
    response = owner.client.post(url("webhook-create"), jwt(**files("jwt-key_pair", certificate, key)))
    assert Webhook.objects.exists() == (refused is None)
    if refused:
        assert list(summary(response)) == [f"id_jwt-key_pair-{refused}"]
        assert not KeyPair.objects.exists()


def test_unico_24_a_key_of_another_certificate_is_refused_and_nothing_is_kept(owner: Person) -> None:
    other = self_signed("other.example.com", kind="EC")
    wrong = {"jwt-key_pair-private_key": SimpleUploadedFile("k.key", other.key.encode())}
    response = owner.client.post(url("webhook-create"), jwt(**wrong))
    assert "does not belong" in summary(response)["id_jwt-key_pair-private_key"]
    assert other.key.splitlines()[1] not in text(response)
    assert not KeyPair.objects.exists()


def test_unico_24_the_certificate_is_described_and_its_key_never_shown(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant, **jwt_7523())
    pair = webhook.connection.key_pair
    page = text(owner.client.get(url("webhook-edit", webhook)))
    for shown in (pair.subject, pair.issuer, pair.fingerprint, pair.key_words):
        assert shown in page
    assert "PRIVATE KEY" not in page
    assert pair.private_key.splitlines()[1] not in page


def test_files_left_empty_keep_the_certificate(owner: Person) -> None:
    webhook = make_webhook(participant=owner.participant, **jwt_7523())
    data = {name: value for name, value in jwt().items() if not name.startswith("jwt-key_pair")}
    response = owner.client.post(url("webhook-edit", webhook), data)
    assert response.status_code == 302
    webhook.refresh_from_db()
    assert webhook.connection.key_pair is not None
    assert KeyPair.objects.live().count() == 1


def test_unico_32_unico_33_the_metodo_decides_what_is_mandatory(owner: Person) -> None:
    bare = {name: value for name, value in jwt().items() if not name.startswith("jwt-key_pair")}
    bare |= {"jwt-sub": "", "jwt-ver": ""}
    expected = ["id_jwt-sub", "id_jwt-ver", "id_jwt-key_pair-certificate"]
    assert sorted(summary(owner.client.post(url("webhook-create"), bare))) == sorted(expected)
    response = owner.client.post(url("webhook-create"), bare | {"jwt-kind": "jwt_7519"})
    assert list(summary(response)) == ["id_jwt-body"]
    body = {"jwt-kind": "jwt_7519", "jwt-body": '{"user":"USR_UNICO","password":"' + CANARY + '"}'}
    owner.client.post(url("webhook-create"), bare | body)
    webhook = Webhook.objects.get()
    assert webhook.connection.kind == "jwt_7519"
    assert CANARY not in text(owner.client.get(url("webhook-edit", webhook)))


def test_unico_33_a_stored_body_is_said_to_be_kept_only_with_its_own_metodo(owner: Person) -> None:
    body = '{"user":"USR_UNICO","password":"' + CANARY + '"}'
    data = {name: value for name, value in jwt().items() if not name.startswith("jwt-key_pair")}
    owner.client.post(url("webhook-create"), data | {"jwt-kind": "jwt_7519", "jwt-body": body})
    webhook = Webhook.objects.get()
    data |= {"jwt-body": ""}
    assert owner.client.post(url("webhook-edit", webhook), data | {"jwt-kind": "jwt_7519"}).status_code == 302
    part = body_of(owner.client.get(url("webhook-edit", webhook)))
    said = dict(re.findall(r"RFC (75\d\d): (.*?)(?= RFC|$)", str(part.bound.help_text)))
    assert ["never shown" in said[number] for number in ("7519", "7523")] == [True, False]
    assert not part.bound.field.required
    assert '["jwt_7523"]' in part.required_if
    # Another certificate is missing, so the form comes back with what was typed.
    switched = body_of(owner.client.post(url("webhook-edit", webhook), data | {"jwt-kind": "jwt_7523"}))
    assert not switched.kept
    webhook.connection.refresh_from_db()
    assert CANARY in webhook.connection.secrets


def body_of(response: Any) -> Any:
    parts = response.context["editor"].method.folded_parts() + response.context["editor"].method.parts()
    [part] = [part for part in parts if part.asked.field.name == "body"]
    return part


def test_unico_28_headers_of_the_token_request_are_its_own(owner: Person) -> None:
    data = jwt(**rows("jwt-headers", ("X-Token-Only", CANARY)), headers=[("X-Delivery", "1", False, "")])
    owner.client.post(url("webhook-create"), data)
    webhook = Webhook.objects.get()
    assert [row["name"] for row in webhook.connection.settings["headers"]] == ["X-Token-Only"]
    assert [header.name for header in webhook.headers.all()] == ["X-Delivery"]
    page = text(owner.client.get(url("webhook-edit", webhook)))
    assert 'value="X-Token-Only"' in page
    assert CANARY not in page
    kept = {
        "jwt-headers-TOTAL_FORMS": "1",
        "jwt-headers-0-id": webhook.connection.settings["headers"][0]["id"],
        "jwt-headers-0-name": "X-Token-Only",
        "jwt-headers-0-value": "",
        "jwt-headers-0-secret": "on",
    }
    owner.client.post(url("webhook-edit", webhook), jwt(**kept))
    webhook.connection.refresh_from_db()
    assert CANARY in webhook.connection.secrets


def test_a_refused_header_of_the_token_request_is_named_beside_its_row(owner: Person) -> None:
    response = owner.client.post(url("webhook-create"), jwt(**rows("jwt-headers", ("Host", "x"))))
    assert list(summary(response)) == ["id_jwt-headers-0-name"]


def test_unico_30_a_tag_is_refused_beside_its_header_without_a_key(owner: Person) -> None:
    data = posted(headers=[("X-Signature", "{{signature}}", False, "")])
    assert list(summary(owner.client.post(url("webhook-create"), data))) == ["id_headers-0-value"]
    owner.client.post(url("webhook-create"), jwt(headers=[("X-Signature", "{{signature}}", False, "")]))
    assert Webhook.objects.get().headers.get().value == "{{signature}}"


def test_unico_34_the_notice_of_the_firewall_names_our_addresses(owner: Person, settings: Any) -> None:
    settings.PORTAL_OUTBOUND_SOURCE_ADDRESSES = ["203.0.113.7", "203.0.113.8"]
    page = text(owner.client.get(url("webhook-create")))
    area = page[page.index('<div class="dependent" data-method="jwt"') :]
    notice = area[area.index("Check that your firewall lets us in.") :][:700]
    assert "203.0.113.7" in notice
    assert "203.0.113.8" in notice


# --- without JavaScript -----------------------------------------------------------------------------------------------


def test_without_javascript_the_fields_of_a_choice_are_shown_when_asked_for(owner: Person) -> None:
    data = oauth2(**{"oauth2-auth_type": "private_key_jwt"}, show_method="1")
    page = text(owner.client.post(url("webhook-create"), data))
    assert 'value="https://as.example.com/token"' in page
    assert CANARY not in page
    assert re.search(r'data-shown-if="[^"]*client_secret_basic[^"]*"[^>]* hidden>', page)
    assert "Enter these secrets again:" in page
    assert not Webhook.objects.exists()


def test_without_javascript_a_row_is_added_to_the_headers_it_belongs_to(owner: Person) -> None:
    data = jwt(**rows("jwt-headers", ("X-One", "1")), add_header="jwt-headers")
    page = text(owner.client.post(url("webhook-create"), data))
    assert 'name="jwt-headers-1-name"' in page
    assert 'name="headers-0-name"' not in page
    assert 'value="X-One"' in page
    removed = text(
        owner.client.post(
            url("webhook-create"), jwt(**rows("jwt-headers", ("X-One", "1")), remove_header="jwt-headers-0")
        )
    )
    assert 'value="X-One"' not in removed


def test_a_page_rendered_anew_asks_for_secrets_and_files_again(owner: Person) -> None:
    page = text(owner.client.post(url("webhook-create"), jwt(description="", **{"jwt-body": f"extra={CANARY}"})))
    assert CANARY not in page
    again = page[page.index("Enter these secrets again:") :][:300]
    for label in ("Body", "Certificate", "PrivateKey"):
        assert label in again


# --- the client certificate -------------------------------------------------------------------------------------------


def test_a_client_certificate_is_uploaded_shown_and_removed(owner: Person) -> None:
    owner.client.post(url("webhook-create"), posted(**files("client_key_pair")))
    webhook = Webhook.objects.get()
    pair = webhook.client_key_pair
    assert pair.fingerprint in text(owner.client.get(url("webhook-edit", webhook)))
    owner.client.post(url("webhook-edit", webhook), posted())
    webhook.refresh_from_db()
    assert webhook.client_key_pair == pair
    owner.client.post(url("webhook-edit", webhook), posted(**{"client_key_pair-remove": "on"}))
    webhook.refresh_from_db()
    assert webhook.client_key_pair is None


def test_a_shared_certificate_is_chosen_for_the_client(owner: Person) -> None:
    pair = make_key_pair(participant=owner.participant, name="Certificado da mesa")
    assert "Certificado da mesa" in text(owner.client.get(url("webhook-create")))
    owner.client.post(url("webhook-create"), posted(**{"client_key_pair-shared": str(pair.uuid)}))
    assert Webhook.objects.get().client_key_pair == pair


def test_a_file_that_is_no_certificate_is_refused_beside_its_field(owner: Person) -> None:
    wrong = files("client_key_pair") | {"client_key_pair-certificate": SimpleUploadedFile("c.pem", b"nothing")}
    response = owner.client.post(url("webhook-create"), posted(**wrong))
    assert list(summary(response)) == ["id_client_key_pair-certificate"]
    assert not Webhook.objects.exists()


def test_the_form_of_a_webhook_with_everything_takes_few_queries(
    owner: Person, django_assert_max_num_queries: Any
) -> None:
    pair = make_key_pair(participant=owner.participant)
    webhook = make_webhook(
        participant=owner.participant,
        client_key_pair=KeyPairValues(shared=pair.uuid),
        headers=(HeaderValues("X-Tag", "{{nonce}}", secret=False),),
        **jwt_7523(),
    )
    owner.client.get("/profile/")
    with django_assert_max_num_queries(30):
        owner.client.get(url("webhook-edit", webhook))
