"""A webhook channel to endpoints that take many in one call; apart, so that a process that opens it reads no more."""

from dataclasses import replace

from activations.channels import webhook
from activations.channels.face import Channel, Setting

BATCH = 250


def open_batches(setting: Setting) -> Channel:
    single = webhook.open_channel(setting)
    endpoints = {name: replace(endpoint, batch=BATCH) for name, endpoint in single.endpoints.items()}
    return webhook.in_batches(replace(single, endpoints=endpoints))
