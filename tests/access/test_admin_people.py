import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.test import Client

from access.admin.base import AuditedAdmin
from access.models import AuditEntry, Membership, Participant, Role, User
from tests.factories import make_member, make_participant, make_user, make_webhook
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db

NO_INLINES = {
    "memberships-TOTAL_FORMS": "0",
    "memberships-INITIAL_FORMS": "0",
    "memberships-MIN_NUM_FORMS": "0",
    "memberships-MAX_NUM_FORMS": "1000",
}


def staff_with(*codenames):
    user = make_user(email=f"desk{User.objects.count()}@operator.test", name="Desk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return user, client


def entries():
    return list(AuditEntry.objects.order_by("pk"))


def participant_values(**over):
    return {"name": "Vento Alto", "cnpj": "12.ABC.345/01DE-35", "kind": "bank", "_continue": "1"} | NO_INLINES | over


def user_values(user, **over):
    values = {"email": user.email, "name": user.name, "language": user.language, "theme": user.theme, "is_active": "on"}
    if user.is_staff:
        values["is_staff"] = "on"
    return values | {"_continue": "1"} | NO_INLINES | over


def membership_row(number, membership=None, **over):
    values = {"id": "", "user": "", "participant": "", "role": "viewer"}
    if membership:
        values |= {"id": membership.pk, "user": membership.user_id, "participant": membership.participant_id}
        values["role"] = membership.role
    return {f"memberships-{number}-{name}": value for name, value in (values | over).items()}


def test_new_participant_is_kept_without_punctuation_and_recorded(officer):
    officer.client.post("/admin/access/participant/add/", participant_values())
    participant = Participant.objects.get()
    assert participant.cnpj == "12ABC34501DE35"
    (entry,) = entries()
    assert (entry.action, entry.participant, entry.actor_source) == ("access.participant.created", participant, "staff")
    assert entry.actor_user == officer.user
    assert entry.after == {"name": "Vento Alto", "cnpj": "12ABC34501DE35", "kind": "bank", "mfa_demanded": False}


@pytest.mark.parametrize("wrong", ["12.ABC.345/01DE-36", "123", "", "12.ABC.345/01D\u00cb-35", "\0" * 14, "x" * 60])
def test_wrong_cnpj_gets_a_message_beside_the_field_and_what_was_typed_stays(officer, wrong):
    answer = officer.client.post("/admin/access/participant/add/", participant_values(cnpj=wrong))
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors.keys() == {"cnpj"}
    assert 'value="Vento Alto"' in answer.content.decode()
    assert not Participant.objects.exists()
    assert not entries()


def test_second_participant_of_a_cnpj_is_refused(officer):
    make_participant(cnpj="12ABC34501DE35")
    answer = officer.client.post("/admin/access/participant/add/", participant_values())
    assert answer.context["adminform"].form.errors.keys() == {"cnpj"}


def test_change_records_only_what_changed(officer):
    participant = make_participant(name="Vento", cnpj="12ABC34501DE35", kind="bank")
    url = f"/admin/access/participant/{participant.pk}/change/"
    officer.client.post(url, participant_values())
    officer.client.post(url, participant_values())
    (entry,) = entries()
    assert entry.action == "access.participant.updated"
    assert (entry.before, entry.after) == ({"name": "Vento"}, {"name": "Vento Alto"})


def test_members_are_added_changed_and_removed_with_a_record_each(officer):
    participant = make_participant(name="Vento Alto", cnpj="12ABC34501DE35", kind="bank")
    leaving, staying = (make_member(make_user(), participant, "viewer") for _ in range(2))
    newcomer = make_user(name="Nova")
    values = participant_values(**{"memberships-TOTAL_FORMS": "3", "memberships-INITIAL_FORMS": "2"})
    values |= membership_row(0, leaving, DELETE="on") | membership_row(1, staying, role="administrator")
    values |= membership_row(2, user=newcomer.pk, participant=participant.pk, role="technical")
    answer = officer.client.post(f"/admin/access/participant/{participant.pk}/change/", values)
    assert answer.status_code == 302
    assert set(Membership.objects.values_list("user", "role")) == {
        (staying.user_id, "administrator"),
        (newcomer.pk, "technical"),
    }
    recorded = {entry.action: entry for entry in entries()}
    assert recorded.keys() == {f"access.membership.{verb}" for verb in ("created", "updated", "deleted")}
    assert recorded["access.membership.updated"].before == {"role": "viewer"}
    assert recorded["access.membership.updated"].after == {"role": "administrator"}
    assert recorded["access.membership.deleted"].before["role"] == "viewer"
    assert recorded["access.membership.deleted"].object_id == str(leaving.uuid)
    assert {entry.participant for entry in entries()} == {participant}


def test_second_membership_of_a_user_is_refused_beside_the_row(officer):
    participant = make_participant(name="Vento Alto", cnpj="12ABC34501DE35", kind="bank")
    present = make_member(make_user(), participant, "viewer")
    values = participant_values(**{"memberships-TOTAL_FORMS": "2", "memberships-INITIAL_FORMS": "1"})
    values |= membership_row(0, present) | membership_row(1, user=present.user_id, participant=participant.pk)
    answer = officer.client.post(f"/admin/access/participant/{participant.pk}/change/", values)
    assert answer.status_code == 200
    assert Membership.objects.count() == 1


@pytest.mark.parametrize("words", ["12.abc.345/01de-35", "12.ABC", "12ABC34501DE35", "vento"])
def test_participant_is_found_by_name_and_by_cnpj_with_punctuation(officer, words):
    participant = make_participant(name="Vento", cnpj="12ABC34501DE35")
    make_participant(name="Serra")
    answer = officer.client.get("/admin/access/participant/", {"q": words})
    assert list(answer.context["cl"].queryset) == [participant]


def test_list_of_participants_asks_the_same_number_of_queries_however_long(officer, django_assert_max_num_queries):
    for _ in range(15):
        make_member(make_user(), make_participant(), "viewer")
    client = officer.client
    client.get("/admin/access/participant/")
    # Session, user, two counts, the hierarchy of dates, the page itself, its webhooks.
    with django_assert_max_num_queries(11):
        answer = client.get("/admin/access/participant/", {"state": "open"})
    assert answer.context["cl"].result_count == 15


@pytest.mark.parametrize("model", ["participant", "user"])
def test_people_and_participants_are_never_deleted(officer, owner, model):
    row = owner.participant if model == "participant" else owner.user
    assert officer.client.post(f"/admin/access/{model}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    selected = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    officer.client.post(f"/admin/access/{model}/", selected)
    assert type(row).objects.filter(pk=row.pk).exists()


def test_new_user_with_a_password_can_sign_in_and_the_password_is_recorded_nowhere(officer):
    values = {
        "email": "Ana@Vento.test",
        "name": "Ana",
        "language": "pt-br",
        "password": "a-good-long-password",
    } | NO_INLINES
    officer.client.post("/admin/access/user/add/", values)
    ana = User.objects.get(email="ana@vento.test")
    assert ana.check_password("a-good-long-password")
    assert not mail.outbox
    (entry,) = entries()
    assert entry.action == "access.user.created"
    assert "password" not in entry.after
    assert "a-good-long-password" not in f"{entry.before}{entry.after}"


def test_new_user_without_a_password_gets_a_mail_to_choose_one(officer, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        values = {"email": "ana@vento.test", "name": "Ana", "language": "en"} | NO_INLINES
        officer.client.post("/admin/access/user/add/", values)
    ana = User.objects.get(email="ana@vento.test")
    assert not ana.has_usable_password()
    (message,) = mail.outbox
    assert message.to == ["ana@vento.test"]
    link = re.search(r"http://portal\.test(/accounts/password/reset/key/\S+)", message.body)[1]
    client = Client()
    form = client.get(link, follow=True).request["PATH_INFO"]
    client.post(form, {"password1": "a-good-long-password", "password2": "a-good-long-password"})
    ana.refresh_from_db()
    assert ana.check_password("a-good-long-password")


@pytest.mark.django_db(transaction=True)
def test_mail_that_can_not_be_sent_is_said_and_the_user_stays(officer, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    values = {"email": "ana@vento.test", "name": "Ana", "language": "en"} | NO_INLINES
    answer = officer.client.post("/admin/access/user/add/", values)
    assert answer.status_code == 302
    assert User.objects.filter(email="ana@vento.test").exists()
    words = officer.client.get("/admin/access/user/").content.decode()
    assert "could not be sent" in words


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"email": "owner@vento.test"}, "email"),
        ({"email": "OWNER@vento.test"}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"name": ""}, "name"),
        ({"password": "short"}, "password"),
        ({"password": "ana@vento.test"}, "password"),
        ({"language": "xx"}, "language"),
    ],
)
def test_bad_user_is_refused_beside_the_field(officer, owner, values, field):
    good = {"email": "ana@vento.test", "name": "Ana", "language": "en", "password": ""}
    answer = officer.client.post("/admin/access/user/add/", good | NO_INLINES | values)
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors.keys() == {field}
    assert User.objects.count() == 2


