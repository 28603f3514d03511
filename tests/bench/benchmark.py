"""What the programs of the benchmarks share."""

import signal
import sys


def run(machine, work, clean_up):
    """Calls work(), then clean_up(), also when it is ended by a signal, and closes the machine. The exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        work()
    finally:
        clean_up()
        problems = machine.close()
    for problem in problems:
        print("bench: left behind:", problem, file=sys.stderr)
    return 1 if problems else 0
