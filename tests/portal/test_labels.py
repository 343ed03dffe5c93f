"""The words that the guides fix stand on the Portuguese pages where the guides say (X-5, docs/labels.md)."""

import html
import re
from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format

from tests.factories import make_connection, make_product, make_publication, make_webhook
from tests.people import Person, make_owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> Person:
    """Somebody who reads Portuguese, with a webhook that has a product."""
    person = make_owner()
    person.user.language = "pt-br"
    person.user.save()
    return person


@pytest.fixture
def webhook(reader: Person) -> Any:
    product = make_product(name="Preços Horários")
    make_publication(product)
    return make_webhook(participant=reader.participant, products=[product])


def words_of(person: Person, name: str, *arguments: Any) -> list[str]:
    """The texts of a page's main part, one for each element that has one."""
    page = person.client.get(reverse(name, args=arguments)).content.decode()
    assert '<html lang="pt-br"' in page
    inside = re.search(r"<main.*</main>", page, re.DOTALL)
    assert inside
    texts = (" ".join(text.split()) for text in re.split(r"<[^>]+>", html.unescape(inside[0])))
    return [text for text in texts if text]


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("portal:settings", ["Menu de Configurações", "Menu de Integração"]),
        ("portal:integration", ["Menu de Integração", "Menu de Webhooks", "Menu de Conexões"]),
        ("portal:profile", ["Meu Perfil", "Configuração de webhook"]),
        ("webhooks:webhook-list", ["Webhooks", "Novo Webhook", "Editar", "Exibir Detalhes"]),
        ("webhooks:profile-webhook-list", ["Configuração de webhook", "Novo", "Editar", "Exibir Detalhes"]),
    ],
)
def test_the_ways_to_the_webhooks_bear_the_names_of_the_guides(
    reader: Person, webhook: Any, name: str, labels: list[str]
) -> None:
    """UNICO-8, UNICO-9, ONS-5, ONS-6, ONS-10, ONS-14, ONS-15."""
    words = words_of(reader, name)
    assert [label for label in labels if label not in words] == []


def test_the_form_bears_the_names_of_the_guides(reader: Person, webhook: Any) -> None:
    """UNICO-12, UNICO-16, UNICO-17, UNICO-18, ONS-6, ONS-8, ONS-9, CERC-14, CERC-15."""
    words = words_of(reader, "webhooks:webhook-edit", webhook.uuid)
    labels = ["Descrição", "Request URI", "Status", "Ativo", "Inativo", "Notificar alteração de score suspeito"]
    labels += ["Sim", "Não", "Tempo de tentativas em minutos", "Número máximo de tentativas", "Tipo de autenticação"]
    labels += ["nenhuma", "Secret ou Token", "Básica: usuário e senha", "Headers da notificação", "Adicionar"]
    labels += ["Chave", "Valor", "Rate limit", "Produtos", "Testar", "Salvar"]
    assert [label for label in labels if label not in words] == []


def test_details_and_delivery_bear_the_names_of_the_guides(reader: Person, webhook: Any) -> None:
    """ONS-10, ONS-11, ONS-15."""
    words = words_of(reader, "dispatch:webhook-detail", webhook.uuid)
    labels = ["Produtos deste webhook", "Status da última notificação", "Enviar", "Editar", "Notificações recentes"]
    assert [label for label in labels if label not in words] == []


def test_connections_of_btg_id_bear_the_names_of_the_guide(reader: Person) -> None:
    """BTG-4 to BTG-8, BTG-11."""
    words = words_of(reader, "connections:connection-create", "btg_id")
    labels = ["Nome", "Descrição", "ID do Cliente", "Chave Secreta do Cliente", "URL do ambiente"]
    assert [label for label in labels if label not in words] == []
    connection = make_connection(participant=reader.participant, kind="btg_id")
    words = words_of(reader, "connections:connection-run", connection.uuid)
    labels = ["Obter Credenciais", "Grant Type", "Type", "Resource", "Locations", "Privileges"]
    assert [label for label in labels if label not in words] == []


def test_months_are_written_small_in_portuguese() -> None:
    with translation.override("pt-br"):
        assert date_format(date(2026, 3, 5), "DATE_FORMAT") == "5 de março de 2026"


def test_a_visitor_without_a_choice_reads_portuguese(client: Client) -> None:
    page = client.get(reverse("account_login")).content.decode()
    assert '<html lang="pt-br"' in page
    assert "Entrar" in page


@pytest.mark.parametrize(("name", "portuguese"), [("admin:index", "Administração"), ("account_login", "Senha")])
def test_pages_of_django_and_allauth_are_portuguese_too(name: str, portuguese: str) -> None:
    officer = Person.staff()
    officer.user.language = "pt-br"
    officer.user.save()
    visitor = officer.client if name.startswith("admin") else Client()
    assert portuguese in visitor.get(reverse(name)).content.decode()


def test_permissions_are_offered_in_portuguese_and_only_those_that_allow_something() -> None:
    officer = Person.staff()
    officer.user.language = "pt-br"
    officer.user.save()
    page = officer.client.get(reverse("admin:auth_group_add")).content.decode()
    offered = [words.strip() for words in re.findall(r"name=\"permissions\"[^>]*>([^<]+)</label>", page)]
    assert "Publicação: Pode publicar um arquivo" in offered
    assert "Usuário: alterar" in offered
    assert [words for words in offered if "Can " in words or "Periodic" in words] == []
