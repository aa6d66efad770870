"""Servers on loopback that take whatever comes, count it and forget it; each is a process of its own.

For HTTP they answer as the provider does that the address begins with, and 200 to all others; what they count are
messages, however many of them share a call.
"""

import asyncio
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

import uvloop

Kind = Literal["smtp", "http"]
HOST = "127.0.0.1"
_TICKS = os.sysconf("SC_CLK_TCK")
Reply = tuple[int, bytes]
"""How many messages a call brought, and what is said to it: status, headers and body."""


def said(body: bytes = b"", status: bytes = b"200 OK", headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, headers, len(body), body)


def values(body: bytes, name: bytes) -> list[bytes]:
    """The texts of a field wherever it stands in JSON; within another text its quotes would be escaped."""
    return [part[: part.index(b'"')] for part in body.split(b'"%b":"' % name)[1:]]


def fcm(path: bytes, body: bytes) -> Reply:
    if path.endswith(b"/token"):
        return 0, said(b'{"access_token":"sandbox","expires_in":3599,"token_type":"Bearer"}')
    return 1, said(b'{"name":"projects/example-shop/messages/0:1500415314455276%31bd1c96f9fd7ecd"}')


def twilio(path: bytes, body: bytes) -> Reply:
    return 1, said(b'{"sid":"SM00000000000000000000000000000000","status":"queued"}', b"201 Created")


def sendgrid(path: bytes, body: bytes) -> Reply:
    return 1, said(status=b"202 Accepted", headers=b"X-Message-Id: 14c5d75ce93.dfd.64b469\r\n")


def mailgun(path: bytes, body: bytes) -> Reply:
    return 1, said(b'{"id":"<20260302100000.1.15C0E8C4@mg.shop.example>","message":"Queued. Thank you."}')


def postmark(path: bytes, body: bytes) -> Reply:
    result = b'{"ErrorCode":0,"Message":"OK","MessageID":"b7bc2f4a-e38e-4336-af7d-e6c392c2f817","To":"%b"}'
    recipients = values(body, b"To")
    return len(recipients), said(b"[%b]" % b",".join(result % each for each in recipients))


def ses(path: bytes, body: bytes) -> Reply:
    messages = body.count(b'{"Destination":{')
    result = b'{"Status":"SUCCESS","MessageId":"0102018e-0000-4000-8000-000000000000-000000"}'
    return messages, said(b'{"BulkEmailEntryResults":[%b]}' % b",".join([result] * messages))


def hubspot(path: bytes, body: bytes) -> Reply:
    result = b'{"id":"501","properties":{},"objectWriteTraceId":"%b"}'
    traces = values(body, b"objectWriteTraceId")
    return len(traces), said(b'{"status":"COMPLETE","results":[%b]}' % b",".join(result % each for each in traces))


def meta(path: bytes, body: bytes) -> Reply:
    # a form, in which a list of two hashes ends so, and that of what they are of
    messages = body.count(b"%22%5D") - 1
    received = b'{"audience_id":"6000000000001","num_received":%d,"num_invalid_entries":0}' % messages
    return messages, said(received)


def webhook(path: bytes, body: bytes) -> Reply:
    return body.count(b'"id":"hourbell-') or 1, said()


_PROVIDERS: Mapping[bytes, Callable[[bytes, bytes], Reply]] = {
    b"fcm": fcm,
    b"hubspot": hubspot,
    b"mailgun": mailgun,
    b"meta": meta,
    b"postmark": postmark,
    b"sendgrid": sendgrid,
    b"ses": ses,
    b"twilio": twilio,
}


class SmtpSink(asyncio.Protocol):
    """As much of SMTP as a relay needs to say, with pipelining."""

    received = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._buffer = bytearray()
        self._takes_message = False
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        replies = []
        while True:
            if self._takes_message:
                end = self._buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                del self._buffer[: end + 5]
                self._takes_message = False
                SmtpSink.received += 1
                replies.append(b"250 taken\r\n")
                continue
            end = self._buffer.find(b"\r\n")
            if end < 0:
                break
            word = bytes(self._buffer[:4]).upper()
            del self._buffer[: end + 2]
            if word == b"DATA":
                self._takes_message = True
                replies.append(b"354 go on\r\n")
            elif word == b"EHLO":
                replies.append(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif word == b"QUIT":
                replies.append(b"221 bye\r\n")
            else:
                replies.append(b"250 fine\r\n")
        if replies:
            self._transport.write(b"".join(replies))


class HttpSink(asyncio.Protocol):
    """Answers every POST as whom its path begins with."""

    received = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answers = []
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end])
            at = head.lower().find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            whole = end + 4 + length
            if len(self._buffer) < whole:
                break
            path = head.split(b" ", 2)[1]
            answer = _PROVIDERS.get(path.split(b"/", 2)[1], webhook)
            messages, reply = answer(path, bytes(self._buffer[end + 4 : whole]))
            del self._buffer[:whole]
            HttpSink.received += messages
            answers.append(reply)
        if answers:
            self._transport.write(b"".join(answers))


def cpu_of(process: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def sink(kind: Kind) -> Iterator[tuple[int, Callable[[], int]]]:
    """Run a sink; gives its port, and what tells how many messages it has taken."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(kind, theirs), daemon=True)
    process.start()
    try:
        port = int(ours.recv())

        def received() -> int:
            ours.send("how many")
            return int(ours.recv())

        yield port, received
    finally:
        process.terminate()
        process.join()


def _serve(kind: Kind, asked: Connection) -> None:
    protocol: Any = {"smtp": SmtpSink, "http": HttpSink}[kind]

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(protocol, HOST, 0)
        asked.send(server.sockets[0].getsockname()[1])

        serving = asyncio.create_task(server.serve_forever())

        def tell() -> None:
            try:
                asked.recv()
            except EOFError:
                # who asked was killed
                serving.cancel()
                return
            asked.send(protocol.received)

        loop.add_reader(asked.fileno(), tell)
        await asyncio.wait([serving])

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
