"""What the documentation shows can be used as it stands."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from portrait_manifolds.backend.camera import Camera
from portrait_manifolds.backend.portrait import Portrait
from portrait_manifolds.backend.portrait_file import FORMAT_VERSION

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")])


def snippet(page: str, language: str) -> str:
    """The first block of a language on a page of docs/."""
    found = re.search(rf"```{language}\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"{page} has no {language}"
    return found[1]


def test_troubleshooting_names_the_versions_that_are_read() -> None:
    said = f"has format version '{FORMAT_VERSION + 1}' and this program reads 1 to {FORMAT_VERSION}"
    assert said in (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


def test_reader_of_portrait_files(small_head: Portrait, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_head.save(tmp_path / "head.portrait")
    monkeypatch.chdir(tmp_path)
    values: dict = {}
    exec(snippet("portrait_file.md", "python"), values)
    np.testing.assert_array_equal(values["textures"], Portrait.load("head.portrait").textures)
    np.testing.assert_array_equal(values["tensors"]["radius"], small_head.manifolds.radius_m)
    assert Camera.from_dict(json.loads(values["about"]["input_camera"])) == small_head.input_camera


def test_camera_of_the_conventions() -> None:
    camera = Camera.from_dict(json.loads(snippet("conventions.md", "json")))
    pixels, depth = camera.project(np.zeros(3))
    np.testing.assert_allclose((*pixels, depth), (256.0, 256.0, 1.2))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not missing
