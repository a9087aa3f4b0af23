// Numbers that hold one pixel or several.
//
// The renderer's core is written once, for a "lane" type F: float (a CUDA thread), double (gradient checks) or Floats
// (one pixel a lane of the widest vector register: 16 with AVX-512, 8 with AVX2, else 4). This file gives all of them
// the same few operations.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#if defined(__AVX2__) && !defined(__CUDACC__)
#include <immintrin.h>
#endif

#ifdef __CUDACC__
#define PM_FN __host__ __device__ __forceinline__
#else
#define PM_FN inline __attribute__((always_inline))
#endif

namespace pm {

template <class F> struct Lanes;  // Int: as many integers; Mask: as many truths; Scalar: one number; count

template <> struct Lanes<float> { using Int = int; using Mask = bool; using Scalar = float; static constexpr int count = 1; };
template <> struct Lanes<double> { using Int = int; using Mask = bool; using Scalar = double; static constexpr int count = 1; };

PM_FN bool any(bool mask) { return mask; }
PM_FN bool none_of(bool mask) { return !mask; }
PM_FN float to_float(int i, float) { return float(i); }
PM_FN double to_float(int i, double) { return double(i); }
PM_FN int truncate(float x) { return int(x); }
PM_FN int truncate(double x) { return int(x); }
PM_FN float square_root(float x) { return sqrtf(x); }
PM_FN double square_root(double x) { return sqrt(x); }
PM_FN float reciprocal(float x) { return 1.0f / x; }
PM_FN double reciprocal(double x) { return 1.0 / x; }
PM_FN float reciprocal_root(float x) { return 1.0f / sqrtf(x); }
PM_FN double reciprocal_root(double x) { return 1.0 / sqrt(x); }
PM_FN float gather(const float* base, int index) { return base[index]; }
PM_FN double gather(const double* base, int index) { return base[index]; }
PM_FN uint32_t gather(const uint32_t* base, int index) { return base[index]; }
PM_FN uint64_t gather_or(const uint64_t* base, int index, bool mask) { return mask ? base[index] : 0; }
// Eight numbers in a row from record `index`, one an output.
PM_FN void gather_cell(const float* base, int index, float* k) { for (int c = 0; c < 8; ++c) k[c] = base[8 * index + c]; }
PM_FN void gather_cell(const double* base, int index, double* k) { for (int c = 0; c < 8; ++c) k[c] = base[8 * index + c]; }
PM_FN float get(float x, int) { return x; }
PM_FN double get(double x, int) { return x; }
PM_FN int get(int x, int) { return x; }
PM_FN float least(float x) { return x; }
PM_FN double least(double x) { return x; }
PM_FN float greatest(float x) { return x; }
PM_FN double greatest(double x) { return x; }

template <class F> PM_FN F select(bool mask, F yes, F no) { return mask ? yes : no; }

#ifndef __CUDACC__
#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX2__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif
typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef int32_t Ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t Words __attribute__((vector_size(4 * LANES)));

template <> struct Lanes<Floats> {
  using Int = Ints;
  using Mask = Ints;  // 0 or -1
  using Scalar = float;
  static constexpr int count = LANES;
};

PM_FN Floats select(Ints mask, Floats yes, Floats no) { return mask ? yes : no; }
PM_FN Ints select(Ints mask, Ints yes, Ints no) { return mask ? yes : no; }
PM_FN Ints none_of(Ints mask) { return ~mask; }
PM_FN Floats to_float(Ints i, Floats) { return __builtin_convertvector(i, Floats); }
PM_FN Ints truncate(Floats x) { return __builtin_convertvector(x, Ints); }
PM_FN float get(Floats x, int lane) { return x[lane]; }
PM_FN int get(Ints x, int lane) { return x[lane]; }

PM_FN bool any(Ints mask) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0;
#elif defined(__AVX2__)
  return !_mm256_testz_si256((__m256i)mask, (__m256i)mask);
#else
  int32_t bits = 0;
  for (int k = 0; k < LANES; ++k) bits |= mask[k];
  return bits != 0;
#endif
}

