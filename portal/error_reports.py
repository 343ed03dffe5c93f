"""What Django's error reports (its debug page, mails to administrators) may show."""

import re
from types import FrameType
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter


class Filter(SafeExceptionReporterFilter):
    """No variables and no posted values outside development; passwords inside addresses hidden everywhere.

    A frame of Django's own may hold a secret that somebody just typed, and no list of names covers that.
    """

    hidden_settings = re.compile(
        SafeExceptionReporterFilter.hidden_settings.pattern + r"|DATABASE_URL|CACHE_URL|EMAIL_URL|BROKER_URL|LOCATION",
        flags=re.IGNORECASE,
    )

    def is_active(self, request: HttpRequest | None) -> bool:
        """Always: what is marked as sensitive stays hidden on the debug page too."""
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> Any:
        if settings.DEBUG or request is None:
            return super().get_post_parameters(request)
        return dict.fromkeys(request.POST, self.cleansed_substitute)

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> Any:
        return super().get_traceback_frame_variables(request, tb_frame) if settings.DEBUG else []
