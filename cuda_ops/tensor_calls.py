"""The compiled ops over torch's memory, the processor's or a GPU's."""

import ctypes
from functools import cache
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from .build import library_or_none
from .texels import NativeStack, Stack


def cuda_op(name: str, doing: str) -> ctypes.CDLL | None:
    """csrc/NAME.cu; None where it cannot be compiled, which is logged: `doing` goes on by a reference, slowly."""
    library = library_or_none(name, f"{doing} on the GPU")
    return None if library is None else with_errors(library)


@cache
def texels_library() -> ctypes.CDLL | None:
    """The kernels of all ops on texels; None where they cannot be compiled."""
    return cuda_op("texels_cuda", "work on texels")


@cache
def texels_op(name: str, doing: str) -> ctypes.CDLL | None:
    """csrc/NAME.cpp, whose `pm_NAME` takes a stack, what is to be done, texels and a number of threads; None where it
    cannot be compiled, which is logged: `doing` goes on by a reference, slowly."""
    library = library_or_none(name, doing)
    if library is not None:
        function = getattr(library, f"pm_{name}")
        function.argtypes, function.restype = [*3 * [ctypes.c_void_p], ctypes.c_int], None
    return library


def with_errors(library: ctypes.CDLL) -> ctypes.CDLL:
    """A library of kernels, whose error codes can be told in words."""
    library.pm_cuda_error.restype, library.pm_cuda_error.argtypes = ctypes.c_char_p, [ctypes.c_int]
    return library


def call_cuda(library: ctypes.CDLL, name: str, device: torch.device, *arguments: Any) -> None:
    """One of its functions, on torch's current stream of a device; tensors pass as their memory.

    Raises RuntimeError with the cause where it fails.
    """
    with torch.cuda.device(device):
        pointers = [address(x, device) if isinstance(x, Tensor) else x for x in arguments]
        code = getattr(library, name)(*pointers, ctypes.c_void_p(torch.cuda.current_stream().cuda_stream))
    if code:
        raise RuntimeError(f"{name} failed: {library.pm_cuda_error(code).decode()}")


def refuse_second_derivatives() -> None:
    """In a backward pass: raises RuntimeError where its gradients are to be differentiated, too.

    Kernels write them without a graph, so those of second order would be wrong in silence. torch's
    `once_differentiable` notices only some of these: not where the gradient that comes in is a constant.
    """
    if torch.is_grad_enabled():  # as `create_graph` says
        raise RuntimeError(
            'compiled ops have no second derivatives: leave out create_graph, or take implementation="reference"'
        )


def address(tensor: Tensor, device: torch.device) -> ctypes.c_void_p:
    """Of a tensor's memory; raises ValueError where that is another device's, or not in one piece."""
    if tensor.device != device:
        raise ValueError(f"a tensor {tuple(tensor.shape)} on {tensor.device} is not on {device} like the rest: move it")
    if not tensor.is_contiguous():
        raise ValueError(f"a tensor {tuple(tensor.shape)} with strides {tensor.stride()} is not contiguous")
    return ctypes.c_void_p(tensor.data_ptr())


def sent(values: ArrayLike, device: torch.device | str, dtype: torch.dtype | None = None) -> Tensor:
    """Numbers as a tensor in a device's memory; a GPU takes them when it comes to it, and nothing waits for that."""
    tensor = torch.tensor(values, dtype=dtype)
    return tensor.pin_memory().to(device, non_blocking=True) if torch.device(device).type == "cuda" else tensor


def stack_on(stack: Stack, device: torch.device) -> NativeStack:
    """csrc/texels.h's Stack in a device's memory."""
    maps = (stack.radius_m, stack.spread, stack.offsets_m)
    tensors = [torch.as_tensor(x, dtype=torch.float32, device=device).contiguous() for x in maps]
    return NativeStack.over(stack, tensors, lambda tensor: address(tensor, device))
