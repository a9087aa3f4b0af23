"""A synthetic person: identity, expression, skin, hair, clothes and light drawn from one seed."""

from dataclasses import dataclass, replace

import numpy as np

from ...cuda_ops.rasterise import Mesh, Texture, make_texture
from .accessories import HATS, glasses, hat
from .albedo import painted_skin, varied_skin
from .assets import SKIN
from .beards import beard
from .clothes import cloth_textures, dressed_body
from .colours import sample_hair_colour
from .hair import GROWN_SHARES, HIDES_EYE, Hair, sample_hair
from .head_pieces import eye_texture, head_pieces
from .light import sample_environment
from .lighting import lit_mesh
from .pieces import Piece
from .posture import sample_posture
from .splits import Split
from .strands import strand_textures
from .studio import Studio

BARE_SHARE = 0.15
"""Share of people who wear nothing about neck and shoulders, as one is scanned."""


@dataclass(frozen=True)
class SubjectIds:
    """What a subject is made of, so that splits can be checked."""

    identity: int
    photo: str  # "" for a painted skin
    second_photo: str  # "" where nothing was mixed in
    hair: str
    clothes: str  # "" for bare shoulders


@dataclass(frozen=True)
class Subject:
    """Ready to be drawn from any camera; light is already on the mesh."""

    mesh: Mesh
    textures: list[Texture]
    landmarks_m: np.ndarray  # [478, 3]
    ids: SubjectIds


def sample_subject(studio: Studio, split: Split, index: int, seed: int) -> Subject:
    """Subject `index` of a split; the same arguments give the same subject on every machine of one kind."""
    rng = np.random.default_rng([seed, split.code, index])
    identity = _identity(rng, studio)
    photo, second, texels, tone = _skin(rng, studio, split)
    expression = _expression(rng, studio, split, photo)
    vertices = studio.head.shape_m(identity, expression)
    offsets = vertices - studio.head.neutral_m
    still = studio.head.shape_m(identity, np.zeros_like(expression)) - studio.head.neutral_m
    hair_colour = sample_hair_colour(rng, tone)
    if photo and rng.random() < 0.5 and photo in studio.hair_colours:
        hair_colour = studio.hair_colours[photo] * np.exp(rng.normal() * 0.1)
    style = _style(rng, split)
    hair = sample_hair(rng, style, studio.scalp, studio.shells.get(style), hair_colour)
    pieces = head_pieces(studio.parts, vertices, tone, _scalp_tint(hair, tone, hair_colour), _blotches(rng, studio))
    wears_hat = rng.random() < 0.06 and style not in ("afro", "afro01", "curly")
    if wears_hat:
        worn = hat(rng, studio.scalp, HATS[rng.integers(len(HATS))])
        pieces += _following(studio, worn, still)
        hair = replace(hair, pieces=_under(hair.pieces, float(worn[0].vertices_m[:, 1].min()) + 0.012))
    pieces += _following(studio, hair.pieces, still)
    has_beard = (
        style not in ("long", "mid", "bob01", "bob02", "braid01", "long01", "ponytail01") and rng.random() < 0.16
    )
    if has_beard:
        pieces += _following(studio, beard(rng, studio.scalp, hair_colour * rng.uniform(0.6, 1.0)), offsets)
    if rng.random() < 0.12:
        pieces += glasses(rng, vertices, studio.head)
    garment = studio.wardrobe.clothes[split.clothes[rng.integers(len(split.clothes))]]
    is_bare = rng.random() < BARE_SHARE
    neck_m = studio.head.neck_moved_m(still)
    pieces += dressed_body(rng, studio.wardrobe, None if is_bare else garment, tone, neck_m)
    posture = sample_posture(rng)
    pieces = [posture.taken_by(piece) for piece in pieces]
    textures = {
        "face": make_texture(texels),
        "eye": eye_texture(rng),
        "clear": studio.clear,
        **strand_textures(),
        **cloth_textures(),
    }
    mesh, used = lit_mesh(pieces, textures, sample_environment(rng))
    landmarks = studio.landmark_map.gather(vertices)
    return Subject(mesh, used, landmarks, SubjectIds(index, photo, second, style, "" if is_bare else garment.name))


def _identity(rng: np.random.Generator, studio: Studio) -> np.ndarray:
    """Coefficients [100]: the model's prior, for some a little narrower and for some wider."""
    return rng.normal(size=len(studio.head.identity_m)) * rng.uniform(0.6, 1.25)


