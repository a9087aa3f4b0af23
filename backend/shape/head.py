"""From what the networks painted to a whole head: relief, a chart that goes round it, hair beside the face, ears."""

import numpy as np

from ..camera import Camera
from ..networks.painted_sheets import PaintedSheets
from .ears import Ears, with_ears
from .face_end import FaceEnd
from .hair_beside import with_hair_beside
from .neck_column import Silhouette, without_walls
from .relief import with_relief
from .surface_following import following_surface
from .wide_chart import over_wide_chart


def over_whole_head(painting: PaintedSheets, camera: Camera) -> PaintedSheets:
    """The networks' painting with a face's relief, on sheets that go round the head."""
    return over_wide_chart(with_relief(following_surface(painting), camera))


def with_head(
    painting: PaintedSheets, camera: Camera, landmarks_px: np.ndarray, matte: np.ndarray, person: np.ndarray
) -> tuple[PaintedSheets, Silhouette, Ears]:
    """What `over_whole_head` says with hair and ears beside the face, the silhouette without ears, and the ears.

    `camera` saw the landmarks [478, 2], the networks' matte [H, H] and where else the person is seen [H, H], 0..1.
    """
    silhouette = Silhouette.of(without_walls(matte, person), camera)
    ends = FaceEnd.both(camera, landmarks_px, silhouette)
    return with_ears(with_hair_beside(painting, ends), silhouette, ends)
