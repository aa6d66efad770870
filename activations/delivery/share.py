"""The processes of a delivery, born from one that has read all that they need; `delivery.processes` begins it.

python -m activations.delivery.share PIPE… < ERRAND
"""

import os
import pickle
import sys
from multiprocessing.connection import Connection
from typing import NoReturn

from activations.delivery.garbage import rarely_collected


def main(pipes: list[int]) -> NoReturn:
    """Have a process at each pipe, and wait for all of them."""
    # channels may come from where only the parent would look
    sys.path[:] = pickle.load(sys.stdin.buffer)
    with rarely_collected():
        # what is imported is no garbage, and would be looked through again and again
        from activations.delivery.outbox import Share
        from activations.delivery.processes import deliver_share

        errand, waiting, left_behind = pickle.load(sys.stdin.buffer)
    for place, pipe in enumerate(pipes):
        if os.fork() == 0:
            # whoever holds another's pipe would hide that it has died
            for other in pipes[place + 1 :]:
                os.close(other)
            with Connection(pipe) as parent:
                deliver_share(parent, errand, waiting, left_behind, Share(place, len(pipes)))
            _end()
        os.close(pipe)
    for _ in pipes:
        os.wait()
    _end()


def _end() -> NoReturn:
    """End without taking everything apart first, module by module: that takes a tenth of a second in each process."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main([int(pipe) for pipe in sys.argv[1:]])
