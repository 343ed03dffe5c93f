"""Addresses of the pages of operations, for the admin site, which asks for staff in front of each."""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from portal.operations import views


def build_urls(admin_view: Callable[[Any], Any]) -> list[URLPattern]:
    return [
        path("operations/", admin_view(views.overview), name="operations"),
        path("operations/jobs/", admin_view(views.jobs), name="operations_jobs"),
        path("operations/jobs/<str:task>/run/", admin_view(views.job_run), name="operations_job_run"),
        path("operations/jobs/<str:task>/pause/", admin_view(views.job_pause), name="operations_job_pause"),
        path("operations/jobs/<str:task>/resume/", admin_view(views.job_resume), name="operations_job_resume"),
    ]
