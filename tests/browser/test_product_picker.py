"""The products of a webhook's form: all of a long list can be reached."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.factories import make_macro_process, make_process, make_product
from tests.people import Person
from tests.webhooks.pages import url

SignIn = Callable[[Person], None]

OUT_OF_REACH = """box => {
  const room = box.getBoundingClientRect();
  return [...box.querySelectorAll(".picker-product")].filter(line => {
    const place = line.getBoundingClientRect();
    return place.left < room.left || place.right > room.right + 1;
  }).length;
}"""


@pytest.mark.parametrize("width", [1280, 1440, 360])
def test_no_product_of_a_long_list_stands_beside_the_box(
    page: Page, sign_in: SignIn, owner: Person, width: int
) -> None:
    for number in range(6):
        process = make_process(name=f"Processo {number}", macro_process=make_macro_process(name=f"Macro {number}"))
        for each in range(9):
            make_product(process=process, name=f"Produto {number}-{each}")
    sign_in(owner)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(url("webhook-create"))

    picker = page.locator("#picker")
    assert picker.locator(".picker-product").count() == 54
    assert picker.evaluate(OUT_OF_REACH) == 0
    assert picker.evaluate("box => box.scrollWidth <= box.clientWidth")
    last = picker.locator(".picker-product").last
    last.scroll_into_view_if_needed()
    assert picker.evaluate("box => box.scrollLeft") == 0
    last.get_by_role("checkbox").check()
