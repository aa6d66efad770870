"""A file of rows for a partner, its manifest and the signature of that.

Ed25519 and not a shared secret: whoever can look whether a file is ours cannot make one. The signature is over the
manifest, which has the file's digest, and can be looked at without us:

    openssl pkeyutl -verify -pubin -inkey hourbell.pem -rawin -in X.manifest.json -sigfile X.manifest.json.sig
"""

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from activations.surfaces.drop_settings import ACTION_ID, Drop

MANIFEST, SIGNATURE = ".manifest.json", ".manifest.json.sig"
# what a spreadsheet would work out instead of showing it
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class DropFile:
    """What is put in a place under a name and two more that begin with it; the signature last."""

    drop: str
    name: str
    content: bytes = field(repr=False)
    manifest: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def drop_file(
    drop: Drop, columns: Sequence[str], rows: Sequence[Mapping[str, str]], as_of: datetime, key: bytes
) -> DropFile:
    """The file of some rows; the same rows give the same file under the same name."""
    content = _csv(columns, rows) if drop.format == "csv" else _parquet(columns, rows)
    digest = hashlib.sha256(content).hexdigest()
    name = f"{drop.name}-{as_of:%Y%m%dT%H%M%SZ}-{digest[:16]}.{drop.format}"
    signer = Ed25519PrivateKey.from_private_bytes(key)
    public = signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    manifest = json.dumps(
        {
            "file": name,
            "format": drop.format,
            "columns": list(columns),
            "rows": len(rows),
            "bytes": len(content),
            "sha256": digest,
            "key_id": hashlib.sha256(public).hexdigest()[:16],
        },
        indent=1,
    ).encode()
    return DropFile(drop.name, name, content, manifest, signer.sign(manifest))


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_plain(name, row.get(name, "")) for name in columns] for row in rows)
    return text.getvalue().encode()


def _plain(name: str, value: str) -> str:
    """A value that no spreadsheet takes for a formula; our own number is none."""
    return f"'{value}" if name != ACTION_ID and value.startswith(_FORMULA) else value


def _parquet(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> bytes:
    """Values as they are: nobody works out what stands in a column of texts."""
    table = pa.table({name: pa.array([row.get(name, "") for row in rows], pa.string()) for name in columns})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
