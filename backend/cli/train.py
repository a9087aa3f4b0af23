"""`portrait-manifolds train STAGE`: the training data, and the networks.

Read only when `train` is asked for: it needs the training extra (pip install portrait-manifolds[train]) and torch.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from . import Command


def parse_train(arguments: Sequence[str]) -> "Command":
    """The stage of `arguments`, those after `train`; wrong usage is explained and exits with 2."""
    import tyro

    from ..training.cli import TrainData, TrainTemplate
    from ..training.curves import TrainCurves
    from ..training.export_scan import TrainExportScan
    from ..training.export_views import TrainExportViews
    from ..training.network_cli import TrainCarry, TrainExamples, TrainNetworks, TrainPack, TrainValidate

    stages = (
        Annotated[TrainData, tyro.conf.subcommand("data")]
        | Annotated[TrainTemplate, tyro.conf.subcommand("template")]
        | Annotated[TrainExamples, tyro.conf.subcommand("examples")]
        | Annotated[TrainNetworks, tyro.conf.subcommand("networks")]
        | Annotated[TrainCurves, tyro.conf.subcommand("curves")]
        | Annotated[TrainValidate, tyro.conf.subcommand("validate")]
        | Annotated[TrainExportViews, tyro.conf.subcommand("export-views")]
        | Annotated[TrainExportScan, tyro.conf.subcommand("export-scan")]
        | Annotated[TrainCarry, tyro.conf.subcommand("carry")]
        | Annotated[TrainPack, tyro.conf.subcommand("pack")]
    )
    command: Command = tyro.cli(
        stages,
        args=arguments,
        prog="portrait-manifolds train",
        description="Training data from photographs and a head model, then the networks.",
        config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.FlagCreatePairsOff),
    )
    return command
