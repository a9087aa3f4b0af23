"""The precision that the networks run in."""

from functools import cache

import torch
from torch import Tensor


@cache
def bfloat16_is_fast(device_type: str) -> bool:
    """Whether a device computes in bfloat16: GPUs do, and CPUs that have instructions for it (AMX, AVX-512 BF16, ARM).

    Other CPUs imitate them: on an EPYC with AVX2 alone a photograph takes a third longer than in single precision, a
    step of training seven times as long.
    """
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # older torch does not tell
    return device_type != "cpu" or any(has for name, has in capabilities.items() if "bf16" in name)


def autocast(picture: Tensor) -> torch.autocast:
    """The context that the networks compute in for this picture: bfloat16 where that is fast; double stays double."""
    kind = picture.device.type
    return torch.autocast(kind, torch.bfloat16, enabled=picture.dtype != torch.float64 and bfloat16_is_fast(kind))
