"""Apps and models bear Portuguese names in the administration's menu: a model without one is named as in the code."""

from typing import Any

import pytest
from django.contrib import admin
from django.utils import translation

# The same word in both languages, as the guides use it.
SAME_WORD = {"webhook", "webhooks"}


def names_of(model: Any, language: str) -> list[str]:
    options = model._meta
    with translation.override(language):
        return [
            str(each).lower()
            for each in (options.app_config.verbose_name, options.verbose_name, options.verbose_name_plural)
        ]


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda model: model._meta.label)
def test_names_of_the_administration_are_portuguese(model: Any) -> None:
    pairs = zip(names_of(model, "en"), names_of(model, "pt-br"), strict=True)
    assert [english for english, ours in pairs if english == ours and english not in SAME_WORD] == []


def test_words_that_stay_the_same_are_still_there() -> None:
    """A word that is left in the list would hide the next model of that name."""
    found = {name for model in admin.site._registry for name in names_of(model, "en")}
    assert found >= SAME_WORD
