"""Which version of this package is installed."""

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """As pip knows it."""
    try:
        return version("portrait-manifolds")
    except PackageNotFoundError:
        return "not installed"
