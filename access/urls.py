from django.urls import path

from access import views

app_name = "access"

urlpatterns = [
    path("participant/", views.participant_switch, name="participant-switch"),
    path("seeing/end/", views.seeing_end, name="seeing-end"),
    path("preferences/", views.preferences_update, name="preferences-update"),
]
