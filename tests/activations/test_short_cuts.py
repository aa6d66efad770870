"""What is done once for many messages ends as if it were done for each."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from email import message_from_bytes, policy
from email.utils import format_datetime
from io import StringIO
from pathlib import Path
from shutil import copytree
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st
from liquid import BoundTemplate
from liquid.exceptions import LiquidError, LoopIterationLimitError
from markupsafe import escape
from rehearsal import Place, email_channel

from activations.carriers.mailgun import _quoted
from activations.channels.face import UnsendableError, json_object
from activations.crms.memory import Fact, Memory
from activations.delivery.delivery import TEMPLATES
from activations.delivery.reasons import without
from activations.mime import date, email_bytes
from activations.templating.environment import TemplateEnvironment
from activations.templating.manner import MANNER, Manner
from activations.templating.rendering import Templates
from activations.templating.tracking import AS_WRITTEN
from activations.texts import Same, Seal, Text, by_piece, escaped, once
from activations.transport.form_encoding import form_body

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
    assert "nn@" not in (without("ann@shop.example", said) or "").lower()


def test_what_names_no_address_stays_as_it_is() -> None:
    assert without("ann@shop.example", "250 2.0.0 kept as 7") == "250 2.0.0 kept as 7"


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


PIECES = (
    "a",
    " ",
    "\t",
    ".",
    "=",
    "\n",
    "\r",
    "é",
    "\x0b",
    "\x85",
    "From ",
    "x" * 75,
    "y" * 600,
    "\n--=_b",
    "\n--=_b--",
)


@given(
    st.lists(
        st.builds(str.__mul__, st.sampled_from(PIECES), st.integers(1, 80))
        | st.text(max_size=9)
        | st.text("aZ", min_size=70, max_size=80)
        | st.builds(Seal, st.text("aZ09-_", min_size=1, max_size=200)),
        max_size=14,
    )
)
@example(["x" * 76, "y" * 75, "é"])
@example([" " * 75])
@example([" " * 74, "0"])
@example(["..", "." * 80 + "\n..x"])
@example(["x" * 74 + " \n.a", "." + "y" * 75, "x" * 74 + "\t", ".", Seal("z" * 75), "."])
def test_a_part_that_is_encoded_by_the_piece_reads_as_it_was_written(pieces: list[str]) -> None:
    text = Text([Same(piece) if number % 2 and type(piece) is str else piece for number, piece in enumerate(pieces)])
    content = email_bytes({}, text=text, html="and nothing else", boundary="=_b")
    part, html = message_from_bytes(content, policy=policy.default).iter_parts()
    plain = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    assert part.get_payload(decode=True).decode().replace("\r\n", "\n") == f"{plain}\n"
    assert html.get_content().splitlines() == ["and nothing else"]
    lines = part.get_payload().replace("\r\n", "\n").split("\n")
    assert all(len(line) <= 76 and not line.endswith((" ", "\t")) and line[:1] != "." for line in lines)
    assert content.isascii()


NUMBERS = (
    "1.10",
    "1E5",
    "-0",
    "-0.0",
    "1e400",
    "1e-400",
    "9007199254740993.0",
    f"{10**30}",
    "NaN",
    "-Infinity",
    "01",
    "1.",
)


@pytest.mark.parametrize("parse_float", [float, Decimal])
@given(
    st.recursive(
        st.sampled_from(NUMBERS) | st.floats().map(json.dumps) | st.integers().map(str) | st.text().map(json.dumps),
        lambda inner: st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]"),
        max_leaves=6,
    )
)
@example('"a\tb"')
@example('"\\ud800"')
@example('1, "x": 2')
def test_columns_are_read_as_the_standard_library_does(
    parse_float: Callable[[str], float | Decimal], value: str
) -> None:
    text = f'{{"x": {value}}}'
    try:
        wanted = repr(json.loads(text, parse_float=parse_float))
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        with pytest.raises(UnsendableError, match="the column context holds half of a letter"):
            json_object("context", text, parse_float)
    except ValueError:
        with pytest.raises(UnsendableError, match="the column context holds no JSON"):
            json_object("context", text, parse_float)
    else:
        assert repr(json_object("context", text, parse_float)) == wanted


@given(st.text())
def test_markup_is_escaped_as_markupsafe_does(text: str) -> None:
    assert escaped(text) == str(escape(text))
    assert type(escaped(text)) is str


@given(st.datetimes())
def test_a_moment_is_dated_as_the_standard_library_does(moment: datetime) -> None:
    assert date(moment) == format_datetime(moment.replace(tzinfo=UTC))


def test_nothing_is_kept_of_what_is_not_the_same_in_every_message() -> None:
    made: list[str] = []

    def shouted(piece: str) -> str:
        made.append(piece)
        return piece.upper()

    shout = by_piece(shouted, str.title)
    same = Same("a")
    assert shout(Text((same, "b", same, "b", Seal("cd"), Seal("cd")))) == ["A", "B", "A", "B", "Cd", "Cd"]
    assert [shout(piece) for piece in (same, "a")] == [["A"], ["A"]]
    assert made == ["a", "b", "b", "a"]


def test_what_is_the_same_in_every_message_is_asked_once() -> None:
    asked: list[str] = []

    def is_short(text: str) -> bool:
        asked.append(text)
        return len(text) < 3

    ask, short, long = once(is_short), Same("a"), Same("abc")
    assert [ask(text) for text in (short, long, "abc", "a", short, long, "abc", "a")] == [True, False, False, True] * 2
    assert asked == ["a", "abc", "abc", "a", "abc", "a"]


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


SOURCES = (
    "Hi {{ contact.first_name }}, {{contact.first_name | upcase | append: '!' }} {{ contact['first_name'] }}",
    "{{ contact.nick | default: 'there' }} {{ contact.first_name | default: 'x', allow_false: true }}",
    "{{ contact.nick }}",
    "{{ contact.nick | upcase }}",
    "{{ nobody }}",
    "{{ contact.size }} {{ contact.nick.size }}",
    "{{ contact.nick.name }}",
    "{{ contact.size }}",
    "{{ context.map.size }}",
    "{{ contact.nick | first }}",
    "{{ contact.nick | last }}",
    "{{ contact.nick | join: ', ' }}",
    "{{ contact.nick | times: 2 }}",
    "{{ 3 | plus: contact.nick }}",
    "{{ contact.nick | sort | size }}",
    "{{ contact.contact.contact }}",
    "{{ context.list.last.size }} {{ context.map.size }} {{ context.map.nobody | default: context.map }}",
    "{{ nobody | default: 'x<' | upcase }} {{ contact.nick | default: contact.first_name }}",
    "{{ nobody.nick | default: contact.nick }}",
    "{% increment nobody %}{{ nobody }}{% if nobody == 1 %}a{% endif %}{% if nobody %}b{% endif %}",
    "{% if nobody.nick == 'x' %}a{% elsif nobody == 0 %}b{% elsif nobody %}c{% else %}d{% endif %}",
    "{% if nobody == nil %}a{% endif %}{% if contact.nick == false %}b{% endif %}",
    "{% if contact.nick != 'x' %}c{% endif %}",
    "{% isolated code: 'A<B', other: contact.nick %}{{ code }}{{ code | size }}{% if code == 'A<B' %}c{% endif %}"
    "{% if other %}d{% endif %}{% endisolated %}",
    "{% assign z = 'a<b' %}{{ z }}{{ 'a<b' | append: contact.first_name }}{{ 'a<b' | default: 'c' }}",
    "{{ context.count | default: 7 }}{{ context.void | default: 'v' }}",
    "{{ context.no | default: 'n', allow_false: true }}{{ context.no | default: 'n' }}",
    "{{ contact.first_name.size }} {{ context.list.size }} {{ context.list.first }} {{ context.list[1] }}",
    "{{ context.list | join: ', ' }} {{ context.list }} {{ context.map }} {{ context.yes }} {{ (1..3) }}",
    "{{ context.count | times: 2 | plus: context.price }} {{ context.price | money: 'EUR' }} {{ 'a<b' }} {{ 7 }}",
    "{{ context.price | money }}",
    "{{ context.day | date: 'long' }} {{ context.day | date: 'never' }}",
    "{{ 'x' | shout }}",
    "{{ contact.first_name | truncate }} {{ contact.first_name | slice: 1, 2 }} {{ 1 | divided_by: 0 }}",
    "{% if contact.first_name %}a{% elsif contact.nick %}b{% else %}c{% endif %}",
    "{% if contact.nick %}a{% elsif context.count == 3 %}b{% else %}c{% endif %}",
    "{% if context.count == 1 %}a{% elsif context.text == 'x' %}b{% elsif context.count == '3' %}c{% endif %}d",
    "{% if context.count == '3' %}a{% endif %}{% if context.text == 3 %}b{% endif %}",
    "{% if context.text == '' %}a{% endif %}{% if context.yes == true %}b{% endif %}",
    "{% if context.yes == 1 %}a{% endif %}{% if context.price == 49.9 %}b{% endif %}",
    "{% if context.list == empty %}a{% endif %}{% if contact.nick == nil %}b{% endif %}",
    "{% if context.price == 50 %}a{% endif %}{% if 3 == context.count %}b{% endif %}",
    "{% if contact.nick == 'x' %}a{% endif %}c",
    "{% if contact.first_name and context.count > 2 or contact.nick %}a{% endif %}",
    "{% if context.no %}a{% endif %}{% if context.yes %}b{% endif %}{% if context.count %}c{% endif %}",
    "{% if contact.first_name %}   {% endif %}|{% unless contact.nick %}a{% endunless %}",
    "{% assign contact = context.map %}{{ contact.first_name }}{% if contact.first_name == 'Mo' %}x{% endif %}",
    "{% capture z %}{{ context.text }}{% endcapture %}{{ z }}{% if z == 'x' %}y{% endif %}",
    "{% for each in context.list %}{{ each }}{% if each == 'two' %}{% break %}{% endif %}{% endfor %}",
    "{% for contact in context.list %}{{ contact }}{% if contact == 'one' %}1{% continue %}{% endif %}-{% endfor %}",
    "{% if contact.first_name %}{% break %}{% endif %}",
    "{% case context.count %}{% when 3 %}three{% else %}more{% endcase %}{% increment context %}{{ context.count }}",
    "{% linked page: 1 %}https://a.example/{{ contact.first_name | url_encode }}{% endlinked %}",
    "{% linked picture: 2 %}https://a.example/x?a=1&amp;b=2{% endlinked %}",
    "{% linked page: 3 %}{{ contact.first_name }}{% endlinked %}",
    "{% isolated one: contact.first_name %}{{ one }}{% if two %}{{ two }}{% endif %}{{ shop.name }}{% endisolated %}",
    "{% isolated one: contact.nick %}{{ one }}{% endisolated %}",
    "{% isolated one: context.void %}{{ one }}{% endisolated %}",
    "{% isolated %}{{ contact.first_name }}{% endisolated %}",
    "{% comment %}{{ nobody }}{% endcomment %}{% raw %}{{ 7 }}{% endraw %}{% cycle 'a', 'b' %}{{ now }}",
)
FIELDS: dict[Any, Any] = {
    "contact": {"first_name": "Zoë <b>'\"&"},
    "context": {
        "count": 3,
        "price": Decimal("49.90"),
        "list": ["one", "two", "three"],
        "map": {"first_name": "Mo"},
        "yes": True,
        "no": False,
        "text": "x",
        "void": " ",
        "day": "2026-03-16",
    },
    "shop": {"name": "Wren & Willow"},
    MANNER: Manner("en-GB", AS_WRITTEN),
}


def node_by_node(template: BoundTemplate, fields: dict[Any, Any]) -> str:
    """What Liquid itself makes of a template."""
    buffer = StringIO()
    template.render_with_context(template.context_class(template, globals=dict(fields)), buffer)
    return buffer.getvalue()


def outcome(render: Any, *given: Any) -> str:
    try:
        return str(render(*given))
    except LiquidError as error:
        return f"{type(error).__name__}: {error.message}"


@pytest.mark.parametrize("escaped", [True, False])
@pytest.mark.parametrize("source", SOURCES)
def test_a_template_in_pieces_ends_as_liquid_has_it(source: str, escaped: bool) -> None:
    template = TemplateEnvironment(autoescape=escaped).from_string(source)
    wanted = outcome(node_by_node, template, FIELDS)
    # nothing stays of one message in the next
    assert [outcome(template.render, FIELDS) for _ in range(2)] == [wanted, wanted]


def test_a_loop_within_a_block_counts_with_the_one_around_it() -> None:
    source = "{% for i in (1..200) %}{% isolated %}{% for k in (1..60) %}.{% endfor %}{% endisolated %}{% endfor %}"
    with pytest.raises(LoopIterationLimitError):
        TemplateEnvironment(autoescape=True).from_string(source).render(FIELDS)


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        ("Hi {{ contact.first_name }}", set()),
        ("{% if message.unsubscribe_url %}STOP{% endif %}", {"unsubscribe_url"}),
        ("{% isolated url: message['preferences_url'] %}{{ url }}{% endisolated %}", {"preferences_url"}),
        ("{% for each in message %}{{ each }}{% endfor %}", None),
        ("{{ message[contact.first_name] }}", None),
    ],
)
def test_the_links_are_known_that_a_template_may_ask_for(source: str, asked: set[str] | None) -> None:
    assert TemplateEnvironment(autoescape=False).from_string(source).asks_of_message == asked


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.text("a ~>\n<&=%+é€😀\0", max_size=40), max_size=4))
def test_a_form_is_what_urllib_makes_of_it(fields: dict[str, str]) -> None:
    assert form_body(fields) == urlencode(fields).encode()
    for text in fields.values():
        assert "".join(_quoted(Text([Same(text), text, Seal("a-_9"), Same(text)]))) == quote_plus(
            f"{text * 2}a-_9{text}"
        )


def test_one_and_true_are_not_the_same_to_a_crm(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "spool", "hub", b"key")
    now = datetime(2026, 3, 2)
    memory.told([Fact("ann", "score", 1)], now)
    assert memory.held([Fact("ann", "score", "1.0"), Fact("ann", "score", 1.0)], now) == {("ann", "score")}
    assert memory.held([Fact("ann", "score", True)], now) == set()
    memory.close()
