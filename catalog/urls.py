"""Addresses of the catalogue on the portal."""

from django.urls import path

from catalog import views
from catalog.download_urls import urlpatterns as download_patterns

app_name = "catalog"

urlpatterns = [
    *download_patterns,
    path("publications/", views.publication_list, name="publication-list"),
    path("publications/<uuid:uuid>/file", views.publication_file, name="publication-file"),
    path("publications/products/<uuid:uuid>/", views.product_detail, name="product-detail"),
]
