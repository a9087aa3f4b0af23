"""The examples of a library by part and number: what `train examples` keeps and `train data` shows.

An example depends on these and the seed alone: not on workers, or on what was made before.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import InputError
from ..photo.alignment import LandmarkTemplate
from ..photo.landmarks import LandmarkDetector
from .examples import Example, pair_example, photo_example, subject_example
from .library import Library
from .real import RealPortrait, real_portrait
from .splits import Split, SplitName, make_splits
from .subject import sample_subject
from .template import landmark_template


@dataclass(frozen=True)
class ExampleMaker:
    """Makes examples of one size from one seed."""

    library: Library
    detector: LandmarkDetector
    size_px: int
    novel_views: int  # of each subject
    seed: int

    @cached_property
    def splits(self) -> dict[SplitName, Split]:
        """The parts of the library."""
        studio = self.library.studio
        return make_splits(self.library.faces.names, studio.hair_names, list(studio.wardrobe.clothes))

    @cached_property
    def template(self) -> LandmarkTemplate:
        """Of the library's head model."""
        return landmark_template(self.library.studio.head, self.library.studio.landmark_map)

    def subject(self, part: SplitName, index: int) -> Example:
        """Synthetic subject `index`; raises InputError where the wardrobe was too small for the part to get any."""
        studio, split = self.library.studio, self.splits[part]
        if not (split.hair and split.clothes):
            raise InputError(f"There is no hair style or garment for the {part} part: use the whole wardrobe.")
        subject = sample_subject(studio, split, index, self.seed)
        rng = np.random.default_rng([self.seed, index, split.code])
        backgrounds = [studio.backgrounds[photo] for photo in split.photos]
        return subject_example(rng, subject, self.template, self.size_px, self.novel_views, backgrounds, self.detector)

    def photograph(self, name: str) -> Example:
        """A photograph as it is."""
        return photo_example(self._real(name), self.detector)

    def pair(self, part: SplitName, name: str, number: int = 0) -> Example:
        """The photograph's lifted pair of a number."""
        index = self.library.faces.names.index(name)
        rng = np.random.default_rng([self.seed, index, self.splits[part].code, number])
        return pair_example(rng, self._real(name), self.detector)

    def _real(self, name: str) -> RealPortrait:
        index = self.library.faces.names.index(name)
        return real_portrait(self.library, index, self.template, self.size_px, self.detector).as_estimated()
