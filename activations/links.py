"""Links in messages that say who follows them, and cannot be made up."""

import base64
import hmac
from urllib.parse import quote_plus

from activations.outbox import Action
from activations.shop import Shop

_SIGNATURE_BYTES = 15


def message_links(shop: Shop, action: Action, key: bytes) -> dict[str, str]:
    """Who gets a promotional message can leave its topic; what belongs to an order is sent regardless."""
    links = {"preferences_url": preferences_link(shop.preferences_url, action, key)}
    if action.topic_kind != "transactional":
        links["unsubscribe_url"] = unsubscribe_link(shop.unsubscribe_url, action, key)
    return links


def unsubscribe_link(url: str, action: Action, key: bytes) -> str:
    """The link by which this contact leaves this topic on this channel."""
    return _signed(
        url, f"c={action.contact_id}&on={quote_plus(action.channel)}&t={quote_plus(action.topic or '')}", key
    )


def preferences_link(url: str, action: Action, key: bytes) -> str:
    """The link by which this contact chooses what to get."""
    return _signed(url, f"c={action.contact_id}", key)


def _signed(url: str, query: str, key: bytes) -> str:
    digest = hmac.digest(key, query.encode(), "sha256")[:_SIGNATURE_BYTES]
    return f"{url}?{query}&s={base64.urlsafe_b64encode(digest).decode()}"
