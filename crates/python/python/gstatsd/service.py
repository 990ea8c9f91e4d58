"""The command ``gstatsd``: the daemon itself."""

import os
import signal
import sys

from gstatsd import _native

__all__ = ["main"]


def main():
    """Do what the command line asks for, and end the process with its exit code.

    The process is the daemon's from now on, signals included.
    """
    # What Python does before its first line, and a program that is none would not.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Otherwise a socket would get this number, and what is printed.
            os.open(os.devnull, os.O_RDWR)
    sys.exit(_native.main(sys.argv))


if __name__ == "__main__":
    main()
