"""The one route that needs no session: included by the portal's map and by that of the download workers."""

from django.urls import path

from catalog.downloads import download

app_name = "catalog"

urlpatterns = [
    path("d/<str:token>", download, name="download"),
]