PM_FN Floats square_root(Floats x) {
#if defined(__AVX512F__)
  return (Floats)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
  return (Floats)_mm256_sqrt_ps((__m256)x);
#else
  Floats root;
  for (int k = 0; k < LANES; ++k) root[k] = std::sqrt(x[k]);
  return root;
#endif
}

// AVX-512 estimates both to 14 bits; a Newton step makes that 1e-7, several times faster than to divide.
PM_FN Floats reciprocal(Floats x) {
#if defined(__AVX512F__)
  const Floats guess = (Floats)_mm512_rcp14_ps((__m512)x);
  return guess * (2.0f - x * guess);
#else
  return 1.0f / x;
#endif
}
PM_FN Floats reciprocal_root(Floats x) {
#if defined(__AVX512F__)
  const Floats guess = (Floats)_mm512_rsqrt14_ps((__m512)x);
  return guess * (1.5f - 0.5f * x * guess * guess);
#else
  return 1.0f / square_root(x);
#endif
}

PM_FN Floats gather(const float* base, Ints index) {
#if defined(__AVX512F__)
  return (Floats)_mm512_i32gather_ps((__m512i)index, base, 4);
#elif defined(__AVX2__)
  return (Floats)_mm256_i32gather_ps(base, (__m256i)index, 4);
#else
  Floats values;
  for (int k = 0; k < LANES; ++k) values[k] = base[index[k]];
  return values;
#endif
}

PM_FN Words gather(const uint32_t* base, Ints index) {
#if defined(__AVX512F__)
  return (Words)_mm512_i32gather_epi32((__m512i)index, base, 4);
#elif defined(__AVX2__)
  return (Words)_mm256_i32gather_epi32(reinterpret_cast<const int*>(base), (__m256i)index, 4);
#else
  Words values;
  for (int k = 0; k < LANES; ++k) values[k] = base[index[k]];
  return values;
#endif
}

#ifdef __AVX2__
// Transposes 8 records of 8 floats: 8 loads and 24 shuffles, several times cheaper than 8 gathers.
PM_FN void transpose_records(const float* base, const int32_t* index, float* out /* [8][LANES], at lane 0 or 8 */) {
  __m256 r[8], s[8];
  for (int k = 0; k < 8; ++k) r[k] = _mm256_loadu_ps(base + 8 * index[k]);
  for (int k = 0; k < 4; ++k) {
    s[2 * k] = _mm256_unpacklo_ps(r[2 * k], r[2 * k + 1]);
    s[2 * k + 1] = _mm256_unpackhi_ps(r[2 * k], r[2 * k + 1]);
  }
  for (int h = 0; h < 2; ++h) {
    r[4 * h + 0] = _mm256_shuffle_ps(s[4 * h + 0], s[4 * h + 2], 0x44);
    r[4 * h + 1] = _mm256_shuffle_ps(s[4 * h + 0], s[4 * h + 2], 0xEE);
    r[4 * h + 2] = _mm256_shuffle_ps(s[4 * h + 1], s[4 * h + 3], 0x44);
    r[4 * h + 3] = _mm256_shuffle_ps(s[4 * h + 1], s[4 * h + 3], 0xEE);
  }
  for (int k = 0; k < 4; ++k) {
    _mm256_storeu_ps(out + LANES * k, _mm256_permute2f128_ps(r[k], r[k + 4], 0x20));
    _mm256_storeu_ps(out + LANES * (k + 4), _mm256_permute2f128_ps(r[k], r[k + 4], 0x31));
  }
}
#endif

PM_FN void gather_cell(const float* base, Ints index, Floats* k) {
  int32_t lanes[LANES];
  std::memcpy(lanes, &index, sizeof lanes);
  float out[8 * LANES];
#ifdef __AVX2__
  for (int lane = 0; lane < LANES; lane += 8) transpose_records(base, lanes + lane, out + lane);
#else
  for (int lane = 0; lane < LANES; ++lane)
    for (int c = 0; c < 8; ++c) out[LANES * c + lane] = base[8 * lanes[lane] + c];
#endif
  std::memcpy(k, out, sizeof out);
}