def test_change_of_a_user_is_recorded_and_the_password_left_alone(officer, owner):
    owner.user.set_password("a-good-long-password")
    owner.user.save()
    membership = {"memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "1"} | membership_row(
        0, owner.membership
    )
    values = user_values(owner.user, email="New@vento.test", **membership)
    answer = officer.client.post(f"/admin/access/user/{owner.user.pk}/change/", values)
    assert answer.status_code == 302
    owner.user.refresh_from_db()
    assert owner.user.email == "new@vento.test"
    assert owner.user.check_password("a-good-long-password")
    (entry,) = entries()
    assert (entry.action, entry.before, entry.after) == (
        "access.user.updated",
        {"email": "owner@vento.test"},
        {"email": "new@vento.test"},
    )


def test_new_powers_are_recorded(officer):
    desk = make_user(is_staff=True)
    permission = Permission.objects.get(codename="block_participant")
    values = user_values(desk, user_permissions=[permission.pk])
    officer.client.post(f"/admin/access/user/{desk.pk}/change/", values)
    (entry,) = entries()
    assert entry.before == {"user_permissions": []}
    assert entry.after == {"user_permissions": [str(permission)]}


def test_password_set_by_staff_is_recorded_without_it(officer, owner):
    url = f"/admin/access/user/{owner.user.pk}/password/"
    assert officer.client.get(url).status_code == 200
    values = {"password1": "another-good-password", "password2": "another-good-password", "usable_password": "true"}
    officer.client.post(url, values)
    owner.user.refresh_from_db()
    assert owner.user.check_password("another-good-password")
    (entry,) = entries()
    assert (entry.action, entry.before, entry.after) == ("access.user.password_changed", {}, {})
    assert officer.client.get("/admin/access/user/nonsense/password/").status_code in {302, 404}


