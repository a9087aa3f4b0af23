// The ops on texels on a GPU: a thread a texel, what is done to it is written in the headers, as for the CPU.
// A plain C interface; see tensor_calls.py. All pointers within the structures, and the arrays, are device memory; every
// function returns a cudaError_t.
#include <cuda_runtime.h>

#include "close_sheets.h"
#include "paint_texels.h"
#include "seen_texels.h"

namespace {

using namespace pm;

constexpr int THREADS = 256;

struct TexelIndex {
  int sheet, row, column;
};

template <class Body> __global__ void __launch_bounds__(THREADS) for_each_kernel(int64_t count, const __grid_constant__ Body body) {
  const int64_t index = int64_t(blockIdx.x) * THREADS + threadIdx.x;
  if (index < count) body(index);
}

template <class Body> int for_each(int64_t count, const Body& body, void* stream) {
  if (count == 0) return cudaSuccess;  // a grid without blocks is an error
  for_each_kernel<<<unsigned((count + THREADS - 1) / THREADS), THREADS, 0, static_cast<cudaStream_t>(stream)>>>(count, body);
  return cudaGetLastError();
}

__device__ __forceinline__ TexelIndex texel_index(const Stack& stack, int64_t index) {
  const int64_t line = index / stack.size;
  return {int(line / stack.size), int(line % stack.size), int(index % stack.size)};
}

int64_t texel_count(const Stack& stack) { return int64_t(stack.sheets) * stack.size * stack.size; }

struct PaintTexel {
  Stack stack;
  Paint paint;
  uchar4* textures;

  __device__ void operator()(int64_t index) const {
    const TexelIndex at = texel_index(stack, index);
    uint8_t rgba[4];
    paint_texel(stack, paint, at.sheet, at.row, at.column, rgba);
    textures[index] = make_uchar4(rgba[0], rgba[1], rgba[2], rgba[3]);
  }
};

struct CloseTexel {
  Stack stack;
  Gaps gaps;
  float* opacity;

  __device__ void operator()(int64_t index) const {
    const TexelIndex at = texel_index(stack, index);
    opacity[index] = closed(stack, gaps, at.sheet, at.row, at.column, opacity[index]);
  }
};

struct WeighTexel {
  Stack stack;
  Seen seen;
  float* weights;

  __device__ void operator()(int64_t index) const {
    const TexelIndex at = texel_index(stack, index);
    weights[index] = seen_weight(stack, seen, at.sheet, at.row, at.column);
  }
};

struct CornersOfTexel {
  Stack stack;
  Seen seen;
  const int64_t* texels;
  int32_t* corners;
  float* shares;

  __device__ void operator()(int64_t index) const {
    seen_corners(stack, seen, texels[index], corners + 4 * index, shares + 4 * index);
  }
};

struct CarryBack {
  Carried carried;

  __device__ void operator()(int64_t index) const { carry_back(carried, index); }
};

}  // namespace

extern "C" {

// textures [S, T, T, 4], as pm_paint_texels.
int pm_cuda_paint_texels(const pm::Stack* stack, const pm::Paint* paint, void* textures, void* stream) {
  return for_each(texel_count(*stack), PaintTexel{*stack, *paint, static_cast<uchar4*>(textures)}, stream);
}

// opacity [S, T, T], raised in place, as pm_close_sheets.
int pm_cuda_close_sheets(const pm::Stack* stack, const pm::Gaps* gaps, float* opacity, void* stream) {
  return for_each(texel_count(*stack), CloseTexel{*stack, *gaps, opacity}, stream);
}

// weights [S, T, T], as pm_seen_weights.
int pm_cuda_seen_weights(const pm::Stack* stack, const pm::Seen* seen, float* weights, void* stream) {
  return for_each(texel_count(*stack), WeighTexel{*stack, *seen, weights}, stream);
}

// corners and shares [count, 4], as pm_seen_corners.
int pm_cuda_seen_corners(const pm::Stack* stack, const pm::Seen* seen, const int64_t* texels, int64_t count,
                         int32_t* corners, float* shares, void* stream) {
  return for_each(count, CornersOfTexel{*stack, *seen, texels, corners, shares}, stream);
}

// As pm_carry_back.
int pm_cuda_carry_back(const pm::Carried* carried, int64_t count, void* stream) {
  return for_each(count, CarryBack{*carried}, stream);
}

const char* pm_cuda_error(int code) { return cudaGetErrorString(static_cast<cudaError_t>(code)); }

}  // extern "C"
