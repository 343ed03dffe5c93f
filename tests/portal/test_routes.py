"""Who may open what: every address of the portal, by GET and by POST, as seven kinds of people (X-4).

The table is written by hand and the address map is walked: a page that nobody thought about fails here. The people are
those of the design, but for one: there are no API tokens yet, so nobody can hold one of another participant. The
administration has its own table (tests/safety/test_administration.py); what an address of each row needs, and what is
posted to it, is in tests/safety/world.py.
"""

import pytest
from django.db import transaction

from dispatch.models import Delivery
from tests.safety.world import OWNERS_WORDS, PEOPLE, World, all_rows, answer_word, portal_routes

pytestmark = pytest.mark.django_db

# `outsider` administers another participant; `staff` enters the administration and has no permission in it, `officer`
# has every one. One word counts for all seven. `login`: sent to sign in; `away`: redirected after something was done,
# or not needed.
TABLE = """
route                              method  anonymous outsider viewer technical administrator staff         officer

account_login                      GET     200       away     away   away      away          away away
account_login                      POST    200       away     away   away      away          away away
account_logout                     GET     away      200      200    200       200           200 200
account_logout                     POST    away
account_inactive                   GET     200
account_inactive                   POST    405
account_signup                     GET     403
account_signup                     POST    403
account_reauthenticate             GET     login     away     away   away      away          away away
account_reauthenticate             POST    login     away     away   away      away          away away
account_change_password            GET     login     200      200    200       200           200 200
account_change_password            POST    login     200      200    200       200           200 200
account_reset_password             GET     200
account_reset_password             POST    200
account_reset_password_done        GET     200
account_reset_password_done        POST    405
account_reset_password_from_key    GET     200
account_reset_password_from_key    POST    200
account_reset_password_from_key_done GET   200
account_reset_password_from_key_done POST  405
mfa_authenticate                   GET     away
mfa_authenticate                   POST    away
mfa_index                          GET     login     200      200    200       200           200 200
mfa_index                          POST    405
mfa_set_up                         GET     login     200      200    200       200           200 200
mfa_set_up                         POST    login     200      200    200       200           200 200
mfa_codes_renew                    GET     login     200      200    200       200           200 200
mfa_codes_renew                    POST    login     away     away   away      away          away away
mfa_disable                        GET     login     200      200    200       200           200 200
mfa_disable                        POST    login     away     away   away      away          away away

portal:home                        GET     login     200      200    200       200           away away
portal:home                        POST    405
portal:profile                     GET     login     200      200    200       200           200 200
portal:profile                     POST    405
portal:settings                    GET     login     200      200    200       200           403 403
portal:settings                    POST    405
portal:integration                 GET     login     200      200    200       200           403 403
portal:integration                 POST    405
portal:help-home                   GET     login     200      200    200       200           403 403
portal:help-home                   POST    405
portal:help-receiving              GET     login     200      200    200       200           403 403
portal:help-receiving              POST    405
portal:help-formats                GET     login     200      200    200       200           403 403
portal:help-formats                POST    405
portal:help-retries                GET     login     200      200    200       200           403 403
portal:help-retries                POST    405
portal:help-failures               GET     login     200      200    200       200           403 403
portal:help-failures               POST    405
portal:demo-received               GET     login     404      404    404       404           403 403
portal:demo-received               POST    405
portal:health-live                 GET     200
portal:health-live                 POST    405
portal:health-ready                GET     200
portal:health-ready                POST    405
portal:health-delivering           GET     503
portal:health-delivering           POST    405
portal:metrics                     GET     404
portal:metrics                     POST    405

access:participant-switch          GET     login     405      405    405       405           405 405
access:participant-switch          POST    login     404      away   away      away          404 404
access:session-list                GET     login     200      200    200       200           200 200
access:session-list                POST    405
access:session-end                 GET     405
access:session-end                 POST    login     404      404    404       away          404 404
access:session-end-others          GET     405
access:session-end-others          POST    login     away     away   away      away          away away
access:seeing-end                  GET     login     405      405    405       405           405 405
access:seeing-end                  POST    login     away     away   away      away          away away
access:preferences-update          GET     405
access:preferences-update          POST    away

catalog:download                   GET     200
catalog:download                   POST    405
catalog:publication-list           GET     login     200      200    200       200           403 403
catalog:publication-list           POST    405
catalog:publication-file           GET     login     404      200    200       200           403 403
catalog:publication-file           POST    405
catalog:product-detail             GET     login     404      200    200       200           403 403
catalog:product-detail             POST    405

connections:connection-list        GET     login     200      200    200       200           403 403
connections:connection-list        POST    405
connections:connection-choose      GET     login     200      403    200       200           403 403
connections:connection-choose      POST    405
connections:connection-create      GET     login     200      403    200       200           403 403
connections:connection-create      POST    login     200      403    200       200           403 403
connections:connection-detail      GET     login     404      200    200       200           403 403
connections:connection-detail      POST    405
connections:connection-edit        GET     login     404      403    200       200           403 403
connections:connection-edit        POST    login     404      403    away      away          403 403
connections:connection-archive     GET     login     404      403    200       200           403 403
connections:connection-archive     POST    login     404      403    away      away          403 403
connections:connection-run         GET     login     404      403    200       200           403 403
connections:connection-run         POST    login     404      403    200       200           403 403
connections:run-detail             GET     login     404      200    200       200           403 403
connections:run-detail             POST    405
connections:run-token-show         GET     405
connections:run-token-show         POST    login     404      403    200       200           403 403
connections:key-pair-list          GET     login     200      200    200       200           403 403
connections:key-pair-list          POST    405
connections:key-pair-create        GET     login     200      403    200       200           403 403
connections:key-pair-create        POST    login     200      403    200       200           403 403
connections:key-pair-detail        GET     login     404      200    200       200           403 403
connections:key-pair-detail        POST    405
connections:key-pair-replace       GET     login     404      403    200       200           403 403
connections:key-pair-replace       POST    login     404      403    200       200           403 403
connections:key-pair-archive       GET     login     404      403    200       200           403 403
connections:key-pair-archive       POST    login     404      403    away      away          403 403

webhooks:profile-webhook-list      GET     login     200      200    200       200           403 403
webhooks:profile-webhook-list      POST    405
webhooks:webhook-list              GET     login     200      200    200       200           403 403
webhooks:webhook-list              POST    405
webhooks:webhook-create            GET     login     200      403    200       200           403 403
webhooks:webhook-create            POST    login     200      403    200       200           403 403
webhooks:webhook-test              GET     405
webhooks:webhook-test              POST    login     404      403    200       200           403 403
webhooks:webhook-edit              GET     login     404      403    200       200           403 403
webhooks:webhook-edit              POST    login     404      403    away      away          403 403
webhooks:webhook-archive           GET     login     404      403    200       200           403 403
webhooks:webhook-archive           POST    login     404      403    away      away          403 403
webhooks:webhook-receiver          GET     login     404      403    200       200           403 403
webhooks:webhook-receiver          POST    405
webhooks:webhook-receiver-file     GET     login     404      403    200       200           403 403
webhooks:webhook-receiver-file     POST    405
webhooks:webhook-secret            GET     login     404      403    200       200           403 403
webhooks:webhook-secret            POST    405
webhooks:webhook-secret-show       GET     405
webhooks:webhook-secret-show       POST    login     404      403    200       200           403 403
webhooks:webhook-secret-rotate     GET     405
webhooks:webhook-secret-rotate     POST    login     404      403    away      away          403 403
webhooks:webhook-secret-end        GET     405
webhooks:webhook-secret-end        POST    login     404      403    away      away          403 403

dispatch:webhook-detail            GET     login     404      200    200       200           403 403
dispatch:webhook-detail            POST    405
dispatch:webhook-live              GET     login     404      200    200       200           403 403
dispatch:webhook-live              POST    405
dispatch:held-release              GET     405
dispatch:held-release              POST    login     404      403    away      away          403 403
dispatch:product-row               GET     login     404      403    200       200           403 403
dispatch:product-row               POST    405
dispatch:product-send              GET     405
dispatch:product-send              POST    login     404      403    away      away          403 403
dispatch:batch-send-all            GET     login     404      403    200       200           403 403
dispatch:batch-send-all            POST    login     404      403    away      away          403 403
dispatch:batch-resend-pending      GET     login     404      403    200       200           403 403
dispatch:batch-resend-pending      POST    login     404      403    200       200           403 403
dispatch:batch-detail              GET     login     404      200    200       200           403 403
dispatch:batch-detail              POST    405
dispatch:batch-live                GET     login     404      200    200       200           403 403
dispatch:batch-live                POST    405
dispatch:batch-stop                GET     405
dispatch:batch-stop                POST    login     404      403    away      away          403 403
dispatch:delivery-list             GET     login     200      200    200       200           403 403
dispatch:delivery-list             POST    405
dispatch:delivery-detail           GET     login     404      200    200       200           403 403
dispatch:delivery-detail           POST    405
dispatch:delivery-live             GET     login     404      200    200       200           403 403
dispatch:delivery-live             POST    405
dispatch:delivery-send             GET     405
dispatch:delivery-send             POST    login     404      403    away      away          403 403
dispatch:delivery-stop             GET     405
dispatch:delivery-stop             POST    login     404      403    away      away          403 403
"""


