"""Who is in the photograph, pixel by pixel: opacity at the hair, and the person's own colour without the background.

Closed-form matting (Levin et al., PAMI 2008) between what is surely the person and what is surely not, drawn a little
to background that one estimate of two is sure of, and multi-level foreground estimation (Germer et al., ICPR 2020),
both by pymatting. The matte is solved at a bounded size and carried to the full one by the local linear model that it
rests on (He and Sun, arXiv 1505.00996).
"""

from collections import deque
from dataclasses import dataclass
from threading import Lock

import numpy as np
from PIL import Image
from scipy import ndimage, sparse

from ..ramps import ramp
from .resampling import resized

WORK_PX = 448
"""Side at which the matte is solved."""

BAND_SHARE = 0.012
"""What is nearer than this share of the side to the coarse outline is left to matting."""

ONE_AT_A_TIME = Lock()
"""How many threads BLAS uses is the process' own: two calls that overlap would each restore what the other set."""

MOST_STEPS = 2000
"""Of conjugate gradients; with the diagonal alone as preconditioner they take 150 to 480, which are sooner done than an
incomplete factorisation."""

CLOSE_ENOUGH = 1e-4
"""Where they come no closer, what they have come to serves."""

DRAWN = 0.03
"""Weight of one estimate that is sure of background against the colours' local lines and the other estimate: it tells
where colours say little, as where a curtain behind the hair is as mottled."""

SURE, SURELY_NOT = 0.85, 0.15
"""Above the first an estimate is sure of the person, below the second of background."""

IMPOSSIBLE = 0.02
"""Below this no person can be."""

LEVELS, LEVELS_SMOOTH = 16, 0.7
"""Colours are counted in so many levels of each channel, smoothed by a Gaussian of so many."""

FEWEST = 1e-6
"""None counts as rarer than this share."""

TELLING = 20.0
"""Colours that are so many times as frequent in what is surely background as in what is surely the person tell of
background."""

TELLING_SMOOTH_PX = 1.0
"""How much they do is smoothed by a Gaussian of this standard deviation."""

SPECK = 0.1
"""What is more opaque than this and hangs together is one part; all but the largest are background."""

FAR_SHARE = 0.04
"""What both estimates doubt farther than this share of the side from what either is sure of is not the person: a flag
behind a head."""

SHOULDERS_SHARE = 0.55
"""Down to this share of the height, where shoulders may begin."""

THIN_PX = 3
"""What is thinner than twice this makes nothing sure: soft edges, too, have colours that are rarely the person's."""

STEPS_PX = 1.5
"""Outlines are smoothed by a Gaussian of this standard deviation, since surfaces that are seen edge-on draw a pixel's
step out into a tooth."""

EDGE_PX = 3.0
"""What is edge is counted within a Gaussian of this standard deviation."""

EDGE_SHARES = (0.25, 0.4)
"""Outlines are smoothed where less than the first is edge, and not at all from the second: hair stays."""

WINDOW_PX, FLAT = 5, 1e-4
"""Opacity is carried to the full size by a line through its values over brightness in each such window; where that
varies by less than the second, as a variance, the line is flat."""


@dataclass(frozen=True)
class Foreground:
    """The person in a picture."""

    opacity: np.ndarray  # [H, W] float32, 0..1
    rgb: np.ndarray  # [H, W, 3] float32, 0..1, sRGB-encoded: the person's own colour, continued a little outside


