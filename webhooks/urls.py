from django.urls import path

from webhooks import sample_views, secret_views, trial_views, views

app_name = "webhooks"

WEBHOOKS = "settings/integration/webhooks/"

urlpatterns = [
    path("profile/webhooks/", views.webhook_list, {"profile": True}, name="profile-webhook-list"),
    path(WEBHOOKS, views.webhook_list, name="webhook-list"),
    path(f"{WEBHOOKS}new/", views.webhook_create, name="webhook-create"),
    path(f"{WEBHOOKS}test/", trial_views.webhook_test, name="webhook-test"),
    path(f"{WEBHOOKS}<uuid:uuid>/edit/", views.webhook_edit, name="webhook-edit"),
    path(f"{WEBHOOKS}<uuid:uuid>/archive/", views.webhook_archive, name="webhook-archive"),
    path(f"{WEBHOOKS}<uuid:uuid>/receiver/", sample_views.webhook_receiver, name="webhook-receiver"),
    path(f"{WEBHOOKS}<uuid:uuid>/receiver/file/", sample_views.webhook_receiver_file, name="webhook-receiver-file"),
    path(f"{WEBHOOKS}<uuid:uuid>/secret/", secret_views.webhook_secret, name="webhook-secret"),
    path(f"{WEBHOOKS}<uuid:uuid>/secret/show/", secret_views.webhook_secret_show, name="webhook-secret-show"),
    path(f"{WEBHOOKS}<uuid:uuid>/secret/rotate/", secret_views.webhook_secret_rotate, name="webhook-secret-rotate"),
    path(f"{WEBHOOKS}<uuid:uuid>/secret/end/", secret_views.webhook_secret_end, name="webhook-secret-end"),
]
