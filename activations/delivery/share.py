"""The processes of a delivery, born from one that has read all that they need; `delivery.processes` begins it.

python -m activations.delivery.share PIPE…
"""

import os
import sys
from multiprocessing.connection import Connection

from activations.channels import registry  # noqa: F401
from activations.delivery.processes import deliver_share


def main(pipes: list[int]) -> None:
    """Have a process at each pipe, and wait for all of them."""
    for place, pipe in enumerate(pipes):
        if os.fork() == 0:
            # whoever holds another's pipe would hide that it has died
            for other in pipes[place + 1 :]:
                os.close(other)
            with Connection(pipe) as parent:
                # channels may come from where only the parent would look
                sys.path[:] = parent.recv()
                deliver_share(parent, *parent.recv())
            return
        os.close(pipe)
    for _ in pipes:
        os.wait()


if __name__ == "__main__":
    main([int(pipe) for pipe in sys.argv[1:]])
