"""All cases."""

import attack_scripts
import definitions
import scripts


SAMPLE = 4  # one case of so many


def sample():
    """The names of some cases: of each kind of thing the first and then each fourth."""
    groups = {}
    for case in all_cases():
        groups.setdefault(case.name.split("-")[0], []).append(case.name)
    return [name for names in groups.values() for name in names[::SAMPLE]]


def all_cases():
    found = definitions.all_cases() + scripts.all_cases() + attack_scripts.all_cases()
    names = [case.name for case in found]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise SystemExit(f"two cases are called {sorted(twice)}")
    return found
