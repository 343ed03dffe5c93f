"""BTG-ID: four fields of an operation become authorization details (BTG-4 to 8, 11, 12)."""

import json
from typing import Any

import pytest

from connections.actions import create_connection
from connections.errors import InvalidConnection
from connections.kinds import registry
from connections.tokens import obtain_token, source_of
from tests.connections.endpoint import VALUE, basic_of, form_of, make_source, token_answer
from tests.factories import SECRET, connection_values, make_connection
from tests.people import Person
from tests.receiver import Receiver

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("loopback")]

ARGUMENTS = {
    "grant_type": "client_credentials",
    "type": "payment_initiation",
    "resource": "accounts",
    "locations": ["https://api.example.com/a", "https://api.example.com/b"],
    "privileges": ["read", "list"],
}


def test_the_arguments_are_sent_as_one_object_of_authorization_details(receiver: Receiver) -> None:
    """BTG-6, BTG-7, BTG-12."""
    receiver.answer("/oauth2/token", token_answer())
    source = make_source(receiver, kind="btg_id", path="", arguments=ARGUMENTS)
    exchange = obtain_token(source)
    assert exchange.token is not None
    assert exchange.token.value == VALUE
    [request] = receiver.requests()
    form = form_of(request)
    assert form.keys() == {"grant_type", "authorization_details"}
    assert form["grant_type"] == "client_credentials"
    assert json.loads(form["authorization_details"]) == [
        {
            "type": "payment_initiation",
            "resource": "accounts",
            "locations": ["https://api.example.com/a", "https://api.example.com/b"],
            "privileges": ["read", "list"],
        }
    ]
    assert basic_of(request) == f"client-1:{SECRET}"


@pytest.mark.parametrize(
    ("environment", "called"),
    [
        ("https://id.example.com", "https://id.example.com/oauth2/token"),
        ("https://id.example.com/", "https://id.example.com/oauth2/token"),
        ("https://id.example.com:8443", "https://id.example.com:8443/oauth2/token"),
        ("https://id.example.com/?tenant=a", "https://id.example.com/oauth2/token?tenant=a"),
        ("https://id.example.com/own/path", "https://id.example.com/own/path"),
    ],
)
def test_the_token_path_is_appended_to_an_environment_without_one(environment: str, called: str) -> None:
    """BTG-8."""
    assert registry.get("btg_id").endpoint(environment) == called


@pytest.mark.parametrize("field", ["client_id", "client_secret", "token_url", "name"])
def test_the_mandatory_fields_of_the_connection(owner: Person, field: str) -> None:
    """BTG-4, BTG-6, BTG-7, BTG-8; BTG-5: the description may be empty, as it is here."""
    group = {"client_id": "settings", "client_secret": "secrets"}.get(field)
    over: dict[str, Any] = {group: {field: ""}} if group else {field: ""}
    with pytest.raises(InvalidConnection) as refused:
        create_connection(owner.participant, values=connection_values(kind="btg_id", **over), by=owner.actor)
    assert [(problem.field, problem.code) for problem in refused.value.problems] == [(field, "required")]


@pytest.mark.parametrize("field", ["grant_type", "type", "resource", "locations", "privileges"])
@pytest.mark.parametrize("empty", ["", [], [""], " "])
def test_the_fields_of_the_operation_are_all_required(field: str, empty: Any) -> None:
    """BTG-11."""
    problems = list(registry.get("btg_id").argument_problems({**ARGUMENTS, field: empty}))
    assert (field, "required") in [(problem.field, problem.code) for problem in problems]
    assert {problem.field for problem in problems} == {field}


def test_complete_arguments_have_no_problem() -> None:
    assert list(registry.get("btg_id").argument_problems(ARGUMENTS)) == []


@pytest.mark.parametrize("field", ["type", "resource", "locations", "privileges"])
def test_expressions_are_refused_by_field_until_there_are_some(field: str) -> None:
    """BTG-13, fields only."""
    value = "{{ .input.body.x }}"
    given = {**ARGUMENTS, field: ["plain", value] if field in ("locations", "privileges") else value}
    problems = list(registry.get("btg_id").argument_problems(given))
    assert [(problem.field, problem.code) for problem in problems] == [(field, "expression")]


def test_only_client_credentials_can_be_granted() -> None:
    problems = list(registry.get("btg_id").argument_problems({**ARGUMENTS, "grant_type": "password"}))
    assert [(problem.field, problem.code) for problem in problems] == [("grant_type", "unknown")]


def test_runs_with_other_arguments_never_share_a_token() -> None:
    connection = make_connection(kind="btg_id")
    keys = {source_of(connection, arguments=ARGUMENTS | {"resource": each}).cache_key for each in ("a", "b")}
    assert len(keys | {source_of(connection).cache_key}) == 3


def test_a_webhook_may_use_it_without_arguments(receiver: Receiver) -> None:
    receiver.answer("/oauth2/token", token_answer())
    assert obtain_token(make_source(receiver, kind="btg_id", path="")).token is not None
    assert form_of(receiver.requests()[0]) == {"grant_type": "client_credentials"}
