"""What libraries of C++ say on standard error, and what is let through."""

import os
import threading
import time

import numpy as np
import pytest

from portrait_manifolds.backend.photo.landmarks import LandmarkDetector
from portrait_manifolds.backend.quiet import without_chatter


def test_only_chatter_is_kept_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="passes"), without_chatter():
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nours\n")
        os.write(2, b"W0000 00:00:1795892263.6 20639 inference.cc:114] chatter\nE0000 00:00:1 2 a.cc:3] broken")
        raise ValueError("passes")
    os.write(2, b"\nafter\n")
    assert capfd.readouterr().err == "ours\nE0000 00:00:1 2 a.cc:3] broken\nafter\n"


def test_threads_do_not_disturb_each_other(capfd: pytest.CaptureFixture[str]) -> None:
    def work(number: int) -> None:
        for _ in range(10):
            with without_chatter():
                os.write(2, b"W0000 chatter\n%d\n" % number)
                time.sleep(0.002)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"after\n")
    lines = capfd.readouterr().err.splitlines()
    assert sorted(lines[:-1]) == sorted("012" * 10) and lines[-1] == "after"


def test_finding_faces_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    blank = np.full((64, 64, 3), 127, np.uint8)
    with LandmarkDetector() as detector:
        assert not len(detector.faces(blank)) and detector.middle_score(blank) == 0.0
        assert detector.person(blank).shape == (64, 64)
    assert capfd.readouterr().err == ""
