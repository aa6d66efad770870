"""WhatsApp: the requests beside those of a client that is in wide use, and what Meta's codes mean."""

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pywa import WhatsApp
from pywa.types.templates import BodyText, TemplateLanguage, URLButton
from rehearsal import NOW, Place, counted, whatsapp_action, write_outbox
from sqlalchemy import create_engine, text

from activations.channels import whatsapp
from activations.channels.face import Setting, UnsendableError
from activations.delivery.account import DeliveryAccount
from activations.delivery.delivery import TEMPLATES
from activations.delivery.outbox import Action
from activations.errors import HourbellError
from activations.holds.sample import sample_of
from activations.sandbox.http import HttpSandbox
from activations.sandbox.reply import Reply
from activations.sandbox.webhooks import webhooks
from activations.settings.profile import Profile, SmtpServer

LIVE = Profile("live", SmtpServer("", 0), link_key=b"0123456789abcdef", tokens={"WHATSAPP": "hush"})


def channel(profile: Profile | None = None, templates: Path = TEMPLATES) -> whatsapp.WhatsAppChannel:
    known = profile or Profile("sandbox", SmtpServer("127.0.0.1", 1), http_sandbox="http://127.0.0.1:1")
    return whatsapp.open_channel(Setting(known, lambda: NOW, Path(), templates))


def said(templates: Path = TEMPLATES, **changes: Any) -> dict[str, Any]:
    action = Action(**whatsapp_action(1, **changes))
    return dict(json.loads(channel(templates=templates).render(action, "hourbell-1").content))


def own_templates(folder: Path, written: str = "", settings: str = "") -> Path:
    """Those that ship, and a template of ours."""
    own = folder / "templates"
    own.mkdir()
    for path in TEMPLATES.iterdir():
        if path.name != whatsapp.FILE or not settings:
            (own / path.name).symlink_to(path)
    if settings:
        (own / whatsapp.FILE).write_text(settings)
    (own / "ours").mkdir()
    (own / "ours" / "whatsapp.yml").write_text(written)
    return own


def deliver(
    place: Place, actions: int, before: Callable[[str], Reply | None] | None = None, *, again: bool = False
) -> tuple[DeliveryAccount, Counter[str]]:
    """Deliver messages; the account, and how often the sandbox was called for each number."""
    if not again:
        write_outbox(place.outbox, [whatsapp_action(number) for number in range(actions)], channel="whatsapp")
    return counted(place, before)


def test_a_client_in_wide_use_makes_the_same_request(place: Place) -> None:
    write_outbox(place.outbox, [whatsapp_action(1)], channel="whatsapp")
    with HttpSandbox(place.received, now=lambda: NOW) as sandbox:
        place.deliver(1, webhooks=sandbox.url)
        session = httpx.Client()
        client = WhatsApp(phone_id="100000000000000", token="sandbox", session=session, api_version="23.0")
        session.base_url = httpx.URL(f"{sandbox.url}/whatsapp/v23.0")
        client.send_template(
            to="447700900001",
            name="cart_reminder",
            language=TemplateLanguage.ENGLISH_UK,
            params=[
                BodyText.params(first_name="Ann", cart_value="£49.90"),
                URLButton.params(url_variable="cart/cart-1", index=0),
            ],
            tracker="hourbell-7000000000000000001",
        )
        ours, theirs = webhooks(place.received)

    def plain(body: bytes) -> dict[str, Any]:
        known = dict(json.loads(body))
        for component in known["template"]["components"]:
            # some write kinds in capitals, and the place of a button as a number
            component["type"] = component["type"].lower()
            component["sub_type"] = component.get("sub_type", "").lower()
            component["index"] = str(component.get("index", ""))
        return known

    assert plain(ours.body) == plain(theirs.body)
    for name in ("authorization", "content-type"):
        headers = [{key.lower(): value for key, value in each.headers.items()} for each in (ours, theirs)]
        assert headers[0][name] == headers[1][name]