// The union of the words at the masked lanes' indices.
PM_FN uint64_t gather_or(const uint64_t* base, Ints index, Ints mask) {
#ifdef __AVX512F__
  const __mmask16 lanes = _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask);
  const __m512i none = _mm512_setzero_si512();
  const __m256i low = _mm512_castsi512_si256((__m512i)index), high = _mm512_extracti64x4_epi64((__m512i)index, 1);
  const __m512i words = _mm512_or_si512(_mm512_mask_i32gather_epi64(none, __mmask8(lanes), low, base, 8),
                                        _mm512_mask_i32gather_epi64(none, __mmask8(lanes >> 8), high, base, 8));
  return uint64_t(_mm512_reduce_or_epi64(words));
#else
  uint64_t word = 0;
  for (int k = 0; k < LANES; ++k) word |= base[index[k]] & uint64_t(int64_t(mask[k]));
  return word;
#endif
}

PM_FN float least(Floats x) {
#ifdef __AVX512F__
  return _mm512_reduce_min_ps((__m512)x);
#else
  float value = x[0];
  for (int k = 1; k < LANES; ++k) value = x[k] < value ? x[k] : value;
  return value;
#endif
}
PM_FN float greatest(Floats x) { return -least(-x); }
#endif

template <class F> PM_FN F smaller(F a, F b) { return select(a < b, a, b); }
template <class F> PM_FN F larger(F a, F b) { return select(a > b, a, b); }
template <class F> PM_FN F clamp(F x, F low, F high) { return smaller(larger(x, low), high); }
template <class F> PM_FN F splat(double x) { return F{} + typename Lanes<F>::Scalar(x); }

// sRGB transfer functions (IEC 61966-2-1): exact in double; in float by polynomials right to 3e-6, which vectorise.
PM_FN double srgb_to_linear(double x) { return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4); }
PM_FN double srgb_to_linear_slope(double x) {
  return x <= 0.04045 ? 1.0 / 12.92 : 2.4 / 1.055 * pow((x + 0.055) / 1.055, 1.4);
}
PM_FN double linear_to_srgb(double y) { return y <= 0.0031308 ? 12.92 * y : 1.055 * pow(y, 1.0 / 2.4) - 0.055; }

template <class F> PM_FN F srgb_to_linear(F x) {
  const F power = (((((((splat<F>(0.0560430913) * x + splat<F>(-0.255237423)) * x + splat<F>(0.511841304)) * x +
          splat<F>(-0.639369665)) * x + splat<F>(0.795216045)) * x + splat<F>(0.496140214)) * x +
          splat<F>(0.0344924766)) * x + splat<F>(0.000875111499));
  return select(x <= splat<F>(0.04045), x * splat<F>(1.0 / 12.92), power);
}
template <class F> PM_FN F srgb_to_linear_slope(F x) {
  const F power = ((((((splat<F>(0.392301639) * x + splat<F>(-1.53142454)) * x + splat<F>(2.55920652)) * x +
          splat<F>(-2.55747866)) * x + splat<F>(2.38564813)) * x + splat<F>(0.992280428)) * x +
          splat<F>(0.0344924766));
  return select(x <= splat<F>(0.04045), splat<F>(1.0 / 12.92), power);
}
template <class F> PM_FN F linear_to_srgb(F y) {
  const F q = square_root(square_root(larger(y, F{})));
  const F power = (((((((splat<F>(-0.0547211857) * q + splat<F>(0.298084184)) * q + splat<F>(-0.71737495)) * q +
          splat<F>(1.02648752)) * q + splat<F>(-1.04903135)) * q + splat<F>(1.42538903)) * q +
          splat<F>(0.130096184)) * q + splat<F>(-0.058929627));
  return select(y <= splat<F>(0.0031308), y * splat<F>(12.92), power);
}

}  // namespace pm
