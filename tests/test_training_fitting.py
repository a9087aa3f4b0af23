"""Fitting: faces drawn from the model are found again; splits, photos and shards."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from training_stand_in import write_stand_in

from portrait_manifolds.backend.camera import look_at
from portrait_manifolds.backend.errors import InputError
from portrait_manifolds.backend.training.assets import HeadModel, data_folder, load_head_model, load_wardrobe
from portrait_manifolds.backend.training.correspondence import LANDMARKS_68, OUTLINE, LandmarkMap, sparse_map
from portrait_manifolds.backend.training.fitting import FaceFits, fit_faces


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> HeadModel:
    return load_head_model(write_stand_in(tmp_path_factory.mktemp("data")))


def without_outline(head: HeadModel) -> LandmarkMap:
    """The points of the outline are fixed ones in these made pictures, which no detector's are: they are left out."""
    landmark_map = sparse_map(head)
    weights = landmark_map.weights.copy()
    weights[list(OUTLINE)] = 0.0
    return replace(landmark_map, weights=weights)


@pytest.fixture(scope="module")
def fitted(head: HeadModel) -> tuple[list[float], np.ndarray, FaceFits]:
    """Twelve heads of known identity, turned by known angles, with half a pixel of noise; and their fits."""
    rng = np.random.default_rng(0)
    landmark_map = without_outline(head)
    points, yaws = [], []
    for index in range(12):
        vertices = head.shape_m(rng.normal(size=20) * 0.5, np.zeros(57))
        yaws.append(float(rng.uniform(-20, 20)))
        camera = look_at((0, 0, 1.3), fov_deg=16.0, width_px=400, height_px=400).orbited(yaws[-1], index - 6.0)
        points.append(camera.project(landmark_map.gather(vertices))[0] + rng.normal(size=(478, 2)) * 0.5)
    stacked = np.stack(points)
    return yaws, stacked, fit_faces(head, landmark_map, stacked)


def test_fits_lie_on_the_landmarks(fitted: tuple[list[float], np.ndarray, FaceFits]) -> None:
    _, _, fits = fitted
    assert np.median(fits.residual_px) < 1.5


def test_fits_find_the_turn_of_the_head(fitted: tuple[list[float], np.ndarray, FaceFits]) -> None:
    yaws, _, fits = fitted
    yaw, _ = fits.yaw_pitch_deg()
    assert np.abs(yaw - yaws).mean() < 3.0
    assert np.corrcoef(yaw, yaws)[0, 1] > 0.97


def test_the_fitted_camera_projects_the_fit_onto_the_photo(
    head: HeadModel, fitted: tuple[list[float], np.ndarray, FaceFits]
) -> None:
    _, points, fits = fitted
    landmark_map = sparse_map(head)
    fixed = [k for k in LANDMARKS_68 if k not in OUTLINE and landmark_map.weights[k] == 1.0]
    for index in range(len(points)):
        vertices = head.shape_m(fits.identity[index], fits.expression[index])
        projected, _ = fits.camera(index, 400, 400).project(landmark_map.gather(vertices))
        assert np.median(np.linalg.norm(projected - points[index], axis=1)[fixed]) < 2.5


def test_expressions_stay_in_their_range(fitted: tuple[list[float], np.ndarray, FaceFits]) -> None:
    _, _, fits = fitted
    assert fits.expression.min() >= 0.0
    assert fits.expression.max() <= 1.0


def test_no_photographs_give_no_fits(head: HeadModel) -> None:
    with np.errstate(all="raise"):
        fits = fit_faces(head, sparse_map(head), np.zeros((0, 478, 2)))
    assert fits.identity.shape[0] == 0


def test_a_missing_data_folder_says_what_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ICT-FaceKit.*makehuman.*unitedstates/images.*PORTRAIT_MANIFOLDS_DATA"):
        data_folder(tmp_path / "nowhere")


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    for name in ("head_model.npz", "wardrobe.npz"):
        (tmp_path / name).write_bytes(b"PK not a zip")
    with pytest.raises(InputError, match="make it again"):
        load_head_model(tmp_path)
    with pytest.raises(InputError, match="make it again"):
        load_wardrobe(tmp_path)
