"""`portrait-manifolds serve`: the backend behind Blender's add-on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Serve:
    """Answer requests, JSON lines on standard input, until it ends; what Blender's add-on starts."""

    def run(self) -> None:
        """Answers."""
        from ..worker import serve

        serve()
