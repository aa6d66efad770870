"""The same flow with django-drip-campaigns; runs in the peer's own environment, which has nothing of ours.

Called with the number of users, the ports of the mail and web sinks, and a folder. Prints what it took as JSON.
"""

import json
import resource
import sys
import time
from datetime import timedelta

import django
import requests
from django.conf import settings

users, smtp_port, http_port, folder = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
settings.configure(
    SECRET_KEY="of a benchmark",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "drip"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/peer.sqlite"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DEFAULT_FROM_EMAIL="shop@shop.example",
    EMAIL_HOST="127.0.0.1",
    EMAIL_PORT=smtp_port,
    USE_TZ=True,
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    DRIP_MESSAGE_CLASSES={"webhook": "__main__.WebhookMessage"},
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402
from drip.drips import DripMessage  # noqa: E402
from drip.models import Drip, QuerySetRule  # noqa: E402

SESSION = requests.Session()


class WebhookMessage(DripMessage):
    """The package's own point of extension: what is sent is a call."""

    @property
    def message(self):  # type: ignore[no-untyped-def]
        return self

    def send(self) -> int:
        contact = {"id": self.user.pk, "email": self.user.email, "first_name": self.user.first_name}
        return int(SESSION.post(f"http://127.0.0.1:{http_port}/order_desk", json=contact, timeout=30).ok)


def rule(drip: Drip, field: str, lookup: str, value: str) -> None:
    QuerySetRule.objects.create(
        drip=drip, method_type="filter", field_name=field, lookup_type=lookup, field_value=value
    )


call_command("migrate", verbosity=0)
joined = timezone.now() - timedelta(days=1, hours=1)
User.objects.bulk_create(
    User(username=f"u{n}", email=f"person{n}@example.com", first_name=("Ann", "Bob")[n % 2], date_joined=joined)
    for n in range(users)
)
call = Drip.objects.create(
    name="call", enabled=True, subject_template="call", body_html_template="call", message_class="webhook"
)
rule(call, "date_joined", "lte", "now-1 hours")
for name in ("Ann", "Bob"):
    mail = Drip.objects.create(
        name=f"mail {name}",
        enabled=True,
        subject_template="Welcome {{ user.first_name }}",
        body_html_template="<h1>Hello {{ user.first_name }}</h1><p>Thank you for joining us.</p>" * 4,
    )
    # the wait, and the branch
    rule(mail, "date_joined", "lte", "now-1 days")
    rule(mail, "first_name", "exact", name)

used, started = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
call_command("send_drips")
seconds, now = time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF)
cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
sys.stdout.write(json.dumps({"contacts": users, "seconds": seconds, "cpu": cpu}) + "\n")
