from django.urls import path

from connections import key_pair_views, run_views, views

app_name = "connections"

CONNECTIONS = "settings/integration/connections/"
KEY_PAIRS = f"{CONNECTIONS}certificates/"

urlpatterns = [
    path(CONNECTIONS, views.connection_list, name="connection-list"),
    path(f"{CONNECTIONS}new/", views.connection_choose, name="connection-choose"),
    path(f"{CONNECTIONS}new/<slug:kind>/", views.connection_create, name="connection-create"),
    path(f"{CONNECTIONS}<uuid:uuid>/", views.connection_detail, name="connection-detail"),
    path(f"{CONNECTIONS}<uuid:uuid>/edit/", views.connection_edit, name="connection-edit"),
    path(f"{CONNECTIONS}<uuid:uuid>/archive/", views.connection_archive, name="connection-archive"),
    path(f"{CONNECTIONS}<uuid:uuid>/credentials/", run_views.connection_run, name="connection-run"),
    path(f"{CONNECTIONS}runs/<uuid:uuid>/", run_views.run_detail, name="run-detail"),
    path(f"{CONNECTIONS}runs/<uuid:uuid>/token/", run_views.run_token_show, name="run-token-show"),
    path(KEY_PAIRS, key_pair_views.key_pair_list, name="key-pair-list"),
    path(f"{KEY_PAIRS}new/", key_pair_views.key_pair_create, name="key-pair-create"),
    path(f"{KEY_PAIRS}<uuid:uuid>/", key_pair_views.key_pair_detail, name="key-pair-detail"),
    path(f"{KEY_PAIRS}<uuid:uuid>/replace/", key_pair_views.key_pair_replace, name="key-pair-replace"),
    path(f"{KEY_PAIRS}<uuid:uuid>/archive/", key_pair_views.key_pair_archive, name="key-pair-archive"),
]
