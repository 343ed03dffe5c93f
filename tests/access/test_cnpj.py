import string
from contextlib import suppress

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from access.cnpj import CnpjRefused, compute_check_digits, format_cnpj, normalise, validate
from access.fields import CnpjFormField
from access.models import Participant

BASES = st.text(alphabet=string.digits + string.ascii_uppercase, min_size=12, max_size=12).filter(
    lambda base: base != "0" * 12
)


def refusal_of(text: str) -> str:
    with pytest.raises(CnpjRefused) as refused:
        validate(text)
    return refused.value.code


@pytest.mark.parametrize(
    "text",
    [
        "12ABC34501DE35",  # the example of the Receita Federal's technical note
        "12.abc.345/01de-35",
        " 12.ABC.345/01DE\u201335 ",
        "11222333000181",
        "00.000.000/0001-91",  # Banco do Brasil, the oldest number
        "33.000.167/0001-01",
    ],
)
def test_numeric_and_alphanumeric_numbers_are_taken_with_or_without_punctuation(text):
    assert validate(text) == normalise(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "cnpj_length"),
        ("1122233300018", "cnpj_length"),
        ("112223330001811", "cnpj_length"),
        ("12ABC34501DE3A", "cnpj_characters"),
        ("12ABC34501D_35", "cnpj_characters"),
        ("１1222333000181", "cnpj_characters"),
        ("12\u00dfC34501DE35", "cnpj_length"),
        ("12ABC34501DE36", "cnpj_check_digits"),
        ("11222333000118", "cnpj_check_digits"),
        ("00000000000000", "cnpj_check_digits"),
        ("11111111111111", "cnpj_check_digits"),
    ],
)
def test_anything_else_is_refused_with_its_reason(text, code):
    assert refusal_of(text) == code


@given(BASES)
def test_a_number_with_its_check_digits_survives_formatting(base):
    number = base + compute_check_digits(base)
    assert validate(format_cnpj(number)) == number
    assert validate(format_cnpj(number).lower()) == number


@given(BASES, st.integers(0, 13), st.data())
def test_one_wrong_character_is_noticed_when_its_value_differs_modulo_eleven(base, place, data):
    number = base + compute_check_digits(base)
    alphabet = string.digits if place > 11 else string.digits + string.ascii_uppercase
    other = data.draw(st.sampled_from(alphabet).filter(lambda char: (ord(char) - ord(number[place])) % 11))
    changed = number[:place] + other + number[place + 1 :]
    # Remainders 0 and 1 share the digit 0, so one of the two digits may miss it; both together do not.
    if compute_check_digits(changed[:12]) == changed[12:]:
        assert "0" in changed[12:]
    else:
        assert refusal_of(changed) == "cnpj_check_digits"


@given(st.text(max_size=40))
def test_no_text_breaks_the_check(text):
    with suppress(CnpjRefused):
        assert len(validate(text)) == 14


def test_the_form_field_takes_punctuation_and_shows_it():
    field = CnpjFormField()
    assert field.clean("12.abc.345/01de-35") == "12ABC34501DE35"
    assert field.prepare_value("12ABC34501DE35") == "12.ABC.345/01DE-35"
    with pytest.raises(ValidationError) as refused:
        field.clean("12.ABC.345/01DE-36")
    assert refused.value.error_list[0].code == "cnpj_check_digits"
    with pytest.raises(ValidationError) as refused:
        field.clean("  ")
    assert refused.value.error_list[0].code == "required"


def test_the_model_refuses_a_wrong_number_and_keeps_no_punctuation():
    participant = Participant(name="Vento", cnpj="11.222.333/0001-81")
    participant.clean_fields()
    assert participant.cnpj == "11222333000181"
    with pytest.raises(ValidationError) as refused:
        Participant(name="Vento", cnpj="11.222.333/0001-82").clean_fields()
    assert set(refused.value.message_dict) == {"cnpj"}
