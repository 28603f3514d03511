"""The daemon's own start, killed at every step and failing at every step once: crash_sweep_test.py has the how."""

import unionroot_testing as testing
from crash_sweep_test import FirstStart, Start, sweep_case

FirstStartSweep = sweep_case(FirstStart)
StartSweep = sweep_case(Start)

if __name__ == "__main__":
    testing.main()