def _skin(rng: np.random.Generator, studio: Studio, split: Split) -> tuple[str, str, np.ndarray, np.ndarray]:
    """Names of the one or two photographs used, texels [S, S, 4] uint8 and the linear tone [3]."""
    usable = studio.skins.names(split.photos)
    if not usable or rng.random() < 0.12:
        return "", "", *painted_skin(rng, studio.atlas)
    photo, second = usable[rng.integers(len(usable))], ""
    if rng.random() < 0.3:
        second = usable[rng.integers(len(usable))]
    mixed = studio.skins.load(second) if second else None
    return photo, second, *varied_skin(rng, studio.skins.load(photo), mixed)


def _expression(rng: np.random.Generator, studio: Studio, split: Split, photo: str) -> np.ndarray:
    """Activations [57]: a photograph's own or another's, or a few shapes at random; and a gaze."""
    names = studio.head.expression_names
    fits = studio.fitted_expressions
    usable = [name for name in split.photos if name in fits]
    roll = rng.random()
    if photo in fits and roll < 0.55:
        activation = fits[photo] * rng.uniform(0.6, 1.15)
    elif usable and roll < 0.85:
        activation = fits[usable[rng.integers(len(usable))]] * rng.uniform(0.5, 1.1)
    else:
        activation = np.zeros(len(names))
        for shape in rng.integers(0, len(names), 4):
            activation[shape] = rng.uniform(0, 0.6)
    activation = np.clip(activation + rng.normal(size=len(names)) * 0.03, 0, 1)
    gaze = [i for i, name in enumerate(names) if name.startswith("eyeLook")]
    lids = [i for i, name in enumerate(names) if name.startswith(("eyeBlink", "eyeWide"))]
    activation[gaze] = 0.0
    activation[lids] = np.minimum(activation[lids], 0.35)
    across, up = np.clip(rng.normal(size=2) * [0.22, 0.12], -0.6, 0.6)
    for side in ("L", "R"):
        looks = "Out" if (across > 0) == (side == "L") else "In"
        activation[names.index(f"eyeLook{looks}_{side}")] = abs(across)
        activation[names.index(f"eyeLook{'Up' if up > 0 else 'Down'}_{side}")] = abs(up)
        if rng.random() < 0.015:
            activation[names.index(f"eyeBlink_{side}")] = 1.0
    return activation


def _style(rng: np.random.Generator, split: Split) -> str:
    """A hair style of the split; those that hide an eye are rare."""
    share = GROWN_SHARES | dict.fromkeys(HIDES_EYE, 0.12)
    weights = np.array([share.get(style, 0.9) for style in split.hair])
    return split.hair[rng.choice(len(split.hair), p=weights / weights.sum())]


def _scalp_tint(hair: Hair, tone: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Factor on the skin's colour under the hair, [11248, 3]."""
    cover = np.clip(hair.scalp_depth_deg / 16.0 + 0.12, 0, 1) ** 0.8 * hair.scalp_density
    factor = 1.0 + cover[:, None] * (0.75 * colour / tone - 1.0)
    return factor.astype(np.float32)


def _blotches(rng: np.random.Generator, studio: Studio) -> np.ndarray:
    """Slow changes of colour over the skin, the same on face, neck and ears, [11248, 3]."""
    points = studio.head.neutral_m[SKIN]
    waves = rng.normal(size=(6, 3)) * 18.0
    noise = np.sin(points @ waves.T + rng.uniform(0, 6.3, 6)).sum(1) / 2.5
    colour = rng.normal(size=3) * 0.02
    ears = np.clip(np.abs(points[:, 0:1]) / 0.0775 - 0.98, 0, 0.05) * 4.0
    neck = np.clip((-points[:, 1:2] - 0.11) / 0.05, 0, 1) * rng.uniform(-0.04, 0.10)
    return (1.0 + noise[:, None] * (0.035 + colour) - ears * np.array([-0.2, 0.8, 0.8]) - neck).astype(np.float32)


def _following(studio: Studio, pieces: list[Piece], offsets_m: np.ndarray) -> list[Piece]:
    """Pieces made on the neutral head, on this one."""
    return [piece.moved(studio.parts.follow(piece.vertices_m, offsets_m)) for piece in pieces]


def _under(pieces: list[Piece], height_m: float) -> list[Piece]:
    """Hair with everything above a hat's border taken off."""
    kept = []
    for piece in pieces:
        low = (piece.vertices_m[piece.triangles][..., 1] < height_m).all(1)
        kept.append(replace(piece, triangles=piece.triangles[low]))
    return kept
