"""Requests beside those of the vendors' own libraries: what both send to the same sandbox has to be the same."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from crm_place import AUDIENCES, CRMS
from rehearsal import NOW, Place

from activations.ad_platforms.face import Hashes
from activations.ad_platforms.registry import PLATFORMS
from activations.ad_platforms.settings import read_audiences
from activations.channels.batches import Entry
from activations.channels.face import Message, Setting
from activations.crms.face import Cursor, Properties, Task
from activations.crms.hubspot_reading import OF_DEALS
from activations.crms.registry import CRMS as OPEN
from activations.crms.settings import read_crms
from activations.sandbox import http, salesforce
from activations.sandbox import hubspot as hubspot_sandbox
from activations.sandbox.http import HttpSandbox
from activations.sandbox.records import Asked, Records
from activations.sandbox.reply import ProviderAnswer, Reply

HASH = "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345"


@dataclass(frozen=True)
class Request:
    """What matters of a request."""

    method: str
    path: str
    query: Mapping[str, str]
    content: Any


def content_of(asked: Asked) -> Any:
    """A body as it is meant, whichever order its fields are in."""
    try:
        return json.loads(asked.body)
    except ValueError:
        form = dict(parse_qsl(asked.body.decode()))
        return {name: json.loads(value) if value[:1] in "{[" else value for name, value in form.items()}


class Vendor:
    """The sandbox of one provider, and what it was asked."""

    def __init__(self, url: str, setting: Setting, asked: list[Asked]) -> None:
        self.url, self.setting, self.asked = url, setting, asked

    def taken(self) -> list[Request]:
        """The requests since the last time, without those for tokens."""
        asked, self.asked[:] = list(self.asked), []
        return [
            Request(each.method, each.path, dict(each.query), content_of(each))
            for each in asked
            if not each.path.endswith("/token")
        ]

    def run(self, work: Any) -> Any:
        return asyncio.run(work)


@contextmanager
def vendor(name: str, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    asked: list[Asked] = []
    play = http.PLAYERS[name]

    def noted(each: Asked, records: Records, now: datetime) -> ProviderAnswer:
        asked.append(each)
        return play(each, records, now)

    monkeypatch.setattr(http, "PLAYERS", {**http.PLAYERS, name: noted})
    (tmp_path / "crm.yml").write_text(CRMS)
    (tmp_path / "audiences.yml").write_text(AUDIENCES)
    with HttpSandbox(place.received, now=lambda: NOW) as sandbox:
        setting = Setting(place.profile(1, webhooks=sandbox.url), lambda: NOW, place.spool, tmp_path)
        yield Vendor(f"{sandbox.url}/{name}", setting, asked)


def entry(content: Any, number: int = 1) -> Entry:
    return Entry(content, [Message(number, f"hourbell-{number}", "hub", b"")])


@pytest.fixture
def hub(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    with vendor("hubspot", place, tmp_path, monkeypatch) as opened:
        with closing(Records(place.received)) as records:
            hubspot_sandbox.write(records, "501", {"email": "ann@example.com"}, NOW)
        yield opened


def test_hubspots_library_makes_the_same_requests(hub: Vendor) -> None:
    client = pytest.importorskip("hubspot", reason="needs the extra vendors").Client(access_token="sandbox")
    client.config["host"] = hub.url
    from hubspot.crm import contacts
    from hubspot.crm.objects import tasks

    hubspot: Any = OPEN["hubspot"](hub.setting, read_crms(hub.setting.templates)["hub"])

    async def ours() -> None:
        await hubspot.update([entry(Properties("ann@example.com", {"stage": "customer", "score": 7}))])
        await hubspot.enlist("1001", [entry("ann@example.com")], member=True)
        await hubspot.enlist("1001", [entry("ann@example.com")], member=False)
        await hubspot.create([entry(Task("ann@example.com", "Call", "About it", NOW, "sales@shop.example"))])
        await hubspot.changed(Cursor(NOW), ["lifecyclestage"])
        await hubspot.close()

    hub.run(ours())
    own = hub.taken()

    read = contacts.BatchReadInputSimplePublicObjectId(
        id_property="email",
        inputs=[contacts.SimplePublicObjectId(id="ann@example.com")],
        properties=["email"],
        properties_with_history=[],
    )
    upsert = contacts.SimplePublicObjectBatchInputUpsert(
        id="ann@example.com",
        id_property="email",
        properties={"stage": "customer", "score": "7"},
        object_write_trace_id="hourbell-1",
    )
    client.crm.contacts.batch_api.upsert(contacts.BatchInputSimplePublicObjectBatchInputUpsert(inputs=[upsert]))
    for change in (client.crm.lists.memberships_api.add, client.crm.lists.memberships_api.remove):
        client.crm.contacts.batch_api.read(read)
        change(list_id="1001", request_body=["501"])
    client.crm.contacts.batch_api.read(read)
    client.crm.owners.owners_api.get_page(limit=500)
    link = tasks.PublicAssociationsForObject(
        to=tasks.PublicObjectId(id="501"),
        types=[tasks.AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=204)],
    )
    task = tasks.SimplePublicObjectBatchInputForCreate(
        properties={
            "hs_timestamp": "2026-03-02T10:00:00.000Z",
            "hs_task_subject": "Call",
            "hs_task_body": "About it",
            "hs_task_status": "NOT_STARTED",
            "hs_task_type": "TODO",
            "hubspot_owner_id": "101",
        },
        associations=[link],
        object_write_trace_id="hourbell-1",
    )
    client.crm.objects.tasks.batch_api.create(tasks.BatchInputSimplePublicObjectBatchInputForCreate(inputs=[task]))
    search = contacts.PublicObjectSearchRequest(
        filter_groups=[
            contacts.FilterGroup(
                filters=[contacts.Filter(property_name="lastmodifieddate", operator="GTE", value="1772445600000")]
            )
        ],
        sorts=[{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}],
        properties=["lastmodifieddate", "lifecyclestage"],
        limit=200,
    )
    client.crm.contacts.search_api.do_search(search)
    theirs = hub.taken()
    assert [plain(request) for request in theirs] == [plain(request) for request in own]


def test_hubspots_library_reads_deals_and_what_was_deleted_alike(hub: Vendor) -> None:
    client = pytest.importorskip("hubspot", reason="needs the extra vendors").Client(access_token="sandbox")
    client.config["host"] = hub.url
    from hubspot.crm import contacts, deals
    from hubspot.crm.associations import v4

    with closing(Records(hub.setting.spool.parent / "sandbox")) as records:
        hubspot_sandbox.write_deal(records, "901", {"dealname": "A table"}, "501", NOW)
        hubspot_sandbox.write_deal(records, "902", {"dealname": "A chair"}, "501", NOW)
        hubspot_sandbox.delete(records, hubspot_sandbox.DEALS, "902", NOW)
    hubspot: Any = OPEN["hubspot"](hub.setting, read_crms(hub.setting.templates)["hub"])

    async def ours() -> None:
        await hubspot.deals(Cursor(NOW), ["email"])
        await hubspot.gone(Cursor(NOW), ["email"])
        await hubspot.gone_deals(Cursor(NOW), ["email"])
        await hubspot.close()

    hub.run(ours())
    own = hub.taken()

    since = deals.Filter(property_name="hs_lastmodifieddate", operator="GTE", value="1772445600000")
    search = deals.PublicObjectSearchRequest(
        filter_groups=[deals.FilterGroup(filters=[since])],
        sorts=[{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}],
        properties=["hs_lastmodifieddate", *OF_DEALS],
        limit=200,
    )
    assert client.crm.deals.search_api.do_search(search).results[0].id == "901"
    asked = v4.BatchInputPublicFetchAssociationsBatchRequest(inputs=[v4.PublicFetchAssociationsBatchRequest(id="901")])
    [linked] = client.crm.associations.v4.batch_api.get_page("deals", "contacts", asked).results
    assert [str(each.to_object_id) for each in linked.to] == ["501"]
    read = contacts.BatchReadInputSimplePublicObjectId(
        inputs=[contacts.SimplePublicObjectId(id="501")],
        properties=["lastmodifieddate", "email"],
        properties_with_history=[],
    )
    client.crm.contacts.batch_api.read(read)
    client.crm.contacts.basic_api.get_page(limit=100, properties=["email"], archived=True)
    gone = client.crm.deals.basic_api.get_page(
        limit=100, properties=list(OF_DEALS), associations=["contacts"], archived=True
    )
    assert [(each.id, each.archived) for each in gone.results] == [("902", True)]
    client.crm.contacts.batch_api.read(read)
    assert [in_one_list(plain(request)) for request in hub.taken()] == [in_one_list(plain(request)) for request in own]


def in_one_list(request: Request) -> Request:
    """A list is told with commas, or as often as it is long; HubSpot takes both."""
    query = {name: value.lower() for name, value in request.query.items() if name != "properties"}
    return replace(request, query=query)


def plain(request: Request) -> Request:
    """Without what a library puts in that says nothing."""
    query = {name: value for name, value in request.query.items() if (name, value) != ("archived", "False")}
    return replace(request, query={name: value for name, value in query.items() if value != "false"})


@pytest.fixture
def org(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    with vendor("salesforce", place, tmp_path, monkeypatch) as opened:
        with closing(Records(place.received)) as records:
            salesforce.write(records, "Contact", "003000000000001", {"Shop_Id__c": "u1", "LastName": "Lee"}, NOW)
            records.put(salesforce.TOKENS, {"session": True})
        yield opened


def test_salesforces_library_makes_the_same_requests(org: Vendor) -> None:
    library = pytest.importorskip("simple_salesforce", reason="needs the extra vendors")
    ours: Any = OPEN["salesforce"](org.setting, read_crms(org.setting.templates)["sales"])

    async def work() -> None:
        await ours.update([entry(Properties("u1", {"Tier__c": "gold"}))])
        await ours.owners()
        await ours.changed(Cursor(NOW), ["Tier__c"])
        await ours.gone(Cursor(NOW), ["Tier__c"])
        await ours.enlist("701000000000001", [entry("u1")], member=True)
        await ours.enlist("701000000000001", [entry("u1")], member=False)
        await ours.create([entry(Task("u1", "Call", "About it", NOW, None))])
        await ours.close()

    org.run(work())
    own = org.taken()

    there = library.Salesforce(instance_url=org.url, session_id="session", version="64.0")
    # the library only knows https
    there.base_url = f"{org.url}/services/data/v64.0/"
    record = {"attributes": {"type": "Contact"}, "Shop_Id__c": "u1", "Tier__c": "gold"}
    said = {"allOrNone": False, "records": [record]}
    there.restful("composite/sobjects/Contact/Shop_Id__c", method="PATCH", json=said)
    there.query("SELECT Id, Email FROM User WHERE IsActive = true")
    since = library.format_soql("{}", NOW.replace(tzinfo=UTC))
    assert since == "2026-03-02T10:00:00+00:00"
    there.query(
        "SELECT Id, SystemModstamp, Tier__c FROM Contact WHERE SystemModstamp >= 2026-03-02T10:00:00.000Z "
        "ORDER BY SystemModstamp ASC, Id ASC LIMIT 2000"
    )
    there.query(
        "SELECT Id, SystemModstamp, Tier__c FROM Contact WHERE IsDeleted = true AND "
        "SystemModstamp >= 2026-03-02T10:00:00.000Z ORDER BY SystemModstamp ASC, Id ASC LIMIT 2000",
        include_deleted=True,
    )
    theirs = org.taken()
    assert theirs == own[:4]
    # names are quoted as the library quotes them
    from activations.crms.salesforce import _quoted

    for name in ("O'Brien", 'a "b"', "back\\slash", "u1"):
        assert library.format_soql("{}", name).replace('\\"', '"') == _quoted(name)


def changes(vendor: Vendor, name: str, entries: Sequence[Entry]) -> list[Request]:
    platform = read_audiences(vendor.setting.templates)[name]
    opened: Any = PLATFORMS[platform.platform](vendor.setting, platform)

    async def work() -> None:
        for member in (True, False):
            await opened.change(entries, member=member)
        await opened.close()

    vendor.run(work())
    return vendor.taken()


def test_metas_library_makes_the_same_requests(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("facebook_business", reason="needs the extra vendors")
    from facebook_business.adobjects.customaudience import CustomAudience
    from facebook_business.api import FacebookAdsApi
    from facebook_business.session import FacebookSession

    with vendor("meta", place, tmp_path, monkeypatch) as meta:
        own = changes(meta, "lapsed_buyers", [entry(Hashes(HASH, "")), entry(Hashes("", HASH))])
        monkeypatch.setattr(FacebookSession, "GRAPH", meta.url)
        session = FacebookSession("app", "sandbox", "sandbox")
        audience = CustomAudience("600", api=FacebookAdsApi(session, "v25.0"))
        users, schema = [[HASH, ""], ["", HASH]], ["EMAIL", "PHONE"]
        told = own[0].content["session"]
        for change in (audience.add_users, audience.remove_users):
            change(schema, users, is_raw=True, pre_hashed=True, session=told)
        theirs = meta.taken()
    # ours shows the token in a header, which Meta takes as well and no log keeps
    assert [said(request) for request in theirs] == [said(request) for request in own]
    assert {request.content["appsecret_proof"] for request in own} == {
        {**request.query, **(request.content or {})}["appsecret_proof"] for request in theirs
    }


def said(request: Request) -> tuple[str, str, Any, Any]:
    form = {**{name: parse(value) for name, value in request.query.items()}, **(request.content or {})}
    return request.method, request.path, form["payload"], form["session"]


def parse(value: str) -> Any:
    return json.loads(value) if value[:1] in "{[" else value


def test_googles_library_makes_the_same_requests(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("google.ads.datamanager_v1", reason="needs the extra vendors")
    from google.ads import datamanager_v1 as library
    from google.ads.datamanager_v1.services.ingestion_service.transports.rest import IngestionServiceRestTransport
    from google.auth.credentials import AnonymousCredentials

    with vendor("google_ads", place, tmp_path, monkeypatch) as google:
        own = changes(google, "lapsed_google", [entry(Hashes(HASH, "")), entry(Hashes(HASH, HASH))])
        parts = urlsplit(google.url)
        monkeypatch.setattr(http, "PLAYERS", {**http.PLAYERS, "v1": noted_as_v1(google)})
        transport = IngestionServiceRestTransport(
            host=parts.netloc, url_scheme="http", credentials=AnonymousCredentials()
        )
        client = library.IngestionServiceClient(transport=transport)
        account = library.ProductAccount(account_type="GOOGLE_ADS", account_id="1234567890")
        login = library.ProductAccount(account_type="GOOGLE_ADS", account_id="99")
        members = [
            library.AudienceMember(user_data=library.UserData(user_identifiers=known))
            for known in (
                [library.UserIdentifier(email_address=HASH)],
                [library.UserIdentifier(email_address=HASH), library.UserIdentifier(phone_number=HASH)],
            )
        ]
        to = [library.Destination(operating_account=account, login_account=login, product_destination_id="700")]
        client.ingest_audience_members(
            library.IngestAudienceMembersRequest(
                destinations=to,
                audience_members=members,
                consent=library.Consent(ad_user_data="CONSENT_GRANTED", ad_personalization="CONSENT_GRANTED"),
                encoding="HEX",
                terms_of_service=library.TermsOfService(customer_match_terms_of_service_status="ACCEPTED"),
            )
        )
        client.remove_audience_members(
            library.RemoveAudienceMembersRequest(destinations=to, audience_members=members, encoding="HEX")
        )
        theirs = google.taken()
    # the library writes what is chosen of a list by its number
    assert [numbered(request, library) for request in theirs] == [numbered(request, library) for request in own]
    assert [request.path for request in own] == ["/v1/audienceMembers:ingest", "/v1/audienceMembers:remove"]


def noted_as_v1(vendor: Vendor) -> Any:
    """The library has no place for a path before its own, and writes numbers where we write names."""

    def played(asked: Asked, records: Records, now: datetime) -> ProviderAnswer:
        vendor.asked.append(replace(asked, path=f"/v1{asked.path}"))
        return ProviderAnswer("", Reply(200, {"content-type": "application/json"}, '{"requestId": "1"}'))

    return played


def numbered(request: Request, library: Any) -> tuple[str, str, Any]:
    kind = library.IngestAudienceMembersRequest if "ingest" in request.path else library.RemoveAudienceMembersRequest
    # as the vendor's own contract reads it, which refuses what it does not know
    return request.method, request.path, kind.to_dict(kind.from_json(json.dumps(request.content)))
