"""All cases."""

import definitions
import scripts


def all_cases():
    found = definitions.all_cases() + scripts.all_cases()
    names = [case.name for case in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SystemExit(f"two cases are called {sorted(twice)}")
    return found