def cut_out(picture: np.ndarray, segmented: np.ndarray, matte: np.ndarray, can_be: np.ndarray) -> Foreground:
    """The person in `picture` [S, S, 3] uint8, from two coarse estimates [S, S] of where it is, 0..1: a segmentation
    and the networks' matte; and from how opaque it can be at all, likewise.

    What neither takes for the person is not, what both do is if it can be, unless it stands apart and has the
    background's colours; in between the picture decides, drawn to background by its colours and where either estimate
    is sure of it, but not below the head by the matte alone, which misses clothes.
    """
    from pymatting import estimate_foreground_ml

    size = picture.shape[0]
    work = min(size, WORK_PX)
    small = _resized(picture, work) / 255.0
    band = max(2, round(BAND_SHARE * work))
    impossible = _resized(can_be, work) < IMPOSSIBLE
    segmented, matte = (np.where(impossible, 0.0, _resized(estimate, work)) for estimate in (segmented, matte))
    likely, unlikely = np.maximum(segmented, matte), np.minimum(segmented, matte)
    sure = ndimage.binary_erosion(unlikely > SURE, iterations=band, border_value=1)
    off = ndimage.binary_erosion(likely < SURELY_NOT, iterations=band, border_value=1)
    off |= ~sure & _far_from_person(likely > SURE)
    doubted, by_matte = (
        ndimage.binary_erosion(estimate < SURELY_NOT, iterations=band, border_value=1)
        for estimate in (segmented, matte)
    )
    head = slice(0, round(SHOULDERS_SHARE * work))
    doubted[head] |= by_matte[head]
    like_background = _like_background(small, _largest(sure), off)
    doubted |= ndimage.binary_erosion(like_background, iterations=THIN_PX, border_value=1)
    sure = _without_parts(sure, like_background)
    opacity = _matted(small, sure, off, doubted) if sure.any() and off.any() else unlikely
    opacity = without_specks(opacity)
    colour = estimate_foreground_ml(small.astype(np.float64), opacity.astype(np.float64)).astype(np.float32)
    full = picture.astype(np.float32) / 255.0
    if work < size:
        opacity, colour = _carried(small, opacity, full), _resized(colour, size)
    opacity = np.minimum(_without_steps(np.clip(1.04 * opacity - 0.02, 0.0, 1.0)), can_be)
    return Foreground(opacity, np.where(opacity[..., None] > 0.98, full, np.clip(colour, 0.0, 1.0)))


def _matted(picture: np.ndarray, sure: np.ndarray, off: np.ndarray, doubted: np.ndarray) -> np.ndarray:
    """Opacity [s, s] of a picture [s, s, 3]: one or zero where masks [s, s] are sure, and rather zero where it is
    doubted."""
    from pymatting import cf_laplacian
    from threadpoolctl import threadpool_limits

    known = (sure | off).ravel()
    opacity, within, around = sure.ravel().astype(np.float64), np.flatnonzero(~known), np.flatnonzero(known)
    laplacian = cf_laplacian(picture.astype(np.float64), epsilon=1e-6, is_known=known).tocsr()[within]
    system = laplacian[:, within] + sparse.diags(DRAWN * doubted.ravel()[within])
    # A step's sums are short: BLAS' threads would wait longer for each other than they take.
    with ONE_AT_A_TIME, threadpool_limits(1, "blas"):
        wanted = -laplacian[:, around] @ opacity[around]
        opacity[within] = np.clip(_solved(system, wanted), 0.0, 1.0)
    return opacity.reshape(sure.shape).astype(np.float32)


def _solved(system: sparse.csr_matrix, wanted: np.ndarray) -> np.ndarray:
    """What `system` [N, N] takes to `wanted` [N], to CLOSE_ENOUGH or as MOST_STEPS leave it."""
    from pymatting import cg, jacobi

    if not wanted.any():
        return np.zeros_like(wanted)  # where conjugate gradients divide by nothing
    latest = deque[np.ndarray](maxlen=1)

    def keep(_: sparse.csr_matrix, answer: np.ndarray, *_others: object) -> None:
        latest.append(answer)

    try:
        return np.asarray(cg(system, wanted, M=jacobi(system), maxiter=MOST_STEPS, rtol=CLOSE_ENOUGH, callback=keep))
    except ValueError:  # no more steps
        return latest.pop()


