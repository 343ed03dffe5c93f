"""The demonstration that `make run` starts with: an operator, a participant with people in every role, webhooks to the
demo receiver (one gets its token by a connection), and publications that are told to them as soon as the dispatcher
runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from access.actors import Actor
from access.cnpj import normalise
from access.models import Membership, Participant, User
from access.roles import ParticipantKind, Role
from catalog.demo import DemoPublication, build_publications, create_catalogue
from catalog.models import Product
from connections.actions import create_connection
from connections.models import Connection
from connections.values import ConnectionValues
from dispatch.actions import publish
from portal.demo_receiver import CLIENT_ID, CLIENT_SECRET
from webhooks.actions import create_webhook
from webhooks.values import HeaderValues, WebhookValues

PASSWORD = "gancho-demo"
STAFF = "operacao@meridiano.example"
# The participant of the demonstration, and another one that must never see anything of it.
PARTICIPANTS = (
    ("Vento Alto Energia", "7K.4VA.902/0001-36", "ventoalto.example"),
    ("Serra Clara Distribuição", "11.222.333/0001-81", "serraclara.example"),
)
PEOPLE = (
    ("Marina Teixeira", "marina", Role.ADMINISTRATOR),
    ("Rafael Nunes", "rafael", Role.TECHNICAL),
    ("Lia Prado", "lia", Role.VIEWER),
)


@dataclass(frozen=True)
class Account:
    """A line of what is told when everything runs."""

    email: str
    role: str


@transaction.atomic
def make_demo(receiver: str) -> list[Account]:
    """Make all demo data; `receiver` is the demo receiver's address. Returns who may sign in.

    Raises InvalidWebhook or InvalidConnection when that address may not be called.
    """
    by = Actor.system("Operador Meridiano")
    accounts = [_make_staff()]
    vento, serra = [_make_participant(name, cnpj) for name, cnpj, _ in PARTICIPANTS]
    for name, first, role in PEOPLE:
        accounts.append(_make_member(vento, name, f"{first}@{PARTICIPANTS[0][2]}", role))
    accounts.append(_make_member(serra, "Paulo Reis", f"paulo@{PARTICIPANTS[1][2]}", Role.ADMINISTRATOR))
    products = create_catalogue()
    publications = list(build_publications(timezone.localdate()))
    newest = {publication.product_code: publication for publication in publications}
    _publish([each for each in publications if each is not newest[each.product_code]], products, by=by)
    _make_webhooks(vento, products, receiver, by)
    # Only these have anybody to tell: the first start ends with notifications that arrived, and some that failed.
    _publish(newest.values(), products, by=by)
    return accounts


def is_empty() -> bool:
    """Whether nobody has used this database yet."""
    return not User.objects.exists() and not Participant.objects.exists() and not Product.objects.exists()


def _make_staff() -> Account:
    User.objects.create_superuser(STAFF, PASSWORD, name="Operação Meridiano")
    return Account(STAFF, "operations (administration)")


def _make_participant(name: str, cnpj: str) -> Participant:
    return Participant.objects.create(name=name, cnpj=normalise(cnpj), kind=ParticipantKind.ENERGY_AGENT)


def _make_member(participant: Participant, name: str, email: str, role: Role) -> Account:
    user = User.objects.create_user(email, PASSWORD, name=name)
    Membership.objects.create(user=user, participant=participant, role=role)
    return Account(email, f"{role.value} of {participant.name}")


def _make_webhooks(participant: Participant, products: dict[str, Product], receiver: str, by: Actor) -> None:
    def chosen(*codes: str) -> frozenset[UUID]:
        return frozenset(products[code].uuid for code in codes)

    works = WebhookValues(
        description="Programação diária",
        request_uri=f"{receiver}/hooks/programacao",
        auth_method="secret",
        auth_secrets={"secret": "demo-token-7f3a"},
        headers=(HeaderValues("X-Origem", "meridiano", secret=False),),
        products=chosen(
            "PROGRAMA-DIARIO", "RESTRICOES-DIA", "PREVISAO-CARGA", "INTERCAMBIOS", "VAZOES-BACIA", "PRECOS-HORARIOS"
        ),
    )
    fails = WebhookValues(
        description="Contabilização e preços",
        request_uri=f"{receiver}/unavailable",
        products=chosen("PRECOS-HORARIOS", "CONTABILIZACAO", "AJUSTES", "INADIMPLENCIA"),
    )
    with_token = WebhookValues(
        description="Medição verificada (BI)",
        request_uri=f"{receiver}/protected/medicao",
        auth_method="oauth2",
        auth_settings={"connection": str(_make_connection(participant, receiver, by).uuid)},
        products=chosen("MEDICAO", "COMUNICADOS", "GARANTIAS"),
    )
    for values in (works, fails, with_token):
        create_webhook(participant, values=values, by=by)


def _make_connection(participant: Participant, receiver: str, by: Actor) -> Connection:
    """Credentials for the demo receiver's own token endpoint."""
    values = ConnectionValues(
        kind="oauth2",
        name="Servidor de autorização",
        description="OAuth 2.0, client credentials, no receptor de demonstração.",
        token_url=f"{receiver}/token",
        settings={"client_id": CLIENT_ID, "auth_type": "client_secret_basic"},
        secrets={"client_secret": CLIENT_SECRET},
    )
    return create_connection(participant, values=values, by=by)


def _publish(publications: Iterable[DemoPublication], products: dict[str, Product], *, by: Actor) -> None:
    for each in publications:
        upload = ContentFile(each.content, name=each.file_name)
        publish(products[each.product_code], period=each.period, upload=upload, by=by)


def is_allowed() -> bool:
    """Known passwords belong on a developer's machine only."""
    return bool(settings.PORTAL_ENVIRONMENT == "development")
