"""The tags that every page uses."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.template import Context, Template, TemplateSyntaxError
from django.utils import timezone, translation

from access.templatetags import house

NOW = datetime(2026, 11, 19, 17, 32, tzinfo=UTC)  # 14:32 in Brasília


def render(text: str, **context: object) -> str:
    return Template("{% load house %}" + text).render(Context(context))


def test_icon_is_drawn_inline_and_hidden_from_screen_readers() -> None:
    drawn = render('{% icon "send" 16 %}')

    assert drawn.startswith('<svg class="icon icon-16 icon-send"')
    assert 'aria-hidden="true"' in drawn
    assert "style=" not in drawn
    assert drawn.count("<path") == 2


@pytest.mark.parametrize("name", ["no-such-icon", "../../css/gancho", ""])
def test_icon_that_does_not_exist_is_a_mistake_in_the_template(name: str) -> None:
    with pytest.raises(TemplateSyntaxError, match="no icon"):
        render("{% icon name %}", name=name)


def test_state_shows_icon_word_and_tone() -> None:
    shown = render('{% state tone="ok" icon="circle-check" word="Delivered" %}')

    assert 'class="state state-ok"' in shown
    assert "icon-circle-check" in shown
    assert "Delivered" in shown


def test_state_escapes_its_word() -> None:
    assert "&lt;b&gt;" in render('{% state tone="bad" icon="circle-x" word=word badge=False %}', word="<b>")


def test_state_of_an_unknown_tone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no tone"):
        render('{% state tone="green" icon="circle-check" word="Delivered" %}')


@pytest.mark.parametrize(
    ("moment", "style", "words"),
    [
        (NOW - timedelta(minutes=1), "near", "today 14:31"),
        (NOW - timedelta(days=1), "near", "yesterday 14:32"),
        (NOW + timedelta(days=1), "near", "tomorrow 14:32"),
        (NOW, "brief", "14:32"),
        (NOW, "time", "14:32:00"),
        (NOW - timedelta(seconds=4), "ago", "4 s ago"),
        (NOW - timedelta(minutes=87), "ago", "1 h ago"),
        (NOW + timedelta(seconds=175), "countdown", "02:55"),
        (NOW + timedelta(hours=2), "countdown", "2:00:00"),
        (NOW - timedelta(seconds=1), "countdown", "00:00"),
    ],
)
def test_when_says_it_in_the_zone_of_the_portal(moment: datetime, style: str, words: str) -> None:
    with time_machine.travel(NOW, tick=False), translation.override("en"):
        shown = render("{% when moment style %}", moment=moment, style=style)

    assert f">{words}</time>" in shown


def test_when_carries_the_exact_instant() -> None:
    with translation.override("en"):
        shown = render("{% when moment %}", moment=NOW)

    assert 'datetime="2026-11-19T14:32:00-03:00"' in shown
    assert "14:32:00 (UTC-03)" in shown


def test_when_nothing_happened_shows_a_dash() -> None:
    assert render("{% when moment %}", moment=None) == "–"


def test_full_date_is_written_small_in_portuguese() -> None:
    with translation.override("pt-br"):
        words = house._full(timezone.localtime(NOW))

    assert words.startswith("Quinta-feira, 19")
    assert "novembro" in words


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Vento Alto Energia", "VA"),
        ("Marina", "M"),
        ("Lia de Souza", "LS"),
        ("", "?"),
        ("3M do Brasil", "3B"),
        ("x", "X"),
    ],
)
def test_initials(name: str, letters: str) -> None:
    assert house.initials(name) == letters
