"""What comes of many actions over a provider whose answers are unclear: 5 % each of time-outs, resets, 500 and 429.

Run it as `python tests/benchmarks/faulty_provider.py [--actions 100000] [--provider keyed|blind]`. It prints an
account, and leaves with an error if an action is missing from it or was done twice.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from activations.delivery.account import PARTS
from dagster_project.command.show import console, table

# what is shared with the tests stands beside them
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def main() -> None:
    from faulty import REPLIES, rehearse
    from rehearsal import Place

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actions", type=int, default=100_000)
    parser.add_argument("--provider", choices=["keyed", "blind"], action="append")
    options = parser.parse_args()
    rows = []
    for idempotency in options.provider or ["keyed", "blind"]:
        with TemporaryDirectory(prefix="hourbell-faulty-provider-") as folder:
            console.print(f"Delivering {options.actions:,} actions to a provider that is {idempotency} …")
            # a batch is as slow as its slowest answers
            rehearsed = rehearse(Place(Path(folder)), options.actions, idempotency, batch_size=5_000)
            rehearsed.check(idempotency)
        said = Counter(answer for answers in rehearsed.provider.calls.values() for answer in answers)
        account = {part: getattr(rehearsed.first, part) for part in PARTS if getattr(rehearsed.first, part)}
        told = ", ".join(f"{number:,} {part}" for part, number in account.items())
        faults = ", ".join(f"{said[fault]:,} {fault}" for fault in REPLIES)
        twice = sum(number > 1 for number in rehearsed.taken.values())
        rows.append([idempotency, sum(said.values()), faults, told, twice, rehearsed.first.seconds])
    table("Unclear answers", ["provider", "calls", "of them", "actions", "done twice", "seconds"], rows)


if __name__ == "__main__":
    main()
