"""The shop that writes: its name and addresses, as shop.yml beside the templates states them."""

from dataclasses import asdict, dataclass, fields
from email.utils import parseaddr
from pathlib import Path

import yaml
from email_validator import EmailNotValidError, validate_email

from activations.errors import HourbellError

FILE = "shop.yml"
EXAMPLES = (".example", ".test", ".invalid", "example.com", "example.org", "example.net")


@dataclass(frozen=True)
class Shop:
    """Who writes. Templates know it as `shop`."""

    name: str
    address: str
    """The postal address, which every promotional message must show."""
    url: str
    sender: str
    """The address that mail comes from."""
    unsubscribe_url: str
    preferences_url: str
    tracking_url: str
    """Where the collector is reached: pictures that tell of opens, and links that tell of clicks, begin with it."""
    currency: str

    def as_fields(self) -> dict[str, str]:
        return asdict(self)

    @property
    def is_example(self) -> bool:
        """Whether it still is the one that comes with the checkout."""
        return self.sender.endswith(EXAMPLES)


def read_shop(templates: Path) -> Shop:
    """Read shop.yml in the templates' folder; raises HourbellError naming what is wrong in it."""
    path = templates / FILE
    try:
        stated = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HourbellError(f"{path} cannot be read: {error.strerror}. It says who writes; put it there.") from error
    except yaml.YAMLError as error:
        raise HourbellError(f"{path} is not valid YAML: {error}") from error
    names = [field.name for field in fields(Shop)]
    if not isinstance(stated, dict):
        raise HourbellError(f"{path} holds no settings. Give it {', '.join(names)}.")
    for name in names:
        value = stated.get(name)
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise HourbellError(f"{path} needs `{name}` as one line of text.")
    if unknown := stated.keys() - set(names):
        raise HourbellError(f"{path} has settings that nothing reads: {', '.join(sorted(unknown))}. Remove them.")
    shop = Shop(**stated)
    try:
        validate_email(shop.sender, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise HourbellError(f"{path}: `sender` is no e-mail address: {error}") from error
    if parseaddr(shop.sender)[1] != shop.sender:
        raise HourbellError(f"{path}: `sender` is the bare address; the name before it is `name`.")
    for link in ("url", "unsubscribe_url", "preferences_url", "tracking_url"):
        if not stated[link].startswith("https://"):
            raise HourbellError(f"{path}: `{link}` must begin with https://")
    return shop
