"""What shrinking Tabler's style sheet leaves, and what it takes out."""

import re

import pytest
from django.conf import settings

from tests.toolchain.shrink_tabler import CLASS, KEPT, is_kept, shrink, split_selectors

STATIC = settings.BASE_DIR / "static"


def test_rules_of_other_classes_go_and_elements_and_variables_stay() -> None:
    css = ':root{--a:1}a,.btn,.navbar .btn{color:red}@media (width>1px){.navbar{top:0}}@media print{.card{top:"}"}}'
    assert shrink(css) == ':root{--a:1}a,.btn{color:red}@media print{.card{top:"}"}}'


def test_charset_comments_and_fonts_stay_and_animations_that_nobody_plays_go() -> None:
    css = '@charset "UTF-8";/*! a{b} */@keyframes spin{to{top:0}}@keyframes idle{to{top:0}}.icon{animation:1s spin}'
    kept = '@charset "UTF-8";/*! a{b} */@keyframes spin{to{top:0}}.icon{animation:1s spin}'
    assert shrink(css) == kept


@pytest.mark.parametrize(
    ("selector", "kept"),
    [
        (".btn:not(.navbar):hover", True),
        (".btn:not(:is(.a,.b)) .icon", True),
        ("[class*='.navbar'] a", True),
        (".btn.navbar", False),
        (r".col-1\.5", False),
        ("a:is(.navbar)", False),
    ],
)
def test_every_class_that_a_selector_asks_for_is_ours(selector: str, kept: bool) -> None:
    assert is_kept(selector) is kept


def test_selectors_are_split_at_the_outer_commas_only() -> None:
    assert split_selectors("a:is(b,c),d[e=',']") == ["a:is(b,c)", "d[e=',']"]


def test_sheet_that_is_served_holds_our_classes_and_no_others() -> None:
    css = (STATIC / "vendor/tabler/tabler.min.css").read_text()
    selectors = re.findall(r"(?:^|[{}])([^{}@]+)(?={)", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
    # A class inside of `:not()` is none of ours.
    found = {name for each in selectors if is_kept(each) for name in CLASS.findall(re.sub(r":not\([^)]*\)", "", each))}

    assert found <= KEPT
    assert found >= {"btn", "card", "icon", "table"}
    assert shrink(css) == css
