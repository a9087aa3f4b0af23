"""What one step of training computes: all terms of a batch and their weighted sum."""

from collections.abc import Sequence
from dataclasses import asdict

import torch
from torch import Tensor

from ..camera import Camera
from ..networks.inversion import Inversion
from .adversary import R1_EVERY, Adversary, contest, turned_cameras
from .batches import Batch, Targets
from .losses import (
    LossWeights,
    matte_loss,
    occupancy_loss,
    radius_difference,
    shape_losses,
    silhouette_loss,
    view_losses,
)
from .teacher import Lesson

MIP_LEVELS = 1
"""A texel is not much smaller than a pixel of the views that are compared."""


def training_step(
    network: Inversion,
    batch: Batch,
    weights: LossWeights,
    lesson: Lesson | None = None,
    adversary: Adversary | None = None,
    *,
    fine: bool,
    step: int = 0,
) -> dict[str, Tensor]:
    """All terms of one batch, and of a teacher's lesson on it if there is one, and their weighted `total`.

    An adversary learns from it first, with its penalty in some steps; `discriminator` and `r1` are no part of `total`.
    """
    painting = network(batch.picture, batch.cameras, fine=fine)
    textures, radii = painting.textures().unbind(), painting.radius_m.unbind()  # one gradient, not one a target

    def drawn(items: Sequence[int], cameras: Sequence[Sequence[Camera]]) -> list[Tensor]:
        return [
            painting.geometry.render(textures[item], radii[item], own, mip_levels=MIP_LEVELS)
            for item, own in zip(items, cameras, strict=True)
        ]

    def compared(views: Tensor, targets: Targets) -> dict[str, Tensor]:
        return view_losses(views, targets, torch.rand(len(views), 3, 1, 1).to(views))

    views = torch.cat(drawn(range(len(textures)), batch.targets.cameras))
    terms = compared(views, batch.targets)
    if lesson is not None:
        taught = torch.cat(drawn(lesson.items, lesson.targets.cameras))
        terms["taught"] = weighted(compared(taught, lesson.targets), weights)["total"]
        displacement = painting.displacement_m[lesson.items]
        terms["taught_radius"] = radius_difference(
            displacement, lesson.displacement_m, lesson.on_head, painting.geometry
        )
    terms |= shape_losses(painting, batch.radius_m)
    terms["matte"] = matte_loss(painting, batch)
    terms["occupancy"] = occupancy_loss(painting, batch.radius_m)
    terms["silhouette"] = silhouette_loss(painting, batch)
    if adversary is None:
        return weighted(terms, weights)
    turned = turned_cameras(batch)
    novel = drawn(range(len(turned)), [[camera] for camera in turned])
    true, false = contest(batch, views, turned, novel)
    learned = adversary.learn(true, false, penalised=step % R1_EVERY == 0)
    terms["adversarial"] = adversary.loss(false)
    return weighted(terms, weights) | learned


def shape_step(network: Inversion, batch: Batch, weights: LossWeights) -> dict[str, Tensor]:
    """The terms that need no drawing, and their weighted `total`."""
    shape = network.shape(batch.picture, batch.cameras)
    terms = shape_losses(shape, batch.radius_m) | {"matte": matte_loss(shape, batch)}
    terms["silhouette"] = silhouette_loss(shape, batch)
    return weighted(terms, weights)


def weighted(terms: dict[str, Tensor], weights: LossWeights) -> dict[str, Tensor]:
    """Terms and their weighted sum, `total`."""
    factors = asdict(weights)
    return terms | {"total": torch.stack([factors[name] * value for name, value in terms.items()]).sum()}
