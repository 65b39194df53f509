"""Which traits are kept of a person."""

from typing import Any

import pytest

from features.traits import VALUE_CHARACTERS, kept_traits


@pytest.mark.parametrize("value", ["Graz", "", True, 3, -2.5, None, "x" * VALUE_CHARACTERS, "4711", "0316 123"])
def test_plain_values_are_kept(value: Any) -> None:
    assert kept_traits({"diet": value}) == {"diet": value}


@pytest.mark.parametrize(
    "value",
    [
        [1],
        {"a": 1},
        "x" * (VALUE_CHARACTERS + 1),
        "a\0b",
        2**80,
        "ann@shop.example",
        "write to ann@b.example",
        "+49 30 123456",
    ],
)
def test_what_is_nested_long_or_a_contact_is_not(value: Any) -> None:
    assert kept_traits({"diet": value}) == {}


@pytest.mark.parametrize(
    "name",
    ["email", "E-Mail", "first_name", "lastName", "Phone Number", "loyalty_card", "birthday", "", "x" * 101, "a\nb"],
)
def test_what_names_or_reaches_a_person_is_not(name: str) -> None:
    assert kept_traits({name: "x", "city": "Graz"}) == {"city": "Graz"}