def test_invitations_go_to_the_active_ones_that_were_selected(officer, owner):
    gone = make_user(is_active=False)
    selected = {"action": "send_invitations", "_selected_action": [owner.user.pk, gone.pk]}
    officer.client.post("/admin/access/user/", selected)
    assert [message.to for message in mail.outbox] == [["owner@vento.test"]]
    assert [entry.action for entry in entries()] == ["access.user.invited"]


def test_staff_give_nobody_powers_they_do_not_have(officer):
    """Who may change users must not become a superuser by it."""
    desk, client = staff_with("change_user", "view_user")
    target = make_user()
    for user in (target, desk):
        client.post(f"/admin/access/user/{user.pk}/change/", user_values(user, is_superuser="on", is_staff="on"))
        user.refresh_from_db()
    assert (target.is_staff, target.is_superuser) == (False, False)
    assert (desk.is_staff, desk.is_superuser) == (True, False)


@pytest.mark.parametrize("page", ["change", "password"])
def test_staff_take_over_no_colleague(officer, page):
    _desk, client = staff_with("change_user", "view_user")
    values = user_values(officer.user, email="mine@operator.test") | {"password1": "another-good-password"}
    values["password2"] = values["password1"]
    assert client.post(f"/admin/access/user/{officer.user.pk}/{page}/", values).status_code == 403
    selected = {"action": "send_invitations", "_selected_action": [officer.user.pk]}
    client.post("/admin/access/user/", selected)
    before = officer.user.email, officer.user.password
    officer.user.refresh_from_db()
    assert (officer.user.email, officer.user.password) == before
    assert not mail.outbox
    assert not entries()


