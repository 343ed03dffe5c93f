"""Addresses of the portal's own pages; portal/urls.py puts them beside everyone else's."""

from django.urls import path

from portal import health, metrics, views
from portal.demo_received import demo_received
from portal.help import views as help_pages

app_name = "portal"

urlpatterns = [
    path("", views.home, name="home"),
    path("profile/", views.profile, name="profile"),
    path("settings/", views.settings, name="settings"),
    path("settings/integration/", views.integration, name="integration"),
    path("help/", help_pages.help_home, name="help-home"),
    path("help/receiving/", help_pages.help_receiving, name="help-receiving"),
    path("help/formats/", help_pages.help_formats, name="help-formats"),
    path("help/retries/", help_pages.help_retries, name="help-retries"),
    path("help/failures/", help_pages.help_failures, name="help-failures"),
    path("demo/received/", demo_received, name="demo-received"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("health/delivering", health.delivering, name="health-delivering"),
    path("metrics", metrics.metrics, name="metrics"),
]
