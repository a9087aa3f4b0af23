// Texture lookup on the sheets and front-to-back compositing, with gradients.
//
// Lookup. With the weights w_k (sum 1) of the four texels around a point (eight, between two mip levels),
//     a = sum w_k a_k,    c = sum w_k (a_k + e) c_k / (a + e),    e = TINY_OPACITY:
// colours count by their opacity, so what lies under zero opacity never shows. c is sRGB-encoded.
// Compositing, in linear light, sheet by sheet with transmittance T (1 at the camera):
//     C += T a lin(c),  A += T a,  D += T a t,  T *= 1 - a.
#pragma once
#include "manifolds.h"

namespace pm {

constexpr double TINY_OPACITY = 1e-5;

template <class F> struct Texel {
  F r, g, b, a;
};

template <class F, class Stored> struct Fetch;  // texel `index` of a level's sheet, in 0..1

template <class F> struct Fetch<F, uint8_t> {
  static PM_FN Texel<F> at(const void* base, typename Lanes<F>::Int index) {
    using Int = typename Lanes<F>::Int;
    const auto packed = gather(static_cast<const uint32_t*>(base), index);
    const F unit = splat<F>(1.0 / 255.0);
    return {to_float((Int)(packed & 255u), F{}) * unit, to_float((Int)((packed >> 8) & 255u), F{}) * unit,
            to_float((Int)((packed >> 16) & 255u), F{}) * unit, to_float((Int)(packed >> 24), F{}) * unit};
  }
};

template <class F, class Real> struct FetchReal {
  static PM_FN Texel<F> at(const void* base, typename Lanes<F>::Int index) {
    const Real* p = static_cast<const Real*>(base);
    const auto i = index * 4;
    return {gather(p, i), gather(p + 1, i), gather(p + 2, i), gather(p + 3, i)};
  }
};
template <class F> struct Fetch<F, float> : FetchReal<F, float> {};
template <class F> struct Fetch<F, double> : FetchReal<F, double> {};
#ifdef __CUDACC__
template <> struct Fetch<float, float> {  // one load of 16 bytes
  static PM_FN Texel<float> at(const void* base, int index) {
    const float4 texel = static_cast<const float4*>(base)[index];
    return {texel.x, texel.y, texel.z, texel.w};
  }
};
#endif

// Which mip levels a lookup mixes: level `floor(log2 s)` and the next, by s / 2^level - 1, for s texels a pixel.
template <class F> struct Footprint {
  F texels;         // s, at least 1
  int first, last;  // levels that any lane needs
};

template <class F>
PM_FN Footprint<F> footprint(const FrameOf<F>& frame, F inverse_rho, F depth, typename Lanes<F>::Mask lanes) {
  const F texels = depth * inverse_rho * splat<F>(frame.texels_at_one);
  Footprint<F> result;
  result.texels = clamp(texels, splat<F>(1.0), splat<F>(double(1 << (frame.level_count - 1))));
  const F fill = splat<F>(1.0);
  const float most = float(greatest(select(lanes, result.texels, fill)));
  const float fewest = float(least(select(lanes, result.texels, splat<F>(1e9))));
  result.first = 0;
  while (result.first + 1 < frame.level_count && float(2 << result.first) <= fewest) ++result.first;
  result.last = result.first;
  while (result.last + 1 < frame.level_count && float(1 << result.last) < most) ++result.last;
  return result;
}

// Weight of a level in the mix: a tent over s with its peak at 2^level.
template <class F> PM_FN F level_weight(F texels, int level) {
  const F ratio = texels * splat<F>(1.0 / double(1 << level));
  return larger(select(ratio < splat<F>(1.0), ratio + ratio - splat<F>(1.0), splat<F>(2.0) - ratio), F{});
}

template <class F> struct Corners {
  typename Lanes<F>::Int index[4];  // texels of the sheet
  F weight[4];
  F x, y;                           // within the four, 0..1
};

template <class F> PM_FN Corners<F> corners(F u, F v, int size) {
  const MapCell<F> cell = map_cell(u, v, size);
  Corners<F> c;
  c.x = cell.x, c.y = cell.y;
  const F one = splat<F>(1.0);
  c.index[0] = cell.row * size + cell.column;
  c.index[1] = c.index[0] + 1, c.index[2] = c.index[0] + size, c.index[3] = c.index[0] + (size + 1);
  c.weight[0] = (one - c.x) * (one - c.y), c.weight[1] = c.x * (one - c.y);
  c.weight[2] = (one - c.x) * c.y, c.weight[3] = c.x * c.y;
  return c;
}

template <class Stored, class Real> PM_FN const void* sheet_texels(const Frame<Real>& frame, int level, int sheet) {
  const int64_t size = frame.texture_size >> level;
  return static_cast<const Stored*>(frame.levels[level]) + sheet * size * size * 4;
}

template <class F> PM_FN typename Lanes<F>::Mask in_chart(F u, F v) {
  return (u >= F{}) & (u < splat<F>(1.0)) & (v >= F{}) & (v < splat<F>(1.0));
}

template <class F, class Stored>
PM_FN Texel<F> lookup(const FrameOf<F>& frame, int sheet, F u, F v, const Footprint<F>& mip) {
  Texel<F> sum{};
  for (int level = mip.first; level <= mip.last; ++level) {
    const Corners<F> c = corners(u, v, frame.texture_size >> level);
    const void* base = sheet_texels<Stored>(frame, level, sheet);
    const F share = mip.first == mip.last ? splat<F>(1.0) : level_weight(mip.texels, level);
    for (int k = 0; k < 4; ++k) {
      const Texel<F> texel = Fetch<F, Stored>::at(base, c.index[k]);
      const F opacity = c.weight[k] * share * texel.a;
      const F weight = opacity + c.weight[k] * share * splat<F>(TINY_OPACITY);
      sum.r += weight * texel.r, sum.g += weight * texel.g, sum.b += weight * texel.b, sum.a += opacity;
    }
  }
  const F inverse = reciprocal(sum.a + splat<F>(TINY_OPACITY));
  sum.r *= inverse, sum.g *= inverse, sum.b *= inverse;
  return sum;
}

// What one ray accumulates.
template <class F> struct Accumulated {
  F r{}, g{}, b{}, opacity{}, depth{}, transmittance = splat<F>(1.0);
};

template <class F> PM_FN typename Lanes<F>::Mask still_open(const Accumulated<F>& sum) {
  constexpr bool exact = sizeof(typename Lanes<F>::Scalar) == 8;
  return sum.transmittance > splat<F>(exact ? 0.0 : 1e-4);
}

template <class F> PM_FN void add(Accumulated<F>& sum, const Texel<F>& texel, F depth) {
  const F weight = sum.transmittance * texel.a;
  sum.r += weight * srgb_to_linear(texel.r);
  sum.g += weight * srgb_to_linear(texel.g);
  sum.b += weight * srgb_to_linear(texel.b);
  sum.opacity += weight;
  sum.depth += weight * depth;
  sum.transmittance -= weight;
}

// Composites each sheet as the march enters it.
template <class F, class Stored> struct Compositor {
  const FrameOf<F>& frame;
  const Ray<F>& ray;
  Accumulated<F> sum{};

  PM_FN typename Lanes<F>::Mask open() const { return still_open(sum); }

  PM_FN void enter(int sheet, typename Lanes<F>::Mask lanes, F t) {
    const ChartPoint<F> at = chart_point(frame, ray, t);
    const F depth = t + splat<F>(frame.start);
    lanes = lanes & in_chart(at.u, at.v);
    Texel<F> texel = lookup<F, Stored>(frame, sheet, at.u, at.v, footprint(frame, at.inverse_rho, depth, lanes));
    texel.a = select(lanes, texel.a, F{});
    if (frame.softness > 0) {  // as the nodes in Blender have it: a smooth step of the cosine
      const F level = splat<F>(frame.offsets[sheet]);
      const F seen = smaller(facing(frame, ray, at, level) / splat<F>(frame.softness), splat<F>(1.0));
      texel.a *= seen * seen * (splat<F>(3.0) - seen - seen);
    }
    add(sum, texel, depth);
  }
};

// A pixel, the mean of samples x samples rays.
template <class F, class Stored>
PM_FN Accumulated<F> composite(const FrameOf<F>& frame, F column, F row, typename Lanes<F>::Mask lanes,
                               DepthRange range = {}) {
  using Real = typename Lanes<F>::Scalar;
  const int n = frame.samples;
  const F share = splat<F>(Real(1) / Real(n * n));
  Accumulated<F> mean;
  for (int sample = 0; sample < n * n; ++sample) {
    const Real right = (Real(sample % n) + Real(0.5)) / Real(n), down = (Real(sample / n) + Real(0.5)) / Real(n);
    const Ray<F> ray = pixel_ray<F>(frame, column + splat<F>(right), row + splat<F>(down));
    Compositor<F, Stored> sink{frame, ray};
    march(frame, ray, lanes, sink, range);
    mean.r += sink.sum.r * share, mean.g += sink.sum.g * share, mean.b += sink.sum.b * share;
    mean.opacity += sink.sum.opacity * share, mean.depth += sink.sum.depth * share;
  }
  return mean;
}

// Straight sRGB colour, opacity and expected depth (+inf where there is next to nothing).
template <class F> struct Pixel {
  F r, g, b, a, depth;
};

template <class F> PM_FN F expected_depth(const Accumulated<F>& sum, F inverse_opacity) {
  return select(sum.opacity >= splat<F>(1.0 / 255.0), sum.depth * inverse_opacity, splat<F>(HUGE_VAL));
}

template <class F> PM_FN Pixel<F> finish(const Accumulated<F>& sum) {
  const F inverse = splat<F>(1.0) / larger(sum.opacity, splat<F>(1e-6));
  const F one = splat<F>(1.0);
  return {clamp(linear_to_srgb(sum.r * inverse), F{}, one), clamp(linear_to_srgb(sum.g * inverse), F{}, one),
          clamp(linear_to_srgb(sum.b * inverse), F{}, one), clamp(sum.opacity, F{}, one),
          expected_depth(sum, inverse)};
}

}  // namespace pm
