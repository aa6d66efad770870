"""By what providers' webhooks are believed, as the environment states it."""

from collections.abc import Mapping
from pathlib import Path

from activations.errors import HourbellError

_SECRETS = "HOURBELL_INBOUND_"
_CERTIFICATES = f"{_SECRETS}SNS_CERTIFICATES_FILE"
_TWILIO = "HOURBELL_TOKEN_TWILIO"


def provider_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Secrets by name: HOURBELL_INBOUND_SENDGRID is SENDGRID. Raises HourbellError where a file cannot be read.

    Twilio signs with the same token by which we send, so that it need not be set twice.
    """
    secrets = {
        name.removeprefix(_SECRETS): value
        for name, value in environment.items()
        if name.startswith(_SECRETS) and name != _CERTIFICATES and value.strip()
    }
    if token := environment.get(_TWILIO, "").strip():
        secrets.setdefault("TWILIO", token)
    if file := environment.get(_CERTIFICATES, "").strip():
        try:
            secrets["SNS_CERTIFICATES"] = Path(file).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            raise HourbellError(f"{_CERTIFICATES} names {file}, which cannot be read: {error}. Mend it.") from error
    return secrets
