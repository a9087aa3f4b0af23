"""The face detectors' process."""

import os

import pytest

from portrait_manifolds.backend.errors import ProcessingError
from portrait_manifolds.backend.photo.landmarks import LandmarkDetector


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks on this system")
def test_a_fork_of_a_process_that_looked_for_faces_is_told_why_it_cannot() -> None:
    """MediaPipe ends such a process by a signal, without a word."""
    LandmarkDetector()
    said, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            LandmarkDetector()
        except ProcessingError as error:
            os.write(tell, str(error).encode())
        finally:
            os._exit(0)
    os.close(tell)
    os.waitpid(child, 0)
    with os.fdopen(said) as answer:
        assert "spawn" in answer.read()
