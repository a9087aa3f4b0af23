"""The head model under the landmarks of many photographs at once: identity, expression and perspective pose.

Damped Gauss-Newton on the reprojection with a Gaussian prior on identity and a bounded one on expression, all
photographs in one batch. The points of the face's outline are no fixed points of the skin: at each step they are
matched to the rim that the present fit shows (normals across the view), and pull only across it. After Blanz and
Vetter (SIGGRAPH 1999); rim handling as in Cao et al., 3D Shape Regression (SIGGRAPH 2013).
"""

from dataclasses import dataclass

import numpy as np
import torch

from ..camera import Camera, focal_px
from ..conventions import FFHQ_FOV_DEG
from ..photo.alignment import crop_from_landmarks, crop_half_size_px, invert_crop
from ..photo.landmarks import POINTS
from .assets import FACE, HeadModel
from .correspondence import OUTLINE, LandmarkMap
from .vectors import unit

IDENTITY_MODES = 80
"""So many of the head model's identity shapes are fitted."""

RESIDUAL_SIDE_PX = 256
"""Residuals are given in pixels of a 256-pixel FFHQ crop, so that photographs of all sizes compare."""

LANDMARK_SIGMA_PX = 3.0
"""Spread of the landmarks as independent evidence: more than the detector's noise, since neighbours err together."""

EXPRESSION_SIGMA = 0.35
"""Spread of expressions' activations before any landmark is seen."""

RIM_SHARPNESS_PX = 14.0
"""How many pixels of distance a normal that is 90 degrees off the rim outweighs."""

STEPS = 16
"""Of Gauss-Newton."""


@dataclass(frozen=True)
class FaceFits:
    """Fits of N photographs; lengths in metres in portrait space, cameras as camera_from_portrait poses."""

    identity: np.ndarray  # [N, IDENTITY_MODES]
    expression: np.ndarray  # [N, 57], 0..1
    rotation: np.ndarray  # [N, 3, 3], portrait to camera axes
    translation_m: np.ndarray  # [N, 3]
    crop_to_photo: np.ndarray  # [N, 2, 3], FFHQ's own crop
    residual_px: np.ndarray  # [N], RMS at 256 px

    def camera(self, index: int, width_px: int, height_px: int) -> Camera:
        """Camera of photograph `index` on its own pixel grid."""
        crop = self.crop_to_photo[index]
        angle = np.arctan2(crop[1, 0], crop[0, 0])
        roll = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        rotation = roll @ self.rotation[index]
        pose = np.eye(4)
        pose[:3, :3] = rotation.T
        pose[:3, 3] = -self.rotation[index].T @ self.translation_m[index]
        focal = focal_px(FFHQ_FOV_DEG, 2.0 * crop_half_size_px(crop))
        return Camera(pose, focal, focal, float(crop[0, 2]), float(crop[1, 2]), width_px, height_px)

    def yaw_pitch_deg(self) -> tuple[np.ndarray, np.ndarray]:
        """How far each head is turned from the camera, degrees [N] each."""
        towards = -np.einsum("nij,ni->nj", self.rotation, self.translation_m)
        towards = unit(towards)
        return np.degrees(np.arctan2(towards[:, 0], towards[:, 2])), np.degrees(np.arcsin(towards[:, 1]))


def fit_faces(head: HeadModel, landmark_map: LandmarkMap, points_px: np.ndarray, batch: int = 90) -> FaceFits:
    """Fits the head model to the landmarks [N, 478, 2] (photo pixels) of N photographs."""
    crops = np.array([crop_from_landmarks(points, scale=1.0) for points in points_px]).reshape(-1, 2, 3)
    targets = np.array([invert_crop(crop, points) for crop, points in zip(crops, points_px, strict=True)])
    solver = _Solver(head, landmark_map)
    parts = [solver.solve(torch.from_numpy(targets[i : i + batch]).float()) for i in range(0, len(targets), batch)]
    if not parts:
        parts = [solver.empty()]
    identity, expression, rotation, translation, residuals = (
        torch.cat(part).numpy() for part in zip(*parts, strict=True)
    )
    weights = landmark_map.weights
    residual = np.sqrt((weights * residuals**2).sum(1) / weights.sum())
    return FaceFits(identity, expression, rotation, translation, crops, residual)


