// Parts of a mask that hang together by their sides, on a GPU: union-find over pixels, as Playne and Hawick, "A New
// Algorithm for Parallel Connected-Component Labelling on GPUs", IEEE TPDS 2018. A plain C interface; see
// connected_parts.py.
#include <cuda_runtime.h>

#include <cstdint>

namespace {

constexpr int THREADS = 256;

// A pixel's parent lies before it or is itself, and then it is the first of its part.
__device__ int first_of(const volatile int32_t* parent, int pixel) {
  for (int above; (above = parent[pixel]) != pixel;) pixel = above;
  return pixel;
}

__device__ void unite(int32_t* parent, int a, int b) {
  while (true) {
    a = first_of(parent, a), b = first_of(parent, b);
    if (a == b) return;
    const int later = max(a, b), sooner = min(a, b);
    const int before = atomicMin(parent + later, sooner);
    if (before == later) return;
    a = before, b = sooner;  // another thread was quicker: what it united with is united as well
  }
}

__global__ void begin_kernel(const bool* mask, int pixels, int32_t* parent) {
  const int pixel = blockIdx.x * THREADS + threadIdx.x;
  if (pixel < pixels) parent[pixel] = mask[pixel] ? pixel : -1;
}

__global__ void unite_kernel(const bool* mask, int pixels, int width, int32_t* parent) {
  const int pixel = blockIdx.x * THREADS + threadIdx.x;
  if (pixel >= pixels || !mask[pixel]) return;
  if (pixel % width && mask[pixel - 1]) unite(parent, pixel, pixel - 1);
  if (pixel >= width && mask[pixel - width]) unite(parent, pixel, pixel - width);
}

__global__ void name_kernel(const int32_t* parent, int pixels, int32_t* parts) {
  const int pixel = blockIdx.x * THREADS + threadIdx.x;
  if (pixel < pixels) parts[pixel] = parent[pixel] < 0 ? 0 : first_of(parent, pixel) + 1;
}

}  // namespace

extern "C" {

// mask [H, W] to parts [H, W]: 0 outside it, else one more than the index of the part's first pixel; `parent` [H, W] is
// working memory. All device memory; returns a cudaError_t.
int pm_cuda_connected_parts(const bool* mask, int height, int width, int32_t* parent, int32_t* parts, void* stream) {
  const int pixels = height * width, blocks = (pixels + THREADS - 1) / THREADS;
  if (!pixels) return cudaSuccess;
  const auto queue = static_cast<cudaStream_t>(stream);
  begin_kernel<<<blocks, THREADS, 0, queue>>>(mask, pixels, parent);
  unite_kernel<<<blocks, THREADS, 0, queue>>>(mask, pixels, width, parent);
  name_kernel<<<blocks, THREADS, 0, queue>>>(parent, pixels, parts);
  return cudaGetLastError();
}

const char* pm_cuda_error(int code) { return cudaGetErrorString(static_cast<cudaError_t>(code)); }

}  // extern "C"
