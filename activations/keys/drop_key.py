"""The key that signs files for partners."""

from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from activations.errors import HourbellError

DROP_KEY_FILE = "HOURBELL_DROP_KEY_FILE"


def drop_key(environment: Mapping[str, str]) -> bytes | None:
    """The key in the file that the environment names; None where it names none. Raises HourbellError."""
    path = environment.get(DROP_KEY_FILE, "").strip()
    if not path:
        return None
    try:
        key = load_pem_private_key(Path(path).read_bytes(), password=None)
    except OSError as error:
        raise HourbellError(f"{DROP_KEY_FILE} cannot be read: {error.strerror}: {path}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # what is wrong with a key is not to be told with the key
        raise HourbellError(f"{DROP_KEY_FILE} holds no private key in PEM without a password: {path}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise HourbellError(f"{DROP_KEY_FILE} must hold an Ed25519 key: {path}")
    return key.private_bytes_raw()
