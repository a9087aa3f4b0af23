// The renderer on a GPU: a thread a pixel, the same core as on the CPU. A plain C interface; see native_cuda.py.
// All pointers within the scene, and the pictures, are device memory; every function returns a cudaError_t.
#include <cuda_runtime.h>

#include "gradient.h"
#include "halve.h"

namespace {

using namespace pm;

constexpr dim3 BLOCK(16, 8);

dim3 grid_for(const View& view) {
  return dim3((view.width_px + BLOCK.x - 1) / BLOCK.x, (view.height_px + BLOCK.y - 1) / BLOCK.y);
}

struct PixelIndex {
  int x, y;
  bool inside;
  int64_t offset;
};

__device__ __forceinline__ PixelIndex pixel_index(const Frame<float>& frame) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  return {x, y, x < frame.width && y < frame.height, int64_t(y) * frame.width + x};
}

template <class Stored>
__global__ void __launch_bounds__(128) render_kernel(const __grid_constant__ Frame<float> frame, float4* rgba, float* depth) {
  const PixelIndex at = pixel_index(frame);
  if (!at.inside) return;
  const Pixel<float> pixel = finish(composite<float, Stored>(frame, float(at.x), float(at.y), true));
  rgba[at.offset] = make_float4(pixel.r, pixel.g, pixel.b, pixel.a);
  depth[at.offset] = pixel.depth;
}

__global__ void __launch_bounds__(128) accumulate_kernel(const __grid_constant__ Frame<float> frame, float* out) {
  const PixelIndex at = pixel_index(frame);
  if (!at.inside) return;
  const Accumulated<float> sum = composite<float, float>(frame, float(at.x), float(at.y), true);
  const float values[5] = {sum.r, sum.g, sum.b, sum.opacity, sum.depth};
  for (int k = 0; k < 5; ++k) out[at.offset * 5 + k] = values[k];
}

struct Levels {
  float* texels[MAX_LEVELS];
};

struct AtomicScatter {
  const Frame<float>& frame;
  const Levels& levels;
  float* radius;

  __device__ void texels(int level, int sheet, float, float, const int* index, bool lane, const Texel<float>* gradient) {
    if (!lane) return;
    const int64_t size = frame.texture_size >> level;
    float* base = levels.texels[level] + sheet * size * size * 4;
    for (int k = 0; k < 4; ++k) {
      float* texel = base + int64_t(index[k]) * 4;
      atomicAdd(texel, gradient[k].r), atomicAdd(texel + 1, gradient[k].g);
      atomicAdd(texel + 2, gradient[k].b), atomicAdd(texel + 3, gradient[k].a);
    }
  }
  __device__ void radius_map(const int* index, bool lane, const float* gradient) {
    if (!lane) return;
    for (int k = 0; k < 4; ++k) atomicAdd(radius + index[k], gradient[k]);
  }
};

__global__ void __launch_bounds__(128) backward_kernel(const __grid_constant__ Frame<float> frame, const float* gradient,
                                                       const __grid_constant__ Levels levels, float* radius) {
  const PixelIndex at = pixel_index(frame);
  if (!at.inside) return;
  AtomicScatter scatter{frame, levels, radius};
  Crossing<float> crossings[MOST_CROSSINGS<float>];
  backward<float, float>(frame, float(at.x), float(at.y), true, gradient + at.offset * 5, crossings, scatter);
}

__global__ void __launch_bounds__(256) halve_kernel(const uchar4* texels, int64_t count, int size, uchar4* half) {
  const int64_t index = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index >= count) return;
  const int64_t to = size / 2, line = index / to, column = index % to;
  const int64_t top = (line / to * size + line % to * 2) * size + column * 2;
  halve(reinterpret_cast<const uint8_t*>(texels + top), size, reinterpret_cast<uint8_t*>(half + index));
}

}  // namespace

extern "C" {

// The next mip level [S, T / 2, T / 2, 4] of [S, T, T, 4].
int pm_cuda_halve_u8(const void* texels, int sheets, int size, void* half, void* stream) {
  const int64_t count = int64_t(sheets) * (size / 2) * (size / 2);
  if (!count) return cudaSuccess;  // a grid without blocks is an error
  halve_kernel<<<unsigned((count + 255) / 256), 256, 0, static_cast<cudaStream_t>(stream)>>>(
      static_cast<const uchar4*>(texels), count, size, static_cast<uchar4*>(half));
  return cudaGetLastError();
}

// Straight sRGB RGBA [H, W, 4] and expected depth [H, W] of 8-bit textures.
int pm_cuda_render_u8(const pm::Scene* scene, const pm::View* view, float* rgba, float* depth, void* stream) {
  render_kernel<uint8_t><<<grid_for(*view), BLOCK, 0, static_cast<cudaStream_t>(stream)>>>(
      make_frame<float>(*scene, *view), reinterpret_cast<float4*>(rgba), depth);
  return cudaGetLastError();
}

// Premultiplied linear RGB, opacity and opacity-weighted depth [H, W, 5] of float textures.
int pm_cuda_accumulate_f32(const pm::Scene* scene, const pm::View* view, float* out, void* stream) {
  accumulate_kernel<<<grid_for(*view), BLOCK, 0, static_cast<cudaStream_t>(stream)>>>(make_frame<float>(*scene, *view),
                                                                                      out);
  return cudaGetLastError();
}

// Adds to the gradients of the texture levels and of the radius map [G, G].
int pm_cuda_backward_f32(const pm::Scene* scene, const pm::View* view, const float* gradient, float* const* levels,
                         float* radius, void* stream) {
  Levels to;
  std::memcpy(to.texels, levels, sizeof to.texels);
  backward_kernel<<<grid_for(*view), BLOCK, 0, static_cast<cudaStream_t>(stream)>>>(make_frame<float>(*scene, *view),
                                                                                    gradient, to, radius);
  return cudaGetLastError();
}

const char* pm_cuda_error(int code) { return cudaGetErrorString(static_cast<cudaError_t>(code)); }

}  // extern "C"
