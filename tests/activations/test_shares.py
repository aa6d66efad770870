"""What the processes of a delivery read of the outbox: each batch is one's, whichever it is."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from activations.delivery import outbox
from activations.delivery.outbox import SCHEMA, OutboxFile, OutboxFileError, Share, outbox_file, read_actions

ACTIONS, SIZE = 25, 2


def a_file(folder: Path, channels: dict[int, str] | None = None) -> OutboxFile:
    rows = [
        {"action_id": number, "tick_end": datetime(2026, 3, 2), "channel": (channels or {}).get(number, "email")}
        for number in range(ACTIONS)
    ]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), folder / "email.parquet", row_group_size=10)
    return outbox_file(folder / "email.parquet", "email")


def numbers(file: OutboxFile, share: Share, first: int = 0) -> list[list[int]]:
    return [[action.action_id for action in batch] for batch in read_actions(file, SIZE, share, first)]


@pytest.mark.parametrize("at_once", [1, 5, 1_000])
@pytest.mark.parametrize("first", [0, 1, 4])
def test_each_batch_is_read_by_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, first: int
) -> None:
    monkeypatch.setattr(outbox, "_AT_ONCE", at_once)
    file = a_file(tmp_path)
    whole = numbers(file, Share(0, 1))
    assert [number for batch in whole for number in batch] == list(range(ACTIONS))
    for of in (2, 3):
        for number in range(of):
            expected = [batch for place, batch in enumerate(whole) if (place + first) % of == number]
            assert numbers(file, Share(number, of), first) == expected


def test_a_row_of_another_channel_stops_whoever_would_send_it(tmp_path: Path) -> None:
    file = a_file(tmp_path, {3: "sms"})
    assert len(numbers(file, Share(0, 2))) == 7
    with pytest.raises(OutboxFileError, match="holds action 3, which is for 'sms'"):
        numbers(file, Share(1, 2))
