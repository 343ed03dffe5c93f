"""Publishing and withdrawing in the admin: shown first, done once, allowed to few."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from access.models import AuditEntry
from catalog.models import Publication
from dispatch.actions import announce
from dispatch.models import Delivery
from tests.factories import make_participant, make_product, make_publication, make_user, make_webhook

pytestmark = pytest.mark.django_db
PUBLISH = "/admin/catalog/publication/publish/"


@pytest.fixture
def product(db):
    return make_product(name="Preços Horários")


@pytest.fixture
def webhook(owner, product):
    return make_webhook(participant=owner.participant, description="Mesa", products=[product])


def file(content=b"hour;price\n1;10\n", name="preços.csv"):
    return SimpleUploadedFile(name, content)


def values(product, **over):
    return {"product": product.pk, "period": "2020-08-15", "publish_at": ""} | over


def reference_in(response):
    return re.search(r'name="received" value="([^"]*)"', response.content.decode())[1]


def preview(person, product, **over):
    return person.client.post(PUBLISH, values(product, file=file(), preview="1") | over)


def confirm(person, product, reference, **over):
    return person.client.post(PUBLISH, values(product, received=reference, confirm="1") | over, follow=True)


def errors(response):
    return response.context["form"].errors


def stored_files():
    folders = default_storage.listdir("publications")[0] if default_storage.exists("publications") else []
    return sum(len(default_storage.listdir(f"publications/{folder}")[1]) for folder in folders)


def said(response):
    return [str(message) for message in response.context["messages"]]


def staff_with(*codes):
    user = make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="catalog", codename__in=codes))
    client = Client()
    client.force_login(user)
    return client


# --- publishing ---------------------------------------------------------------------------------------------------


def test_the_preview_says_who_will_be_told_and_publishes_nothing(officer, owner, product, webhook):
    """ONS-03, ONS-20."""
    make_webhook(participant=owner.participant, description="Idle", products=[product], active=False)
    blocked = make_participant(name="Blocked one", blocked_at=timezone.now(), blocked_reason="x")
    make_webhook(participant=blocked, description="Of the blocked", products=[product])
    make_webhook(participant=owner.participant, description="Gone", products=[product],
                 stopped_at=timezone.now(), stopped_reason="gone")  # fmt: skip
    make_webhook(participant=owner.participant, description="Not subscribed")
    page = preview(officer, product)
    rehearsal = page.context["rehearsal"]
    assert (rehearsal.webhooks, rehearsal.participants) == (2, 1)
    assert [str(each) for each in rehearsal.told] == ["Gone", "Mesa"]
    assert {str(each.webhook): each.reason for each in rehearsal.untold} == {
        "Idle": "The webhook is inactive.",
        "Of the blocked": "The participant is blocked.",
    }
    assert "Publish and tell 2 webhooks" in page.content.decode()
    assert "its notification is held" in page.content.decode()
    assert not Publication.objects.exists()
    assert not Delivery.objects.exists()


def test_who_is_not_in_the_audience_is_not_told(officer, owner, outsider):
    """X-4."""
    product = make_product(granted_to=[owner.participant])
    make_webhook(participant=owner.participant, products=[product])
    not_granted = make_webhook(participant=outsider.participant)
    not_granted.product_subscriptions.create(product=product)
    rehearsal = preview(officer, product).context["rehearsal"]
    assert rehearsal.webhooks == 1
    [untold] = rehearsal.untold
    assert (untold.webhook, untold.reason) == (not_granted, "The participant is not in the product's audience.")


def test_confirming_publishes_the_received_file_and_tells_the_webhooks(officer, product, webhook):
    """ONS-03, ONS-04."""
    answer = confirm(officer, product, reference_in(preview(officer, product)))
    publication = Publication.objects.get()
    assert answer.redirect_chain == [(f"/admin/catalog/publication/{publication.pk}/change/", 302)]
    assert said(answer) == ["Published. 1 webhook is being told."]
    assert publication.file.open().read() == b"hour;price\n1;10\n"
    assert (publication.file_name, publication.version) == ("preços.csv", 1)
    assert Delivery.objects.get().webhook == webhook
    assert AuditEntry.objects.get(action="catalog.publication.created").actor_user == officer.user


def test_pressed_twice_it_is_published_once(officer, product, webhook):
    """The second press shows what the first one made."""
    reference = reference_in(preview(officer, product))
    confirm(officer, product, reference)
    answer = confirm(officer, product, reference)
    publication = Publication.objects.get()
    assert answer.redirect_chain[0][0] == f"/admin/catalog/publication/{publication.pk}/change/"
    assert "was published before" in said(answer)[0]
    assert Delivery.objects.count() == 1


def test_a_used_reference_publishes_nothing_else(officer, product, webhook):
    reference = reference_in(preview(officer, product))
    confirm(officer, product, reference)
    other = make_product()
    confirm(officer, other, reference, period="2021-01-01")
    assert Publication.objects.count() == 1


def test_the_same_file_again_offers_nothing_to_confirm(officer, product):
    confirm(officer, product, reference_in(preview(officer, product)))
    page = preview(officer, product)
    assert "already published as version 1" in page.content.decode()
    assert 'name="confirm"' not in page.content.decode()


def test_another_file_for_the_period_is_the_next_version(officer, product):
    confirm(officer, product, reference_in(preview(officer, product)))
    page = preview(officer, product, file=file(b"corrected"))
    assert page.context["rehearsal"].version == 2
    confirm(officer, product, reference_in(page))
    assert sorted(Publication.objects.values_list("version", flat=True)) == [1, 2]


def test_with_a_time_it_goes_out_then_and_nobody_is_told_now(officer, product, webhook):
    at = timezone.localtime() + timedelta(hours=2)
    typed = at.strftime("%Y-%m-%dT%H:%M")
    page = preview(officer, product, publish_at=typed)
    assert "Those subscribed at that time are told." in page.content.decode()
    hidden = re.search(r'name="publish_at" value="([^"]*)"', page.content.decode())[1]
    answer = confirm(officer, product, reference_in(page), publish_at=hidden)
    publication = Publication.objects.get()
    assert publication.embargoed
    assert publication.publish_at == at.replace(second=0, microsecond=0)
    assert "published at its time" in said(answer)[0]
    assert not Delivery.objects.exists()


def test_change_leads_back_with_everything_typed(officer, product):
    reference = reference_in(preview(officer, product))
    tomorrow = timezone.localtime() + timedelta(days=1)
    page = officer.client.post(
        PUBLISH, values(product, received=reference, edit="1", publish_at=tomorrow.isoformat(timespec="seconds"))
    )
    html = page.content.decode()
    assert 'value="2020-08-15"' in html
    assert f'value="{tomorrow:%Y-%m-%dT%H:%M}"' in html
    assert f'<option value="{product.pk}" selected>' in html
    assert "Received: preços.csv" in html
    confirm(officer, product, reference_in(page))
    assert Publication.objects.count() == 1


@pytest.mark.parametrize(
    ("over", "field", "words"),
    [
        ({"period": "2020-08"}, "period", "Write the period of a daily product as a day"),
        ({"period": "2020-02-30"}, "period", "not in the calendar"),
        ({"period": ""}, "period", "required"),
        ({"product": ""}, "product", "required"),
        ({"product": "999999"}, "product", "not one of the available"),
        ({"publish_at": "2020-01-01T10:00"}, "publish_at", "This time has passed"),
        ({"publish_at": "soon"}, "publish_at", "valid date"),
    ],
)
def test_an_error_stands_beside_its_field_and_the_file_is_kept(officer, product, over, field, words):
    page = officer.client.post(PUBLISH, values(product, file=file(), preview="1") | over)
    assert list(errors(page)) == [field]
    assert words in errors(page)[field][0]
    reference = reference_in(page)
    assert reference
    assert "Received: preços.csv" in page.content.decode()
    again = officer.client.post(PUBLISH, values(product, received=reference, preview="1"))
    assert again.context["rehearsal"].version == 1


@pytest.mark.parametrize(
    ("upload", "words"),
    [({}, "Choose a file."), ({"file": SimpleUploadedFile("empty.csv", b"")}, "The file is empty.")],
)
def test_a_missing_or_empty_file_is_refused_beside_its_field(officer, product, upload, words):
    page = officer.client.post(PUBLISH, values(product, preview="1", **upload))
    assert errors(page)["file"] == [words]
    assert not Publication.objects.exists()


def test_a_file_that_is_too_large_is_refused_and_not_kept(officer, product, settings):
    settings.PORTAL_MAX_FILE_BYTES = 4
    before = stored_files()
    page = preview(officer, product)
    assert "larger than 4 bytes" in errors(page)["file"][0]
    assert stored_files() == before


def test_a_received_file_that_was_cleaned_away_is_asked_for_again(officer, product):
    page = preview(officer, product)
    default_storage.delete(page.context["form"].received_file.stored_name)
    answer = confirm(officer, product, reference_in(page))
    assert "not there any more" in errors(answer)["file"][0]
    assert "Received:" not in answer.content.decode()
    assert not Publication.objects.exists()


@pytest.mark.parametrize("reference", ["forged", "", "a:b:c", "\0"])
def test_a_reference_that_we_did_not_sign_opens_nothing(officer, product, reference):
    answer = confirm(officer, product, reference)
    assert errors(answer)
    assert not Publication.objects.exists()


def test_a_reference_belongs_to_who_uploaded_the_file(officer, product):
    from tests.people import Person

    reference = reference_in(preview(officer, product))
    colleague = Person.staff("colleague@operator.test")
    assert "not there any more" in errors(confirm(colleague, product, reference))["file"][0]
    assert not Publication.objects.exists()


def test_an_old_reference_is_worth_nothing(officer, product, monkeypatch):
    from dispatch import publishing

    reference = reference_in(preview(officer, product))
    monkeypatch.setattr(publishing, "_REFERENCE_SECONDS", -1)
    assert errors(confirm(officer, product, reference))["file"]


def test_an_inactive_product_cannot_be_chosen(officer):
    idle = make_product(active=False)
    assert "product" in errors(preview(officer, idle))


@pytest.mark.parametrize("codes", [(), ("view_publication", "change_publication", "withdraw_publication")])
def test_publishing_needs_its_own_permission(codes, product, webhook):
    client = staff_with(*codes)
    assert client.get(PUBLISH).status_code == 403
    answer = client.post(PUBLISH, values(product, file=file(), preview="1"))
    assert answer.status_code == 403
    assert not Publication.objects.exists()
    if codes:
        assert "publish/" not in client.get("/admin/catalog/publication/").content.decode()


def test_with_the_permission_the_list_leads_to_it(product):
    client = staff_with("view_publication", "publish_publication")
    assert PUBLISH in client.get("/admin/catalog/publication/").content.decode()
    assert client.get(PUBLISH).status_code == 200


@pytest.mark.parametrize("who", ["owner", "outsider"])
def test_participants_do_not_get_in(who, request, product):
    """X-4."""
    client = request.getfixturevalue(who).client
    for answer in (client.get(PUBLISH), client.post(PUBLISH, values(product, file=file(), preview="1"))):
        assert answer.status_code in (302, 403)
    assert not Publication.objects.exists()


# --- withdrawing --------------------------------------------------------------------------------------------------


@pytest.fixture
def publication(product, webhook, officer):
    made = make_publication(product)
    announce(made, by=officer.actor)
    return made


def withdraw_path(publication):
    return f"/admin/catalog/publication/{publication.pk}/withdraw/"


def test_the_page_says_what_a_withdrawal_does_and_does_nothing_yet(officer, publication):
    page = officer.client.get(withdraw_path(publication))
    assert "1 notification that waits or is held will be cancelled." in page.content.decode()
    publication.refresh_from_db()
    assert not publication.withdrawn


def test_withdrawing_cancels_what_waits_and_keeps_the_reason(officer, publication):
    answer = officer.client.post(withdraw_path(publication), {"reason": "Wrong file"}, follow=True)
    publication.refresh_from_db()
    assert (publication.withdrawn_reason, publication.withdrawn_by) == ("Wrong file", "Officer")
    assert said(answer) == ["Withdrawn. 1 waiting notification was cancelled."]
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reason) == ("cancelled", "withdrawn")
    assert AuditEntry.objects.get(action="catalog.publication.withdrawn").after == {"reason": "Wrong file"}
    assert "withdraw/" not in answer.content.decode()


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_without_a_reason_nothing_is_withdrawn(officer, publication, reason):
    page = officer.client.post(withdraw_path(publication), {"reason": reason})
    assert errors(page)["reason"]
    publication.refresh_from_db()
    assert not publication.withdrawn


def test_withdrawn_twice_is_withdrawn_once(officer, publication):
    officer.client.post(withdraw_path(publication), {"reason": "Wrong file"})
    page = officer.client.post(withdraw_path(publication), {"reason": "Again"})
    assert "withdrawn already" in page.content.decode()
    assert AuditEntry.objects.filter(action="catalog.publication.withdrawn").count() == 1


def test_withdrawing_needs_its_own_permission(publication):
    client = staff_with("view_publication", "change_publication", "publish_publication")
    assert client.get(withdraw_path(publication)).status_code == 403
    assert client.post(withdraw_path(publication), {"reason": "x"}).status_code == 403
    publication.refresh_from_db()
    assert not publication.withdrawn


def test_what_does_not_exist_is_not_found(officer, db):
    assert officer.client.get("/admin/catalog/publication/999/withdraw/").status_code == 404
