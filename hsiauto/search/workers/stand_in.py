"""What a raylet starts in place of its agents, without which it ends: a process that does nothing, and ends with it.

Run as a script; it imports next to nothing.
"""

import os
import time

LOOK_S = 0.2


def main() -> None:
    """Wait for the end of the process that started this one."""
    raylet = os.getppid()
    while os.getppid() == raylet:
        time.sleep(LOOK_S)


if __name__ == "__main__":
    main()
