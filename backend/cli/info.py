"""`portrait-manifolds info`: what a portrait file holds."""

import json
from dataclasses import dataclass

from ..portrait import Portrait
from .options import PortraitFile


@dataclass(frozen=True)
class Info:
    """Say what a portrait file holds."""

    portrait: PortraitFile
    """The portrait to read."""
    json: bool = False
    """Print JSON, for programs."""

    def run(self) -> None:
        """Prints the facts."""
        portrait = Portrait.load(self.portrait)
        camera, manifolds = portrait.input_camera, portrait.manifolds
        facts = {
            "file_mb": round(self.portrait.stat().st_size / 1e6, 2),
            "sheets": manifolds.sheets,
            "texture_size": portrait.texture_size,
            "visible_texels": float((portrait.textures[..., 3] > 0).mean().round(4)),
            "photo_size": [camera.width_px, camera.height_px],
            "photo_sha256": portrait.photo_sha256,
            "weights_id": portrait.weights_id,
            "provenance": portrait.provenance,
            "input_camera": camera.to_dict(),
            "alignment": portrait.crop.to_photo.tolist(),
        }
        if self.json:
            print(json.dumps(facts, indent=1))
            return
        for name, value in facts.items():
            print(f"{name:15} {value}")
