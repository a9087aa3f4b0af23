"""Work that is recorded once and played again says what it says when it is done."""

from dataclasses import dataclass

import torch
from conftest import needs_gpu
from test_surface_following import SIZE, about_ball, painting
from torch import Tensor

from portrait_manifolds.backend.networks.mean_sheets import MeanSheets
from portrait_manifolds.cuda_ops.recorded import _leaves, mapped, recorded, recording


@dataclass(frozen=True)
class Two:
    first: Tensor
    second: Tensor


class Counted:
    """How often work that is recorded was done by the processor."""

    def __init__(self) -> None:
        self.times = 0
        self.doubled = recorded(self._doubled)

    def _doubled(self, pair: Two, others: tuple[Tensor, ...], factor: float) -> tuple[Two, Tensor]:
        self.times += 1
        return Two(factor * pair.first, pair.second), sum(others, pair.first)


def given(start: float, size: int = 5) -> tuple[Two, tuple[Tensor, ...]]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    one, two, three = (torch.arange(size, device=device) + start + step for step in range(3))
    return Two(one, two), (two, three)


@torch.inference_mode()
def test_what_comes_in_is_found_and_changed_wherever_it_is() -> None:
    geometry = MeanSheets(3).sheets()
    pair, others = given(1.0)
    found, (two, _), laid, name = mapped(
        (pair, others, geometry, "name"), lambda leaf: leaf + 1.0 if isinstance(leaf, Tensor) else leaf
    )
    assert torch.equal(found.second, pair.second + 1.0) and torch.equal(two, others[0] + 1.0) and name == "name"
    assert torch.equal(laid.offsets_m, geometry.offsets_m + 1.0) and laid.half_extent == geometry.half_extent


def test_a_painting_brings_the_tensors_of_its_sheets() -> None:
    portrait = painting(about_ball(0.1), torch.zeros(SIZE, SIZE))
    leaves, geometry = _leaves(portrait), portrait.geometry
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    for own in (portrait.opacity, portrait.radius_m, geometry.radius_m, geometry.spread, geometry.offsets_m):
        assert any(own is tensor for tensor in tensors)
    assert [leaf for leaf in leaves if not isinstance(leaf, Tensor)] == [geometry.half_extent]


@torch.inference_mode()
def test_on_the_processor_work_is_done_each_time() -> None:
    work = Counted()
    with recording():
        for _ in range(4):
            found, total = work.doubled(Two(torch.ones(2), torch.zeros(2)), (torch.ones(2),), 2.0)
    assert work.times == 4 and found.first.tolist() == [2.0, 2.0] and total.tolist() == [2.0, 2.0]


@needs_gpu
@torch.inference_mode()
def test_on_a_gpu_it_is_played_from_the_second_time_on() -> None:
    work = Counted()
    with recording():
        results = [(start, *work.doubled(*given(start), 2.0)) for start in (1.0, 2.0, 3.0, 4.0)]
    assert work.times == 2  # done, then recorded
    for start, found, total in results:  # each keeps its own
        pair, others = given(start)
        assert torch.equal(found.first, 2.0 * pair.first) and torch.equal(found.second, pair.second)
        assert torch.equal(total, pair.first + others[0] + others[1])
    work.doubled(*given(1.0), 2.0)
    assert work.times == 3  # not within `recording`


@needs_gpu
@torch.inference_mode()
def test_other_sizes_and_numbers_are_other_recordings() -> None:
    work = Counted()
    with recording():
        for size, factor in 3 * [(5, 2.0), (6, 2.0), (5, 3.0)]:
            found, _ = work.doubled(*given(1.0, size), factor)
            assert torch.equal(found.first, factor * given(1.0, size)[0].first)
    assert work.times == 6


@needs_gpu
@torch.inference_mode()
def test_recorded_work_may_be_part_of_recorded_work() -> None:
    inner = recorded(lambda x: x.square())
    outer = recorded(lambda x: inner(x) + inner(2.0 * x))
    with recording():
        for start in (1.0, 2.0, 3.0):
            x = torch.full((4,), start, device="cuda")
            assert outer(x).tolist() == 4 * [5.0 * start**2]
