import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils.html import format_html

from access import slots

TEMPLATE = Template('{% load slots %}[{% slot "tests_row_state" webhook=name %}]')


def show(**context):
    return TEMPLATE.render(Context(context))


def test_slot_that_nobody_filled_is_empty():
    assert show(name="a") == "[]"
    assert slots.call("tests_nothing", webhook="a") is None


def test_slot_shows_what_its_filler_answers_for_this_request():
    request = RequestFactory().get("/here/")

    def state(request, *, webhook):
        return format_html("<b>{} {}</b>", webhook, request.path)

    with slots.filled("tests_row_state", state):
        assert show(name="<a>", request=request) == "[<b>&lt;a&gt; /here/</b>]"
    assert show(name="a") == "[]"


def test_plain_text_of_a_filler_is_escaped():
    with slots.filled("tests_row_state", lambda request, *, webhook: f"<b>{webhook}</b>"):
        assert show(name="a") == "[&lt;b&gt;a&lt;/b&gt;]"


def test_filler_without_an_answer_leaves_the_slot_empty():
    with slots.filled("tests_row_state", lambda request, *, webhook: None):
        assert show(name="a") == "[]"


def test_slot_has_one_filler():
    with slots.filled("tests_one", len):
        slots.fill("tests_one", len)
        with pytest.raises(ValueError, match="already filled"):
            slots.fill("tests_one", max)
        assert slots.call("tests_one", [1, 2]) == 2
