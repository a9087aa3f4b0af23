"""The command line: one file a subcommand, each a frozen dataclass whose fields are its options."""

import sys
from typing import Annotated

from ..errors import InputError, ProcessingError


def main() -> None:
    """Runs the command line and exits: 0 done, 1 failed, 2 bad input, 130 cancelled."""
    import tyro

    from .animate import Animate
    from .bench import Bench
    from .export import Export
    from .info import Info
    from .render import Render

    commands = (
        Annotated[Render, tyro.conf.subcommand("render")]
        | Annotated[Animate, tyro.conf.subcommand("animate")]
        | Annotated[Export, tyro.conf.subcommand("export")]
        | Annotated[Info, tyro.conf.subcommand("info")]
        | Annotated[Bench, tyro.conf.subcommand("bench")]
    )
    command = tyro.cli(
        commands,
        prog="portrait-manifolds",
        description="One portrait photograph to a 3D portrait a camera can move around.",
        config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.FlagCreatePairsOff),
    )
    sys.exit(_run(command))


def _run(command: "Render | Animate | Export | Info | Bench") -> int:  # type: ignore[name-defined]  # noqa: F821
    try:
        command.run()
    except InputError as error:
        print(f"portrait-manifolds: {error}", file=sys.stderr)
        return 2
    except ProcessingError as error:
        print(f"portrait-manifolds: {error}", file=sys.stderr)
        return 1
    except MemoryError:
        print("portrait-manifolds: out of memory: ask for a smaller picture or texture.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("portrait-manifolds: cancelled; files already written are whole.", file=sys.stderr)
        return 130
    return 0
