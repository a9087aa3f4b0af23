"""Numbers that no stage of training can work with, refused before it begins."""

from math import inf

from ..errors import InputError

LEAST_PX = 32
"""Side of the smallest examples: smaller ones show no face."""


def check_least(least: int, **choices: float) -> None:
    """Raises InputError, which names the option, for a choice that is less or not finite."""
    for name, value in choices.items():
        if not least <= value < inf:
            raise InputError(f"{_option(name)} cannot be {value:g}: give at least {least}.")


def check_above_zero(**choices: float) -> None:
    """Raises InputError, which names the option, for a choice that is not above zero or not finite."""
    for name, value in choices.items():
        if not 0.0 < value < inf:
            raise InputError(f"{_option(name)} cannot be {value:g}: give more than 0.")


def _option(name: str) -> str:
    return name.replace("_", "-")
