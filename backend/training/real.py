"""Real portraits made ready to learn from: aligned crop, camera, foreground, and a depth that is partly measured.

Depth is the fitted head's where the head is, the mean body's under it for the shoulders, and for hair what both
continue to, pushed a little towards the viewer. It is a start for learning, not ground truth: `measured` says which
pixels lie on the fitted face.
"""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from scipy import ndimage

from ...cuda_ops.rasterise import rasterise
from ..camera import Camera
from ..photo.alignment import Alignment, LandmarkTemplate, align, sample_crop
from ..photo.landmarks import LandmarkDetector
from ..photo.matting import without_specks
from .assets import FACE, SKIN
from .fitting import FaceFits
from .library import Library
from .meshes import plain_mesh, positions
from .photos import read_photo
from .skins import fill_in
from .studio import Studio

HAIR_THICKNESS_M = 0.015
"""How much nearer to the viewer hair is taken to be than what it lies on."""

DEPTH_SPREAD_M = 0.18
"""How much farther than the face's nearest point anything in the foreground is taken to be."""


@dataclass(frozen=True)
class RealPortrait:
    """One photograph in its aligned crop."""

    name: str
    photo: np.ndarray  # [S, S, 3] uint8, sRGB
    inside: np.ndarray  # [S, S] float32, 1 where the crop lies inside the photograph
    opacity: np.ndarray  # [S, S] float32, foreground
    foreground: np.ndarray  # [S, S, 3] uint8, the foreground's own colour where it is translucent
    depth_m: np.ndarray  # [S, S] float32, +inf off the foreground
    measured: np.ndarray  # [S, S] bool, on the fitted face
    camera: Camera  # of the fit, at S x S
    estimate: Alignment  # as inference would have it

    def as_estimated(self) -> "RealPortrait":
        """The same as the estimated camera understands it: pixels keep their depth relative to the head's centre."""
        camera = self.estimate.crop_camera(len(self.photo))
        moved = camera.project(np.zeros(3))[1] - self.camera.project(np.zeros(3))[1]
        return replace(self, camera=camera, depth_m=self.depth_m + np.float32(moved))


def real_portrait(
    library: Library, index: int, template: LandmarkTemplate, size_px: int, detector: LandmarkDetector
) -> RealPortrait:
    """Photograph `index` of the library."""
    name = library.faces.names[index]
    photo = read_photo(library.faces.folder / name)
    points = library.faces.points_px[index].astype(np.float64)
    estimate = align(points, (photo.shape[1], photo.shape[0]), template)
    crop = estimate.crop_to_photo
    picture = sample_crop(photo, crop, size_px)
    border = sample_crop(np.full((*photo.shape[:2], 1), 255, np.uint8), crop, size_px, border="zero")
    probability = sample_crop((detector.person(photo)[..., None] * 255).astype(np.uint8), crop, size_px)[..., 0] / 255.0
    opacity, foreground = matte(picture, probability)
    camera = library.fits.camera(index, photo.shape[1], photo.shape[0]).cropped(crop, size_px, size_px)
    depth, measured = extrapolated_depth(library.studio, library.fits, index, camera, opacity)
    inside = (border[..., 0] / 255.0).astype(np.float32)
    return RealPortrait(name, picture, inside, opacity, foreground, depth, measured, camera, estimate)


def matte(picture: np.ndarray, probability: np.ndarray, work_px: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Opacity [S, S] float32 and foreground colours [S, S, 3] uint8 from a coarse probability [S, S].

    Closed-form matting (Levin et al. 2008) and multi-level foreground estimation (Germer et al. 2020), by pymatting;
    matting is done at most at `work_px` a side, which is finer than the segmentation.
    """
    # Not `matting.cut_out`, which inference has: that needs a second estimate of the person, the networks' own matte,
    # which is what is to be learned from these, and so must not depend on how well it was learned before.
    from pymatting import estimate_alpha_cf, estimate_foreground_ml

    size = picture.shape[0]
    work = min(size, work_px)
    small = np.asarray(Image.fromarray(picture).resize((work, work), Image.Resampling.BOX), np.float64) / 255.0
    coarse = np.asarray(
        Image.fromarray((probability * 255).astype(np.uint8)).resize((work, work), Image.Resampling.BOX)
    )
    reach = max(2, round(work / 40))
    sure = ndimage.binary_erosion(coarse > 200, iterations=reach, border_value=1)
    off = ndimage.binary_erosion(coarse < 40, iterations=reach, border_value=1)
    if not sure.any() or not off.any():
        alpha = coarse / 255.0
    else:
        trimap = np.where(sure, 1.0, np.where(off, 0.0, 0.5))
        alpha = estimate_alpha_cf(small, trimap, laplacian_kwargs={"epsilon": 1e-6}, cg_kwargs={"maxiter": 300})
    colour = estimate_foreground_ml(small, alpha)
    grown = Image.fromarray((np.clip(alpha, 0, 1) * 255).astype(np.uint8)).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    alpha = np.clip(np.asarray(grown, np.float32) / 255.0 * 1.04 - 0.02, 0, 1)
    alpha = without_specks(alpha)
    estimated = Image.fromarray((np.clip(colour, 0, 1) * 255).astype(np.uint8)).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    foreground = np.where(alpha[..., None] > 0.98, picture, np.asarray(estimated))
    return alpha.astype(np.float32), foreground.astype(np.uint8)


def extrapolated_depth(
    studio: Studio, fits: FaceFits, index: int, camera: Camera, opacity: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Depth [S, S] in metres over the foreground, and where it is the fitted face's own, [S, S] bool."""
    head = studio.head
    vertices = head.shape_m(fits.identity[index], fits.expression[index])
    body = studio.wardrobe.body
    standing_m = body.vertices_m + head.neck_moved_m(vertices - head.neutral_m)
    everything = np.concatenate([vertices, standing_m]).astype(np.float32)
    triangles = np.concatenate([head.outer_triangles, body.below_neck + len(vertices)]).astype(np.int32)
    pixels, depth = camera.project(everything)
    gain = np.zeros((len(everything), 4), np.float32)
    gain[FACE, 0] = vertices[FACE, 1] > -0.11  # marks the face, without its neck
    gain[:, 3] = 1.0
    mesh = plain_mesh(everything, triangles, gain)
    rgba, rendered = rasterise(mesh, positions(pixels, depth), [], camera.width_px, camera.height_px, samples=1)
    known = np.isfinite(rendered)
    nearest = float(rendered[known].min())
    capped = np.where(known, np.minimum(rendered, nearest + DEPTH_SPREAD_M), 0.0)
    wide = np.repeat(capped[..., None], 3, -1).astype(np.float32)
    filled = fill_in(wide, known.astype(np.float32), np.full(3, nearest + 0.1))[..., 0]
    face = (rgba[..., 0] > 0.9) & known & (opacity > 0.5)
    x, y, z = head.neutral_m[SKIN].T
    scalp = np.degrees(np.arctan2(y, np.hypot(x, z))) > 48
    top = float(np.percentile(pixels[SKIN][scalp][:, 1], 90))
    row = np.arange(camera.height_px)[:, None]
    hair = np.clip((top - row) / (0.05 * camera.height_px), 0, 1) + (~known)
    filled = filled - HAIR_THICKNESS_M * np.clip(ndimage.gaussian_filter(hair.astype(np.float32), 2.0), 0, 1) * ~face
    return np.where(opacity > 1.0 / 255.0, filled, np.inf).astype(np.float32), face
