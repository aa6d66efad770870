"""What is done once for many messages ends as if it were done for each."""

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st
from rehearsal import Place, email_channel

from activations.channel_delivery import _without
from activations.channels.face import UnsendableError

DOMAINS = (
    "shop.example",
    "X.Com",
    "a..b.com",
    "-a.de",
    "localhost",
    "1.2.3.4",
    "xn--a.de",
    f"{'b' * 64}.de",
    "bücher.de",
)


@given(st.text("aZ9._+-é ", max_size=70) | st.text("aZ", min_size=63, max_size=66), st.sampled_from(DOMAINS))
def test_an_address_is_valid_or_not_as_the_library_says(
    tmp_path_factory: pytest.TempPathFactory, local: str, domain: str
) -> None:
    address = f"{local}@{domain}"
    try:
        wanted = validate_email(
            address, allow_smtputf8=False, check_deliverability=False, test_environment=True
        ).ascii_email
    except EmailNotValidError:
        wanted = None
    channel = email_channel(Place(tmp_path_factory.getbasetemp()))
    try:
        found = channel.validate(address)
    except UnsendableError:
        found = None
    assert found == wanted


@pytest.mark.parametrize("said", ["250 for Ann@Shop.example", "for ann@ſhop.example", "ANN@SHOP.EXAMPLE"])
def test_an_address_is_taken_out_however_it_is_written(said: str) -> None:
    assert "nn@" not in (_without("ann@shop.example", said) or "").lower()


def test_what_names_no_address_stays_as_it_is() -> None:
    assert _without("ann@shop.example", "250 2.0.0 kept as 7") == "250 2.0.0 kept as 7"
