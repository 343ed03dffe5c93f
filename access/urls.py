from django.urls import path

from access import views

app_name = "access"

urlpatterns = [
    path("participant/", views.participant_switch, name="participant-switch"),
    path("preferences/", views.preferences_update, name="preferences-update"),
]
