"""What the processes of a delivery import before the first claim, which each delivery waits for."""

import subprocess
import sys

import pytest

PARTS = "import sys, activations.delivery.processes, activations.channels.{}; print(*sys.modules)"
SANDBOX = {"aiosmtpd", "aiohttp.web", "activations.sandbox.server", "activations.sandbox.http"}
SERVER = {"sqlalchemy.dialects.postgresql"}


@pytest.mark.parametrize(
    ("channel", "spared"),
    [
        ("email", {"aiohttp", "activations.carriers.ses", *SANDBOX, *SERVER}),
        ("webhook", {"liquid", "babel", "cryptography", "email_validator", *SANDBOX, *SERVER}),
    ],
)
def test_a_process_imports_no_more_than_its_channel_takes(channel: str, spared: set[str]) -> None:
    done = subprocess.run([sys.executable, "-c", PARTS.format(channel)], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert f"activations.channels.{channel}" in imported
    assert not spared & imported
