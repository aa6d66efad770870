"""What is pulled from a CRM lands as the contract has it."""

from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from activations.delivery.delivery import TEMPLATES
from activations.errors import HourbellError
from activations.sandbox import hubspot
from activations.sandbox.http import HttpSandbox
from activations.sandbox.records import Records
from activations.sandbox.reply import Reply
from activations.settings.profile import Profile, SmtpServer
from dagster_project.home import Home
from dagster_project.pull import pull_crms

NOW = datetime(2026, 3, 2, 10)


def test_what_is_pulled_lands_once_as_the_contract_has_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").prepare()
    moment = [NOW]

    def now() -> datetime:
        return moment[0]

    with HttpSandbox(home.sandbox, now=now) as sandbox:
        records = Records(home.sandbox)
        known = {"email": "ann@example.com", "firstname": "Ann", "lifecyclestage": "lead", "hs_email_optout": "true"}
        hubspot.write(records, "501", known, NOW)
        profile = Profile("sandbox", SmtpServer("127.0.0.1", 1), http_sandbox=sandbox.url)
        for _ in range(2):
            moment[0] += timedelta(minutes=5)
            (pulled,) = pull_crms(home, profile, "hubspot", now=now, templates=TEMPLATES)
        records.close()
    assert (pulled.crm, pulled.records, pulled.contacts) == ("crm", 1, 0)
    (contact,) = pl.concat(pl.read_parquet(file) for file in home.landing.glob("contacts/*.parquet")).to_dicts()
    assert (contact["user_id"], contact["source"], contact["first_name"]) == ("hubspot:501", "crm", "Ann")
    assert (contact["occurred_at"], contact["loaded_at"]) == (NOW, NOW + timedelta(minutes=5))
    (consent,) = pl.concat(pl.read_parquet(file) for file in home.landing.glob("consents/*.parquet")).to_dicts()
    assert (consent["email"], consent["topic"], consent["status"]) == ("ann@example.com", "all", "withdrawn")
    assert not list(home.spool.rglob("*.parquet"))


def test_one_crm_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").prepare()
    templates = tmp_path / "templates"
    templates.mkdir()
    for path in TEMPLATES.iterdir():
        if path.name != "crm.yml":
            (templates / path.name).symlink_to(path)
    sales = "{platform: salesforce, url: 'https://shop.my.salesforce.com', client: 3MVG9, object: Contact"
    known = "id_property: Shop_Id__c, known_by: user_id}"
    hub = "{platform: hubspot, id_property: email, known_by: email}"
    # the broken ones first, and one that is not
    (templates / "crm.yml").write_text(f"one: {sales}, {known}\ntwo: {sales}, {known}\nhub: {hub}\n")

    def refused(name: str) -> Reply | None:
        return Reply(401) if "oauth2" in name else None

    with HttpSandbox(home.sandbox, now=lambda: NOW, before=refused) as sandbox:
        with closing(Records(home.sandbox)) as records:
            hubspot.write(records, "501", {"email": "ann@example.com", "firstname": "Ann"}, NOW)
        profile = Profile("sandbox", SmtpServer("127.0.0.1", 1), http_sandbox=sandbox.url)
        with pytest.raises(HourbellError) as raised:
            pull_crms(home, profile, now=lambda: NOW + timedelta(minutes=5), templates=templates)
    assert [line.partition(" ")[0] for line in str(raised.value).splitlines()] == ["one", "two"]
    (contact,) = pl.concat(pl.read_parquet(file) for file in home.landing.glob("contacts/*.parquet")).to_dicts()
    assert contact["first_name"] == "Ann"


def test_a_crm_that_is_not_there_is_explained(tmp_path: Path) -> None:
    profile = Profile("sandbox", SmtpServer("127.0.0.1", 1), http_sandbox="http://127.0.0.1:1")
    with pytest.raises(HourbellError, match="names no CRM 'till'"):
        pull_crms(Home(tmp_path / "home").prepare(), profile, "till")
