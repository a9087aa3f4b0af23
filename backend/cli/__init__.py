"""The command line: one file a subcommand, each a frozen dataclass whose fields are its options."""

import os
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, Protocol

from ..errors import InputError, ProcessingError
from ..version import installed_version


class Command(Protocol):
    """A subcommand with its options."""

    def run(self) -> None:
        """Does it; raises InputError or ProcessingError."""


def main() -> None:
    """Runs the command line and exits: 0 done, 1 failed, 2 bad input, 130 cancelled, 141 where its reader is gone."""
    # Read when torch is loaded: its threads would else spin, while they wait, on cores that have other work.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    _open_streams()
    for name in ("SIGTERM", "SIGHUP"):  # as Ctrl-C: unfinished files go, and processes of ours
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, signal.default_int_handler)
    sys.exit(_run())


def parse(arguments: Sequence[str] | None = None) -> Command:
    """The subcommand of `arguments` (by default the program's); wrong usage is explained and exits with 2."""
    import tyro

    given = sys.argv[1:] if arguments is None else list(arguments)
    if given == ["--version"]:
        print(f"portrait-manifolds {installed_version()}")
        raise SystemExit
    if given[:1] == ["train"]:
        from .train import parse_train

        return parse_train(given[1:])

    from .animate import Animate
    from .batch import Batch
    from .bench import Bench
    from .blender import Blender
    from .edit import Edit
    from .encode import Encode
    from .evaluate import Evaluate
    from .export import Export
    from .info import Info
    from .reconstruct import Reconstruct
    from .render import Render
    from .serve import Serve

    commands = (
        Annotated[Reconstruct, tyro.conf.subcommand("reconstruct")]
        | Annotated[Render, tyro.conf.subcommand("render")]
        | Annotated[Animate, tyro.conf.subcommand("animate")]
        | Annotated[Encode, tyro.conf.subcommand("encode")]
        | Annotated[Edit, tyro.conf.subcommand("edit")]
        | Annotated[Export, tyro.conf.subcommand("export")]
        | Annotated[Batch, tyro.conf.subcommand("batch")]
        | Annotated[Info, tyro.conf.subcommand("info")]
        | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
        | Annotated[Bench, tyro.conf.subcommand("bench")]
        | Annotated[Blender, tyro.conf.subcommand("blender")]
        | Annotated[Serve, tyro.conf.subcommand("serve")]
    )
    command: Command = tyro.cli(
        commands,
        args=given,
        prog="portrait-manifolds",
        description=(
            "One portrait photograph to a 3D portrait a camera can move around. "
            "To train the networks: portrait-manifolds train --help."
        ),
        config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.FlagCreatePairsOff),
    )
    return command


def _open_streams() -> None:
    """Gives a stream that was closed before the start an end where all is lost: else the next file would become it.

    What standard output cannot say is escaped there, as on standard error.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _run() -> int:
    try:
        parse().run()
        sys.stdout.flush()
    except InputError as error:
        print(f"portrait-manifolds: {error}", file=sys.stderr)
        return 2
    except ProcessingError as error:
        print(f"portrait-manifolds: {error}", file=sys.stderr)
        return 1
    except MemoryError:
        print("portrait-manifolds: out of memory: ask for a smaller picture or texture.", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python fails once more when it ends
        return 141
    except OSError as error:
        print(f"portrait-manifolds: {error}: check the paths and the room on the disk.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("portrait-manifolds: cancelled; files already written are whole.", file=sys.stderr)
        return 130
    return 0
