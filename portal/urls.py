"""The whole address map: the only place that knows every app."""

from django.contrib import admin
from django.urls import include, path

handler429 = "portal.unavailable.too_many_requests"
handler500 = "portal.unavailable.server_error"

urlpatterns = [
    path("accounts/", include("access.account_urls")),
    path("", include("portal.page_urls")),
    path("", include("access.urls")),
    path("", include("catalog.urls")),
    path("", include("connections.urls")),
    path("", include("webhooks.urls")),
    path("", include("dispatch.urls")),
    path("admin/", admin.site.urls),
]
