"""A portrait to try things on: what examples and demo begin with."""

from pathlib import Path

import numpy as np

from ..errors import InputError
from ..portrait import Portrait
from ..reconstruct import reconstruct


def example_portrait(source: Path | None = None) -> Portrait:
    """The portrait of a photograph, the one in a .portrait file, or by default of `example_photo`."""
    if source is not None and source.suffix.lower() == ".portrait":
        return Portrait.load(source)
    return reconstruct(example_photo() if source is None else source)


def example_photo() -> np.ndarray:
    """scikit-image's astronaut (NASA, public domain), [512, 512, 3] uint8; InputError where it is not installed."""
    try:
        from skimage import data
    except ImportError as error:
        raise InputError(
            "The example photograph is scikit-image's: pip install scikit-image, or name a photo."
        ) from error
    return np.asarray(data.astronaut())
