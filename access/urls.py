from django.urls import path

from access import session_views, views

app_name = "access"

urlpatterns = [
    path("participant/", views.participant_switch, name="participant-switch"),
    path("seeing/end/", views.seeing_end, name="seeing-end"),
    path("profile/sessions/", session_views.session_list, name="session-list"),
    path("profile/sessions/end/", session_views.session_end_others, name="session-end-others"),
    path("profile/sessions/<uuid:uuid>/end/", session_views.session_end, name="session-end"),
    path("preferences/", views.preferences_update, name="preferences-update"),
]
