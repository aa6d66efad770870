"""The providers whose webhooks the collector takes, by the name that ends their address."""

from collections.abc import Mapping

from activations.collector.providers import mailgun, meta, postmark, sendgrid, ses, twilio, vonage
from activations.collector.providers.face import Provider

PROVIDERS: Mapping[str, Provider] = {
    module.PROVIDER.name: module.PROVIDER
    for module in (
        mailgun,
        meta,
        postmark,
        sendgrid,
        ses,
        twilio,
        vonage,
    )
}