def test_nobody_shuts_themselves_out(officer):
    values = user_values(officer.user)
    del values["is_active"], values["is_staff"]
    officer.client.post(f"/admin/access/user/{officer.user.pk}/change/", values)
    officer.user.refresh_from_db()
    assert (officer.user.is_active, officer.user.is_staff, officer.user.is_superuser) == (True, True, True)


def test_groups_are_the_superusers_business_and_recorded(officer):
    _desk, client = staff_with("change_group", "add_group", "view_group")
    assert client.post("/admin/auth/group/add/", {"name": "Desk"}).status_code == 403
    assert not Group.objects.exists()
    permission = Permission.objects.get(codename="block_participant")
    officer.client.post("/admin/auth/group/add/", {"name": "Desk", "permissions": [permission.pk]})
    (entry,) = entries()
    assert (entry.action, entry.after["permissions"]) == ("auth.group.created", [str(permission)])
    officer.client.post(f"/admin/auth/group/{Group.objects.get().pk}/delete/", {"post": "yes"})
    assert [each.action for each in entries()] == ["auth.group.created", "auth.group.deleted"]


@pytest.mark.parametrize("path", ["participant/", "user/", "auditentry/", "participant/add/", "user/add/"])
def test_pages_open_to_operations_alone(officer, owner, path):
    url = f"/admin/access/{path}"
    assert officer.client.get(url).status_code == (403 if path == "auditentry/add/" else 200)
    assert owner.client.get(url, follow=True).status_code == 403
    assert Client().get(url, follow=True).request["PATH_INFO"] == "/accounts/login/"
    _desk, without_permission = staff_with()
    assert without_permission.get(url).status_code == 403


def test_admin_has_no_sign_in_of_its_own(officer, db):
    answer = Client().get("/admin/login/", {"next": "/admin/"})
    assert answer["Location"].startswith("/accounts/login/?")
    answer = Client().post("/admin/login/", {"username": officer.user.email, "password": "a-good-long-password"})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?")


def test_snapshot_opens_no_sealed_column():
    """X-3"""
    webhook = make_webhook()
    snapshot = AuditedAdmin(Webhook, admin.site).take_snapshot(webhook)
    assert webhook.signing_secret.startswith("whsec_")
    assert "whsec_" not in str(snapshot)
    assert "request_uri" in snapshot
    assert not {"signing_secret", "auth_secrets"} & snapshot.keys()


def test_roles_have_the_names_of_the_house():
    assert Role.values == ["viewer", "technical", "administrator"]


def test_list_of_users_says_to_whom_they_belong(officer, owner, django_assert_max_num_queries):
    make_member(owner.user, make_participant(name="Serra"), "viewer")
    client = officer.client
    client.get("/admin/access/user/")
    # Session, user, its row, memberships; two counts, the page, its memberships and participants; groups to filter by.
    with django_assert_max_num_queries(10):
        page = client.get("/admin/access/user/").content.decode()
    assert '<td data-label="Participants" class="field-participants">Serra, Vento</td>' in page


def test_form_of_a_new_participant_shows_no_state_and_says_what_a_cnpj_is(officer):
    answer = officer.client.get("/admin/access/participant/add/")
    assert len(answer.context["adminform"].fieldsets) == 1
    assert "12.ABC.345/01DE-35" in answer.content.decode()
    page = f"/admin/access/participant/{make_participant().pk}/change/"
    assert len(officer.client.get(page).context["adminform"].fieldsets) == 2


def test_list_without_groups_says_what_one_is_for(officer):
    page = officer.client.get("/admin/auth/group/").content.decode()
    assert "Make the first group" in page
    Group.objects.create(name="Desk")
    assert "Make the first group" not in officer.client.get("/admin/auth/group/").content.decode()
