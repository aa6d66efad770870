"""What is done once for many messages ends as if it were done for each."""

import quopri
from pathlib import Path
from shutil import copytree

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st
from rehearsal import Place, email_channel

from activations.channels.face import UnsendableError
from activations.delivery.channel_delivery import _without
from activations.delivery.delivery import TEMPLATES
from activations.mime import email_bytes
from activations.templating.rendering import Templates

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


@pytest.fixture
def templates_with_subject(tmp_path: Path) -> Templates:
    copytree(TEMPLATES, tmp_path / "templates")
    for name, subject in (("greeting", "Hello {{ contact.first_name }}"), ("news", "All\n the news")):
        folder = tmp_path / "templates" / name
        folder.mkdir()
        (folder / "subject.liquid").write_text(subject)
        (folder / "body.html.liquid").write_text("<p>Hello</p>")
        (folder / "body.txt.liquid").write_text("Hello")
    return Templates(tmp_path / "templates")


PIECES = ("a", " ", "\t", ".", "=", "\n", "\r", "é", "\x0b", "\x85", "From ", "x" * 75, "y" * 600)


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_a_part_that_is_encoded_by_the_line_reads_as_it_was_written(text: str) -> None:
    content = email_bytes({}, text=text, html="", boundary="b").split(b"--b")[1].split(b"\r\n\r\n", 1)[1]
    plain = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    assert quopri.decodestring(content).decode().replace("\r\n", "\n") == f"{plain}\n\n"
    assert all(len(line) <= 76 for line in content.split(b"\r\n"))


def test_a_subject_is_kept_only_where_it_is_the_same_for_all(templates_with_subject: Templates) -> None:
    first, second = (
        templates_with_subject.render(
            name, contact={"first_name": who}, context={}, message={"preferences_url": "https://shop.example/p"}
        ).subject
        for name, who in (("greeting", "Ann"), ("greeting", "Bob"))
    )
    assert (first, second) == ("Hello Ann", "Hello Bob")
    assert (
        templates_with_subject.render(
            "news", contact={}, context={}, message={"preferences_url": "https://shop.example/p"}
        ).subject
        == "All the news"
    )
