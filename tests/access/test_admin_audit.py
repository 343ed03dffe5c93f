import re

import pytest
from django.utils import timezone

from access.audit_chain import link_entries
from access.audit_words import action_words
from access.models import AuditEntry
from tests.access.test_audit import entry_by

pytestmark = pytest.mark.django_db

LIST = "/admin/access/auditentry/"


@pytest.fixture
def entry(owner):
    return entry_by(owner.actor, before={"role": "viewer"}, after={"role": "<b>technical</b>"})


def test_trail_shows_change_origin_and_place_in_the_chain(officer, entry):
    page = f"{LIST}{entry.pk}/change/"
    words = officer.client.get(page).content.decode()
    assert "&lt;b&gt;technical&lt;/b&gt;" in words
    assert "<b>technical</b>" not in words
    assert "not linked yet" in words
    link_entries()
    assert "not linked yet" not in officer.client.get(page).content.decode()


@pytest.mark.parametrize("words", ["owner@vento.test", "Owner", "Vento", "access.user.tried", "{uuid}", "{cnpj}"])
def test_entry_is_found_by_what_an_officer_knows(officer, owner, entry, words):
    entry_by(officer.actor, action="access.user.other")
    query = words.format(uuid=entry.object_id, cnpj=owner.participant.formatted_cnpj)
    answer = officer.client.get(LIST, {"q": query})
    assert list(answer.context["cl"].queryset) == [entry]


def test_list_is_filtered_by_area_source_and_day(officer, entry):
    other = entry_by(officer.actor, action="catalog.product.created")
    shown = officer.client.get(LIST, {"area": "catalog"}).context["cl"].queryset
    assert list(shown) == [other]
    shown = officer.client.get(LIST, {"actor_source__exact": "user"}).context["cl"].queryset
    assert list(shown) == [entry]
    shown = officer.client.get(LIST, {"recorded_at__year": entry.recorded_at.year}).context["cl"].queryset
    assert shown.count() == 2


def test_list_asks_the_same_number_of_queries_however_long(officer, owner, django_assert_max_num_queries):
    for _ in range(20):
        entry_by(owner.actor)
    client = officer.client
    with django_assert_max_num_queries(8):  # session, user, its row, memberships, first and last day, count, the page
        client.get(LIST)


@pytest.mark.parametrize("path", ["add/", "{pk}/change/", "{pk}/delete/"])
def test_nobody_adds_changes_or_deletes_an_entry(officer, entry, path):
    url = LIST + path.format(pk=entry.pk)
    values = {"action": "access.user.other", "post": "yes"}
    assert officer.client.post(url, values).status_code == 403
    assert AuditEntry.objects.get().action == "access.user.tried"


def test_list_offers_no_deletion(officer, entry):
    officer.client.post(LIST, {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"})
    assert AuditEntry.objects.count() == 1
    assert "delete_selected" not in officer.client.get(LIST).content.decode()


def test_trail_is_closed_to_participants(owner, outsider, entry):
    for person in (owner, outsider):
        for url in (LIST, f"{LIST}{entry.pk}/change/"):
            assert person.client.get(url, follow=True).status_code == 403


def test_list_says_in_words_what_was_done_with_the_code_beside_it(officer, owner):
    entry_by(owner.actor, action="access.user.created")
    entry_by(owner.actor, action="access.user.invented")
    page = officer.client.get(LIST).content.decode()
    assert 'User: created <small class="muted">access.<wbr>user.<wbr>created</small>' in page
    assert "access.<wbr>user.<wbr>invented</td>" in page
    assert 'data-filter-title="date"' in page


def test_instants_are_written_as_the_language_does_it(officer, entry):
    local = timezone.localtime(entry.recorded_at)
    assert f"{local:%H:%M:%S}</span>" in (page := officer.client.get(LIST).content.decode())
    assert f"{local:%Y-%m-%d} {local:%H}" not in page


def test_period_and_version_of_an_object_are_not_torn_apart(officer, owner):
    AuditEntry.objects.create(actor_label="x", actor_source="system", action="a.b.c", object_label="Price 2026-11 v2")
    page = officer.client.get(LIST).content.decode()
    assert re.search(r'Price <span class="nowrap">(<span class="unbroken">)?2026-11 v2</span>', page)


def test_nothing_is_said_in_a_word(officer, owner):
    entry = entry_by(owner.actor, before={}, after={"a": 1})
    page = officer.client.get(f"{LIST}{entry.pk}/change/").content.decode()
    assert "Nothing" in page
    assert "{}" not in page


@pytest.mark.parametrize(
    ("action", "kind", "words"),
    [
        ("catalog.publication.created", "catalog.publication", "Publication: created"),
        ("catalog.publication.released", "catalog.publication", "Publication: published at its time"),
        ("connections.key_pair.created", "connections.keypair", "Key pair: created"),
        ("dispatch.held.released", "webhooks.webhook", "Webhook: held notifications released"),
        ("old.thing.created", "old.thing", "old.thing: created"),
        ("old.thing.bent", "old.thing", "old.thing.bent"),
    ],
)
def test_words_of_an_action(action, kind, words):
    assert action_words(action, kind) == words
