"""The weights inside the package: half precision, their hash checked, loaded when first asked for."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load, save

from ..atomic import atomic_path, make_folder
from ..errors import ProcessingError
from ..photo.alignment import LandmarkTemplate
from .config import SizeName, inversion_config
from .inversion import Inversion
from .manifest import FOLDER, MANIFEST, mend, missing, read_manifest

FULL_PRECISION = ("geometry.", "template.")
"""How names of tensors begin that are not packed in half precision."""


@dataclass(frozen=True)
class Weights:
    """A network ready to use."""

    network: Inversion
    template: LandmarkTemplate
    identity: str  # name and hash, kept in every portrait


@cache
def load_weights(device: str = "cpu", folder: Path = FOLDER) -> Weights:
    """The network that ships, or one that was packed.

    Raises what `missing` says where a file is missing, ProcessingError where one is damaged.
    """
    manifest = read_manifest(folder)
    try:
        data = (folder / manifest.file).read_bytes()
    except OSError as error:
        raise missing(folder, error) from error
    if hashlib.sha256(data).hexdigest() != manifest.sha256:
        raise ProcessingError(f"{folder / manifest.file} is damaged: {mend(folder)}.")
    tensors = {name: value.float() for name, value in load(data).items()}
    template = LandmarkTemplate(
        tensors.pop("template.landmarks_m").numpy(), tensors.pop("template.landmark_weights").numpy()
    )
    network = Inversion(inversion_config(manifest.size))
    network.load_state_dict(tensors)
    network = network.to(device).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    return Weights(network, template, manifest.identity)


@torch.no_grad()
def mix_in(network: Inversion, other: Inversion, share: float) -> None:
    """Moves a network's parameters and buffers to another's by this share, in place."""
    others = other.state_dict()
    for name, value in network.state_dict().items():
        value.lerp_(others[name], share)


def save_weights(folder: Path, name: str, size: SizeName, network: Inversion, template: LandmarkTemplate) -> None:
    """Writes the weights and their manifest."""
    tensors = {key: value.detach().cpu() for key, value in network.state_dict().items()}
    tensors["template.landmarks_m"] = torch.from_numpy(template.points_m)
    tensors["template.landmark_weights"] = torch.from_numpy(template.weights)
    for key, value in tensors.items():
        tensors[key] = value.float().contiguous() if key.startswith(FULL_PRECISION) else value.half().contiguous()
    data = save(tensors)
    file = f"{name}.safetensors"
    make_folder(folder)
    with atomic_path(folder / file) as temporary:
        temporary.write_bytes(data)
    manifest = {"name": name, "size": size, "file": file, "sha256": hashlib.sha256(data).hexdigest()}
    with atomic_path(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