def test_a_message_names_an_approved_template_and_what_goes_into_it() -> None:
    assert said() == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "447700900001",
        "type": "template",
        "template": {
            "name": "cart_reminder",
            "language": {"code": "en_GB"},
            "components": [
                {
                    "type": "body",
                    "parameters": [
                        {"type": "text", "parameter_name": "first_name", "text": "Ann"},
                        {"type": "text", "parameter_name": "cart_value", "text": "£49.90"},
                    ],
                },
                {
                    "type": "button",
                    "sub_type": "url",
                    "index": "0",
                    "parameters": [{"type": "text", "text": "cart/cart-1"}],
                },
            ],
        },
        "biz_opaque_callback_data": "hourbell-1",
    }


def test_values_are_data_and_break_no_line() -> None:
    known = said(profile=json.dumps({"first_name": "{{7*7}}\n\t- [x]:     y"}))
    assert known["template"]["components"][0]["parameters"][0]["text"] == "{{7*7}} - [x]: y"


def test_a_release_shows_what_goes_into_the_template() -> None:
    sample = sample_of(Action(**whatsapp_action(1)), TEMPLATES, NOW)
    assert sample.subject == "cart_reminder (en_GB)"
    assert "body: first_name Ann" in sample.text


@pytest.mark.parametrize(
    ("written", "components"),
    [
        ("name: hello\nlanguage: de", None),
        ("name: hello\nlanguage: de\nbody: [1, '{{ contact.first_name }}']", [("body", ["1", "Ann"])]),
        ("name: hello\nlanguage: pt_BR\nheader: ['{{ shop.name }}']", [("header", ["Wren & Willow"])]),
        (
            "name: hello\nlanguage: de\nbuttons: [{payload: stop}, {code: SPRING}]",
            [("button", ["stop"]), ("button", ["SPRING"])],
        ),
    ],
    ids=["plain", "in order", "header", "buttons"],
)  # fmt: skip
def test_templates_have_what_they_were_approved_with(
    tmp_path: Path, written: str, components: list[tuple[str, list[str]]] | None
) -> None:
    known = said(own_templates(tmp_path, written), template="ours")["template"]
    found = [
        (each["type"], [parameter[parameter["type"]] for parameter in each["parameters"]])
        for each in known.get("components", [])
    ]
    assert found == (components or [])
    assert all(
        "parameter_name" not in parameter for each in known.get("components", []) for parameter in each["parameters"]
    )


def faults() -> Iterator[tuple[str, str]]:
    yield "name: Hello\nlanguage: de", "must have `name`"
    yield "name: hello\nlanguage: german", "must have `language`"
    yield "name: hello\nlanguage: de\ncolour: red", "has colour, which no template has"
    yield "name: hello\nlanguage: de\nbody: {a: '{{ contact.nickname }}'}", "needs contact.nickname"
    yield "name: hello\nlanguage: de\nbody: ['{% if false %}x{% endif %}']", "parameter 1 is empty"
    yield f"name: hello\nlanguage: de\nbody: ['{'x' * 1_025}']", "more than 1,024 characters"
    yield "name: hello\nlanguage: de\nbody: text", "must be a list of texts"
    yield "name: hello\nlanguage: de\nbuttons: [{page: a}]", "each must have one of url, payload, code"
    yield "name: [hello", "is not valid YAML"
    yield "name: hello\nlanguage: de\nbody: ['{{ contact.']", "is not valid Liquid"


@pytest.mark.parametrize(("written", "reason"), faults())
def test_what_cannot_be_sent_says_why(tmp_path: Path, written: str, reason: str) -> None:
    with pytest.raises(UnsendableError, match=reason):
        said(own_templates(tmp_path, written), template="ours")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"address": None}, "no telephone number"),
        ({"address": "07700 900123"}, "with its country"),
        ({"context": "{}"}, "needs context.cart_value"),
        ({"template": "cart_reassurance"}, "template cart_reassurance lacks whatsapp.yml"),
        ({"template": None}, "no template is named"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnsendableError, match=reason):
        said(**changes)


