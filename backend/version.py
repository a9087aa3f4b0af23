"""What is installed: which version of this package, and what only some commands need."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from .errors import ProcessingError


def installed_version() -> str:
    """As pip knows it."""
    try:
        return version("portrait-manifolds")
    except PackageNotFoundError:
        return "not installed"


def check_installed(module: str, package: str, extra: str) -> None:
    """Raises ProcessingError where `package` is missing, which this package's `extra` brings: before long work."""
    if find_spec(module) is None:
        raise ProcessingError(f"{package} is missing: pip install 'portrait-manifolds[{extra}]'.")
