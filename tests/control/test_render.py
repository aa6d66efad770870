"""`hourbell render`: templates as HTML and as pictures, and a page of all of them."""

import json
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from activations.delivery.delivery import TEMPLATES
from dagster_project.render import browser
from dagster_project.render.browser import find_browser

needs_browser = pytest.mark.skipif(find_browser() is None, reason="Chromium is not installed")


@pytest.fixture
def run(run_command: Callable[..., tuple[int, str]]) -> Callable[..., str]:
    def rendered(*arguments: str) -> str:
        code, said = run_command("render", *arguments)
        assert code == 0, said
        return said

    return rendered


def size_of(picture: Path) -> tuple[int, int]:
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", content[16:24])
    return width, height


@needs_browser
def test_a_template_is_drawn_as_wide_as_a_phone_and_as_a_desktop(tmp_path: Path, run: Callable[..., str]) -> None:
    templates = tmp_path / "templates"
    shutil.copytree(TEMPLATES, templates)
    (templates / "own").mkdir()
    (templates / "own" / "subject.liquid").write_text("Own")
    (templates / "own" / "body.mjml.liquid").write_text(
        "{% for one in context.products %}{% render 'product', product: one, currency: one.currency %}{% endfor %}"
    )
    out = tmp_path / "out"
    said = run("own", "birthday_greeting", "--templates", str(templates), "--out", str(out))
    assert "Happy birthday, Alex" in said
    for name in ("own", "birthday_greeting"):
        phone, desktop = (size_of(out / f"{name}.{width}.png") for width in ("phone", "desktop"))
        assert (phone[0], desktop[0]) == (375, 1280)
        # the whole of it, to what is at its foot
        assert phone[1] > 400
        assert desktop[1] > 400
    page = (out / "index.html").read_text()
    assert page.count("<img") == 4
    assert "Happy birthday, Alex" in page
    assert not re.search(
        r"https?://", page.replace("https://links.shop.example", "").replace("https://shop.example", "")
    )


def test_without_a_browser_there_are_no_pictures_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., str]
) -> None:
    monkeypatch.setattr(browser, "_NAMES", ("no-such-browser",))
    said = run("cart_reminder", "--out", str(tmp_path), "--locale", "de-AT", "--context", '{"item_count": 1}')
    assert "apt install chromium" in said
    assert "Dein Fund wartet" in said
    assert not list(tmp_path.glob("*.png"))
    html, text = ((tmp_path / f"cart_reminder.de-AT.{form}").read_text() for form in ("html", "txt"))
    assert "Hallo Alex" in html
    assert "€" not in text
    assert "£\xa049,90" in text
    page = (tmp_path / "index.html").read_text()
    assert 'sandbox=""' in page
    assert page.count("<iframe") == 2


def test_every_language_is_shown_of_every_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., str]
) -> None:
    monkeypatch.setattr(browser, "_NAMES", ("no-such-browser",))
    said = run("--out", str(tmp_path))
    shown = {path.stem for path in tmp_path.glob("*.html")} - {"index"}
    names = {path.name for path in TEMPLATES.iterdir() if (path / "subject.liquid").exists()}
    assert shown == names | {"cart_reminder.de", "welcome_hello.de", "post_purchase_thanks.de"}
    assert "Willkommen bei Wren & Willow" in said


def test_what_is_given_stands_in_for_what_is_made_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., str]
) -> None:
    monkeypatch.setattr(browser, "_NAMES", ("no-such-browser",))
    run("cart_reminder", "--out", str(tmp_path), "--locale", "en", "--contact", json.dumps({"first_name": "<Zoë>"}))
    assert "Hi &lt;Zoë&gt;," in (tmp_path / "cart_reminder.en.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nothing"], "no template 'nothing'"),
        (["cart_reminder", "--context", '{"cart_id": null}'], "needs context.cart_id"),
        (["cart_reminder", "--context", "cart_id=1"], "--context is no JSON"),
        (["cart_reminder", "--contact", "[1]"], "--contact is no JSON object"),
        (["cart_reminder", "--locale", "../de"], "no locale"),
    ],
)
def test_what_cannot_be_rendered_is_named(
    tmp_path: Path, arguments: list[str], why: str, run_command: Callable[..., tuple[int, str]]
) -> None:
    code, said = run_command("render", *arguments, "--out", str(tmp_path / "out"))
    assert code == 1
    assert why in said
    assert not (tmp_path / "out" / "index.html").exists()