def _like_background(picture: np.ndarray, person: np.ndarray, off: np.ndarray) -> np.ndarray:
    """Where a picture's colours [s, s, 3], 0..1, tell of background [s, s] bool, from masks [s, s] of what is surely
    the person and what is surely not."""
    levels = np.clip(picture * LEVELS, 0, LEVELS - 1).astype(int)
    places = levels @ [LEVELS**2, LEVELS, 1]
    of_person, of_background = (_frequencies(places[mask]) for mask in (person, off))
    telling = np.log(of_background / of_person)[places]
    return np.asarray(ndimage.gaussian_filter(telling, TELLING_SMOOTH_PX) > np.log(TELLING))


def _frequencies(places: np.ndarray) -> np.ndarray:
    """How frequent each colour [LEVELS^3] is among `places` [N] of colours."""
    counts = np.bincount(places, minlength=LEVELS**3).reshape(3 * (LEVELS,)) / max(len(places), 1)
    return ndimage.gaussian_filter(counts, LEVELS_SMOOTH).ravel() + FEWEST


def _without_parts(mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    """A mask [s, s] without those of its parts most of which is in the `other`."""
    parts, count = ndimage.label(mask)
    sizes, within = (np.bincount(parts.ravel(), weights, count + 1) for weights in (None, other.ravel()))
    return mask & (within <= 0.5 * sizes)[parts]


def without_specks(opacity: np.ndarray) -> np.ndarray:
    """An opacity [H, W] of the largest part alone, which is the person; the rest are specks of background."""
    firm = opacity > SPECK
    largest = _largest(firm)
    return opacity if (largest == firm).all() else opacity * ndimage.binary_dilation(largest, iterations=2)


def _far_from_person(person: np.ndarray) -> np.ndarray:
    """What lies far from the largest part of a mask [S, S], above the shoulders."""
    largest = _largest(ndimage.binary_opening(person, iterations=THIN_PX))
    far = np.zeros_like(person)
    if largest.any():
        head = slice(0, round(SHOULDERS_SHARE * len(person)))
        far[head] = (ndimage.distance_transform_edt(~largest) > FAR_SHARE * len(person))[head]
    return far


def _largest(mask: np.ndarray) -> np.ndarray:
    """The part of a mask [H, W] that has most pixels; an empty one is its own."""
    parts, count = ndimage.label(mask)
    return parts == 1 + np.argmax(np.bincount(parts.ravel())[1:]) if count else mask


def _without_steps(opacity: np.ndarray) -> np.ndarray:
    """Firm outlines drawn smoothly, as sharp as they were; hair, whose edge is wide, stays."""
    edge = ndimage.gaussian_filter(4.0 * opacity * (1.0 - opacity), EDGE_PX)
    wide = ramp(edge, EDGE_SHARES)
    smooth = np.clip(2.0 * ndimage.gaussian_filter(opacity, STEPS_PX) - 0.5, 0.0, 1.0)
    return np.asarray(smooth + wide * (opacity - smooth))


def _carried(small: np.ndarray, opacity: np.ndarray, full: np.ndarray) -> np.ndarray:
    """An opacity [s, s] of a small picture at the size of the full one: alpha = a . grey + b in every window."""
    grey = small.mean(-1)
    mean_grey, mean, of_both, of_square = (
        ndimage.uniform_filter(values, WINDOW_PX) for values in (grey, opacity, grey * opacity, grey * grey)
    )
    slope = (of_both - mean_grey * mean) / (of_square - mean_grey**2 + FLAT)
    line = (slope, mean - slope * mean_grey)
    slope, offset = (_resized(ndimage.uniform_filter(values, WINDOW_PX), full.shape[0]) for values in line)
    return np.clip(slope * full.mean(-1) + offset, 0.0, 1.0)


def _resized(values: np.ndarray, size: int) -> np.ndarray:
    """[s, s] or [s, s, C] to float32 of another size."""
    if values.shape[0] == size:
        return values.astype(np.float32)
    kind = Image.Resampling.BOX if size < values.shape[0] else Image.Resampling.BICUBIC
    picture = resized(np.atleast_3d(values).astype(np.float32), (size, size), kind)
    return picture if values.ndim == 3 else picture[..., 0]