class _Solver:
    """The parts of the model that the fit touches, as torch tensors."""

    def __init__(self, head: HeadModel, landmark_map: LandmarkMap) -> None:
        fixed = np.flatnonzero(landmark_map.weights > 0)
        fixed = fixed[~np.isin(fixed, OUTLINE)]
        self.fixed = torch.from_numpy(fixed)
        self.outline = torch.from_numpy(np.array(OUTLINE))
        self.weights = torch.from_numpy(landmark_map.weights).float()
        self.focal = focal_px(FFHQ_FOV_DEG, 2.0)  # in halves of the crop
        modes = np.concatenate([head.identity_m[:IDENTITY_MODES], head.expression_m])  # [M, V, 3]
        self.mean = torch.from_numpy(landmark_map.gather(head.neutral_m)[fixed])
        self.modes = torch.from_numpy(np.stack([landmark_map.gather(mode)[fixed] for mode in modes]))  # [M, K, 3]
        rim = rim_candidates(head)
        self.rim_mean = torch.from_numpy(head.neutral_m[rim])
        self.rim_modes = torch.from_numpy(np.ascontiguousarray(modes[:, rim]))
        lookup = np.full(len(head.neutral_m), -1)
        lookup[rim] = np.arange(len(rim))
        triangles = lookup[head.skin_triangles]
        self.rim_triangles = torch.from_numpy(triangles[(triangles >= 0).all(1)])
        self.expressions = len(head.expression_m)
        self.template = torch.from_numpy(landmark_map.gather(head.neutral_m))

    def empty(self) -> tuple[torch.Tensor, ...]:
        """What `solve` gives for no photographs."""
        return (
            torch.zeros(0, IDENTITY_MODES), torch.zeros(0, self.expressions), torch.zeros(0, 3, 3),
            torch.zeros(0, 3), torch.zeros(0, POINTS),
        )  # fmt: skip

    def solve(self, target: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Landmarks [B, 478, 2] in FFHQ crop coordinates to identity, expression, rotation, translation, residuals."""
        photos = len(target)
        half = 0.5 * RESIDUAL_SIDE_PX
        rotation = torch.eye(3).repeat(photos, 1, 1)
        translation = torch.zeros(photos, 3)
        translation[:, 2] = -1.35
        coefficients = torch.zeros(photos, len(self.modes))
        precision = torch.ones(len(self.modes))
        precision[IDENTITY_MODES:] = EXPRESSION_SIGMA**-2
        fixed_target, rim_target = target[:, self.fixed], target[:, self.outline]
        for step in range(STEPS):
            points = self.mean + torch.einsum("bm,mkc->bkc", coefficients, self.modes)
            error, by_pose, by_modes = self._linearise(points, rotation, translation, fixed_target, self.modes)
            weights = self.weights[self.fixed].expand(photos, -1)
            distance = error.norm(dim=-1) * half
            robust = weights / (1.0 + (distance / 6.0) ** 2)
            rows = [torch.cat([by_pose, by_modes], -1) * robust.sqrt()[..., None, None]]
            errors = [error * robust.sqrt()[..., None]]
            if step >= 3:  # the pose must be roughly right before the rim means anything
                chosen, across = self._match_rim(coefficients, rotation, translation, rim_target)
                rim_points = torch.gather(
                    self.rim_mean + torch.einsum("bm,mkc->bkc", coefficients, self.rim_modes),
                    1, chosen[..., None].expand(-1, -1, 3),
                )  # fmt: skip
                rim_modes = self.rim_modes[:, chosen].permute(1, 0, 2, 3)  # [B, M, R, 3]
                error, by_pose, by_modes = self._linearise(rim_points, rotation, translation, rim_target, rim_modes)
                jacobian = torch.cat([by_pose, by_modes], -1)  # [B, R, 2, P]
                off = (error * across).sum(-1, keepdim=True)
                weight = (self.weights[self.outline] / (1.0 + (off[..., 0] * half / 6.0) ** 2)).sqrt()
                rows.append((across[..., None] * jacobian).sum(-2, keepdim=True) * weight[..., None, None])
                errors.append(off * weight[..., None])
            rows_flat = torch.cat([part.flatten(1, 2) for part in rows], 1) * (half / LANDMARK_SIGMA_PX)
            errors_flat = torch.cat([part.flatten(1) for part in errors], 1) * (half / LANDMARK_SIGMA_PX)
            normal = rows_flat.transpose(1, 2) @ rows_flat
            gradient = (rows_flat.transpose(1, 2) @ errors_flat[..., None])[..., 0]
            gradient[:, 6:] += precision * coefficients
            normal[:, range(6, 6 + len(precision)), range(6, 6 + len(precision))] += precision
            normal += 1e-3 * torch.diag_embed(normal.diagonal(dim1=1, dim2=2))
            delta = -torch.linalg.solve(normal, gradient[..., None])[..., 0]
            rotation = torch.linalg.matrix_exp(_cross(delta[:, :3].clamp(-0.4, 0.4))) @ rotation
            translation = translation + delta[:, 3:6]
            coefficients = coefficients + delta[:, 6:]
            coefficients[:, IDENTITY_MODES:].clamp_(0.0, 1.0)
        residuals = self._residuals(coefficients, rotation, translation, target) * half
        return coefficients[:, :IDENTITY_MODES], coefficients[:, IDENTITY_MODES:], rotation, translation, residuals

    def _project(
        self, points: torch.Tensor, rotation: torch.Tensor, translation: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Points [B, K, 3] to FFHQ crop coordinates [B, K, 2], and in the camera's axes [B, K, 3]."""
        local = points @ rotation.transpose(1, 2) + translation[:, None]
        depth = -local[..., 2]
        return torch.stack([local[..., 0], -local[..., 1]], -1) * (self.focal / depth)[..., None], local

    def _linearise(
        self, points: torch.Tensor, rotation: torch.Tensor, translation: torch.Tensor, target: torch.Tensor,
        modes: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:  # fmt: skip
        """Error [B, K, 2] and its derivatives by pose [B, K, 2, 6] and modes [B, K, 2, M] at `points` [B, K, 3]."""
        predicted, local = self._project(points, rotation, translation)
        inverse = self.focal / -local[..., 2]
        by_local = torch.zeros(*predicted.shape, 3)
        by_local[..., 0, 0] = inverse
        by_local[..., 1, 1] = -inverse
        by_local[..., :, 2] = predicted / -local[..., 2:]
        turned = local - translation[:, None]
        by_turn = -by_local @ _cross(turned)
        turned_modes = torch.einsum("bij,...mkj->bmki" if modes.ndim == 3 else "bij,bmkj->bmki", rotation, modes)
        by_modes = torch.einsum("bkij,bmkj->bkim", by_local, turned_modes)
        return predicted - target, torch.cat([by_turn, by_local], -1), by_modes

    def _match_rim(
        self, coefficients: torch.Tensor, rotation: torch.Tensor, translation: torch.Tensor, target: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The rim vertex for each outline landmark [B, R], and the unit direction across the rim [B, R, 2]."""
        points = self.rim_mean + torch.einsum("bm,mkc->bkc", coefficients, self.rim_modes)
        predicted, local = self._project(points, rotation, translation)
        corners = local[:, self.rim_triangles]
        face = torch.linalg.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0])
        normal = torch.zeros_like(local)
        for corner in range(3):
            normal.index_add_(1, self.rim_triangles[:, corner], face)
        normal = torch.nn.functional.normalize(normal, dim=-1)
        facing = (normal * torch.nn.functional.normalize(-local, dim=-1)).sum(-1)  # [B, C]
        distance = torch.cdist(target, predicted) * (0.5 * RESIDUAL_SIDE_PX)
        chosen = (distance**2 + (RIM_SHARPNESS_PX * facing[:, None]) ** 2).argmin(-1)
        across = torch.gather(normal, 1, chosen[..., None].expand(-1, -1, 3))[..., :2] * torch.tensor([1.0, -1.0])
        return chosen, torch.nn.functional.normalize(across, dim=-1)

    def _residuals(
        self, coefficients: torch.Tensor, rotation: torch.Tensor, translation: torch.Tensor, target: torch.Tensor
    ) -> torch.Tensor:
        """Distance of every landmark from the fit, [B, 478]; across the rim for the outline, 0 where unused."""
        distance = torch.zeros(len(target), POINTS)
        points = self.mean + torch.einsum("bm,mkc->bkc", coefficients, self.modes)
        predicted, _ = self._project(points, rotation, translation)
        distance[:, self.fixed] = (predicted - target[:, self.fixed]).norm(dim=-1)
        chosen, across = self._match_rim(coefficients, rotation, translation, target[:, self.outline])
        rim = self.rim_mean + torch.einsum("bm,mkc->bkc", coefficients, self.rim_modes)
        predicted, _ = self._project(rim, rotation, translation)
        predicted = torch.gather(predicted, 1, chosen[..., None].expand(-1, -1, 2))
        distance[:, self.outline] = ((predicted - target[:, self.outline]) * across).sum(-1).abs()
        return distance


def rim_candidates(head: HeadModel) -> np.ndarray:
    """Vertices that can lie on the face's outline: jaw, cheeks' sides and temples, without ears; [C] indices."""
    x, y, z = (head.neutral_m[FACE] * 100.0).T  # centimetres from the portrait's origin
    side = (np.abs(x) > 4.5) & (np.abs(x) < 7.9) & (z > 1.2) & (y > -9.0) & (y < 6.0)
    chin = (np.abs(x) <= 4.5) & (y < -7.5) & (y > -12.5) & (z > 4.5)
    return np.flatnonzero(side | chin)


def _cross(vectors: torch.Tensor) -> torch.Tensor:
    """Cross-product matrices [..., 3, 3] of vectors [..., 3]."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
