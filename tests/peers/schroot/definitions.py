"""Cases of definitions: one thing of the format or of a key each, seen through what programs ask and through a command."""

import definition_files
import definition_keys
import definition_profiles
import definition_types


def all_cases():
    return [*definition_types.types(), *definition_keys.keys(), *definition_files.grammar(), *definition_files.files(),
            *definition_profiles.profiles()]
