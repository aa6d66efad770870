"""The processes of a delivery, born from one that has read all that they need; `delivery.processes` begins it.

python -m activations.delivery.share PIPE… < ERRAND
"""

import os
import pickle
import sys
from multiprocessing.connection import Connection

from activations.delivery.outbox import Share
from activations.delivery.processes import deliver_share


def main(pipes: list[int]) -> None:
    """Have a process at each pipe, and wait for all of them."""
    # channels may come from where only the parent would look
    sys.path[:] = pickle.load(sys.stdin.buffer)
    errand, waiting, left_behind = pickle.load(sys.stdin.buffer)
    for place, pipe in enumerate(pipes):
        if os.fork() == 0:
            # whoever holds another's pipe would hide that it has died
            for other in pipes[place + 1 :]:
                os.close(other)
            with Connection(pipe) as parent:
                deliver_share(parent, errand, waiting, left_behind, Share(place, len(pipes)))
            return
        os.close(pipe)
    for _ in pipes:
        os.wait()


if __name__ == "__main__":
    main([int(pipe) for pipe in sys.argv[1:]])