def refusal(status: int, code: int, **headers: str) -> Reply:
    known = {"error": {"message": f"(#{code}) No to 447700900000", "type": "OAuthException", "code": code}}
    return Reply(status, headers, json.dumps(known))


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        # of the message or its recipient
        (refusal(400, 131026), "rejected"),
        (refusal(400, 131047), "rejected"),
        (refusal(400, 131049), "rejected"),
        (refusal(400, 131050), "rejected"),
        (refusal(404, 132001), "rejected"),
        (refusal(400, 132015), "rejected"),
        (refusal(400, 100), "rejected"),
        # too often: the same person, the number, the account
        (refusal(400, 131056), "failed"),
        (refusal(400, 130429), "waiting"),
        (refusal(429, 80007), "waiting"),
        (refusal(400, 4, **{"Retry-After": "0"}), "failed"),
        # of us
        (refusal(401, 190), "waiting"),
        (refusal(400, 131042), "waiting"),
        (refusal(403, 200), "waiting"),
        (refusal(403, 131031), "waiting"),
        (refusal(400, 131048), "waiting"),
        # of nobody knows what
        (refusal(400, 131000), "unknown"),
        (refusal(500, 131016), "unknown"),
        (refusal(503, 2), "failed"),
        (Reply(0), "unknown"),
    ],
    ids=lambda value: f"{value.status} {value.text[24:31]}" if isinstance(value, Reply) else None,
)
def test_each_answer_has_its_outcome(place: Place, reply: Reply, part: str) -> None:
    account, _ = deliver(place, 1, lambda to: reply)
    assert getattr(account, part) == 1, account
    assert "7700" not in str(account.reasons)


def test_one_person_who_gets_too_much_does_not_hold_up_the_rest(place: Place) -> None:
    account, _ = deliver(place, 30, lambda to: refusal(400, 131056) if to.endswith("07") else None)
    assert (account.accepted, account.failed) == (29, 1)


def test_an_account_that_asks_too_often_is_left_alone(place: Place) -> None:
    account, calls = deliver(place, 120, lambda to: refusal(400, 130429))
    assert account.waiting == 120
    assert sum(calls.values()) <= 64
    assert deliver(place, 120, again=True)[0].accepted == 120


def test_messages_reach_the_sandbox_once(place: Place) -> None:
    account, calls = deliver(place, 20, lambda to: Reply(0) if to.endswith("7") else None)
    assert (account.accepted, account.unknown, set(calls.values())) == (18, 2, {1})
    with create_engine(place.journal_url).connect() as journal:
        recorded = journal.execute(text("select provider_message_id from journal where status = 'accepted'")).scalars()
        assert set(recorded) == {each.webhook_id for each in webhooks(place.received)}
    again, calls = deliver(place, 20, again=True)
    assert (again.already_settled, calls) == (20, Counter())


def test_the_sandbox_refuses_what_meta_does(place: Place) -> None:
    write_outbox(place.outbox, [whatsapp_action(1, address="+15005559999")], channel="whatsapp")
    with HttpSandbox(place.received, now=lambda: NOW) as sandbox:
        account = place.deliver(1, webhooks=sandbox.url)
    assert account.rejected == 1
    assert any("131026" in reason for reason in account.reasons), account.reasons


def test_a_number_that_cannot_be_is_explained(tmp_path: Path) -> None:
    for number, (written, told) in enumerate(
        (
            ("", "must hold `phone_number_id`"),
            ('phone_number_id: "1234567"', "must hold `phone_number_id`"),
            ('phone_number_id: "1234567"\nversion: 23', "as in v23.0"),
            ('phone_number_id: "+447700"\nversion: v23.0', "must hold `phone_number_id`"),
        )
    ):
        (tmp_path / str(number)).mkdir()
        own = own_templates(tmp_path / str(number), settings=written or "# nothing")
        with pytest.raises(HourbellError, match=told):
            channel(templates=own)


def test_a_live_profile_wants_its_own_number_and_token(tmp_path: Path) -> None:
    with pytest.raises(HourbellError, match="still names the example number"):
        channel(LIVE)
    own = own_templates(tmp_path, settings='phone_number_id: "123456789"\nversion: v23.0')
    opened = channel(dataclasses.replace(LIVE, rates={"whatsapp": 20.0}), own)
    assert opened.url == "https://graph.facebook.com/v23.0/123456789/messages"
    assert (opened.rate, channel(LIVE, own).rate) == (20.0, 80.0)
    assert "hush" not in repr(opened)
    with pytest.raises(HourbellError, match="HOURBELL_TOKEN_WHATSAPP"):
        channel(dataclasses.replace(LIVE, tokens={}), own)
