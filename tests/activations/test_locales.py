"""Each reader gets their own language, and their way with numbers and dates."""

from pathlib import Path

import pytest
from template_writing import COLUMN, content, shown, write
from test_rendering import CONTEXT, LINKS

from activations.channels.face import UnsendableError
from activations.templating.checks import check_templates
from activations.templating.rendering import Templates


@pytest.mark.parametrize(
    ("locale", "says"),
    [
        ("de", "€ auf Deutsch 1.234,50\xa0€ am 16. März"),
        ("de-DE", "€ auf Deutsch 1.234,50\xa0€ am 16. März"),
        ("de-CH", "€ auf Deutsch EUR\xa01’234.50 am 16. März"),
        ("de_AT.UTF-8", "€ auf Österreichisch €\xa01.234,50 am 16. März"),
        ("DE-at", "€ auf Österreichisch €\xa01.234,50 am 16. März"),
        ("en-GB", "€ in English €1,234.50 on 16 March"),
        ("en-US", "€ in English €1,234.50 on March 16"),
        ("fr", "€ in English €1,234.50 on 16 March"),
        (None, "€ in English €1,234.50 on 16 March"),
        ("", "€ in English €1,234.50 on 16 March"),
        ("../de", "€ in English €1,234.50 on 16 March"),
        ("xx-YY", "€ in English €1,234.50 on 16 March"),
    ],
)
def test_a_reader_gets_their_language_and_their_way_with_numbers(own: Path, locale: str | None, says: str) -> None:
    numbers = "{{ context.cart_value | money: 'EUR' }} {} {{ context.offer_until | date: 'day' }}"

    def text(language: str, on: str) -> str:
        return f"€ {language} {numbers.replace('{}', on, 1)}"

    templates = write(
        own,
        f"<mj-text>{text('in English', 'on')}</mj-text>",
        subject__de="Eigenes",
        body__de__mjml=COLUMN.format(f"<mj-text>{text('auf Deutsch', 'am')}</mj-text>"),
        body__de_AT__mjml="",
        sms="{{ context.order_total | money: 'EUR' }} and",
        sms__de="{{ context.order_total | money: 'EUR' }} und",
    )
    (own / "own" / "body.de_AT.mjml.liquid").unlink()
    (own / "own" / "body.de-AT.mjml.liquid").write_text(
        COLUMN.format(f"<mj-text>{text('auf Österreichisch', 'am')}</mj-text>")
    )
    rendered = shown(Templates(own), locale)
    assert content(rendered) == says
    assert says in rendered.html
    is_german = "auf" in says
    assert rendered.subject == ("Eigenes" if is_german else "Own")
    assert ("Hier abmelden" in rendered.text) == is_german
    assert ("hier abmelden" in rendered.html) == is_german
    assert ('lang="de' in rendered.html) == is_german
    message = templates.render_sms("own", contact={"locale": locale}, context=CONTEXT, message=LINKS)
    assert message.splitlines()[0].endswith("und" if is_german else "and")
    assert ("Abmelden" in message) == is_german


def test_a_language_that_is_not_whole_is_not_mixed_with_another(own: Path) -> None:
    templates = write(own, "<mj-text>x</mj-text>", preheader__de="nur das")
    with pytest.raises(UnsendableError, match=r"own lacks subject\.de\.liquid"):
        shown(templates, "de")
    assert shown(templates, "fr").subject == "Own"
    assert check_templates(templates, {"own": ()}) == ["template own lacks subject.de.liquid."]


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("day", "3. November"),
        ("month", "November 2025"),
        ("long", "3. November 2025"),
        ("short", "03.11.25"),
        ("%A, %-d. %b %Y %H:%M", "Montag, 3. Nov. 2025 09:00"),
    ],
)
def test_forms_of_dates(own: Path, form: str, says: str) -> None:
    source = f"<mj-text>{{{{ context.last_order_at | date: '{form}' }}}}</mj-text>"
    templates = write(own, source, subject__de="x", body__de__mjml=COLUMN.format(source))
    assert content(shown(templates, "de-DE")) == says


@pytest.mark.parametrize(
    ("value", "form"), [("yesterday", "day"), ("03/04/2026", "day"), ("now", "day"), ("2026-03-16", "dya")]
)
def test_what_is_no_date_is_not_guessed_at(own: Path, value: str, form: str) -> None:
    templates = write(own, f"<mj-text>{{{{ context.on | date: '{form}' }}}}</mj-text>")
    with pytest.raises(UnsendableError, match="own cannot be rendered"):
        shown(templates, on=value)