def read_table() -> dict[tuple[str, str], dict[str, str]]:
    rows = [line.split() for line in TABLE.strip().splitlines()[1:] if line]
    table = {}
    for name, method, *words in rows:
        answers = words * len(PEOPLE) if len(words) == 1 else words
        assert (name, method) not in table, f"{name} {method} is there twice"
        table[name, method] = dict(zip(PEOPLE, answers, strict=True))
    return table


def test_every_address_is_in_the_table_with_both_methods() -> None:
    assert set(read_table()) == {(name, method) for name in portal_routes() for method in ("GET", "POST")}


@pytest.mark.parametrize("who", PEOPLE)
def test_addresses_open_to_those_in_the_table_only(world: World, who: str) -> None:
    """X-4: a row of another participant is not found, and nothing changes for those who are refused."""
    before, wrong = all_rows(), []
    for (name, method), expected in read_table().items():
        with transaction.atomic():
            got = answer_word(world.ask(world.client(who), name, method))
            if got != expected[who]:
                wrong.append(f"{method} {name}: {got}, not {expected[who]}")
            if expected[who] in ("login", "403", "404", "405"):
                assert all_rows() == before, f"{method} {name} changed something for {who}"
            transaction.set_rollback(True)
    assert not wrong, "\n".join(wrong)


def test_what_the_table_opens_works(world: World) -> None:
    """Or the matrix would say nothing about the pages that it calls closed."""
    client = world.client("technical")
    before = all_rows()
    for name in ("webhook-edit", "webhook-archive", "webhook-secret-show", "webhook-secret-rotate"):
        with transaction.atomic():
            world.ask(client, f"webhooks:{name}", "POST")
            assert all_rows() != before, name
            transaction.set_rollback(True)
    world.ask(client, "dispatch:delivery-stop", "POST")
    assert Delivery.objects.get(pk=world.delivery.pk).state == "cancelled"


def test_outsider_reads_no_word_of_the_owners_rows(world: World) -> None:
    for name, method in read_table():
        if name != "catalog:download":
            with transaction.atomic():
                words = world.ask(world.client("outsider"), name, method).content.decode()
                transaction.set_rollback(True)
            assert not [word for word in OWNERS_WORDS if word in words], f"{method} {name}"
