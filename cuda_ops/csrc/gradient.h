// The renderer's backward pass for one pixel (or a block of them): recompute the forward, then sheet by sheet from the back.
//
// With s_i = gC.lin(c_i) + gA + gD t_i and V_i = a_i s_i + (1 - a_i) V_{i+1} (what lies behind, V = 0 at the end),
//     dL/da_i = T_i (s_i - V_{i+1}),   dL/dc_i = T_i a_i gC lin'(c_i),   dL/dt_i = T_i a_i gD + dL/d(u,v) d(u,v)/dt.
// A sheet's depth moves with the radius map as dt/dR_k = B_k / (df/dt w), B_k the bilinear weight of map texel k:
// the implicit derivative of f = o_i. Near grazing incidence its divisor is bounded.
#pragma once
#include "composite.h"

namespace pm {

constexpr double LEAST_FALL = 0.02;  // |df/dt w| / |v| below which the depth's derivative stops growing

template <class F> struct Crossing {
  int sheet;
  typename Lanes<F>::Mask lanes;
  F t, u, v, transmittance;
  Footprint<F> mip;
  Texel<F> texel;
};

// A ray may enter a sheet again, and each lane of a block in a step of its own.
template <class F> constexpr int MOST_CROSSINGS = 2 * MAX_SHEETS * Lanes<F>::count;

// Remembers what the march enters.
template <class F, class Stored> struct Recorder {
  const FrameOf<F>& frame;
  const Ray<F>& ray;
  Crossing<F>* crossings;  // room for MOST_CROSSINGS<F>
  Accumulated<F> sum{};
  int count = 0;

  PM_FN typename Lanes<F>::Mask open() const { return still_open(sum); }

  PM_FN void enter(int sheet, typename Lanes<F>::Mask lanes, F t) {
    if (count == MOST_CROSSINGS<F>) return;
    const ChartPoint<F> at = chart_point(frame, ray, t);
    Crossing<F>& c = crossings[count++];
    c.sheet = sheet, c.t = t, c.u = at.u, c.v = at.v, c.transmittance = sum.transmittance;
    c.lanes = lanes & in_chart(at.u, at.v);
    const F depth = t + splat<F>(frame.start);
    c.mip = footprint(frame, at.inverse_rho, depth, c.lanes);
    c.texel = lookup<F, Stored>(frame, sheet, at.u, at.v, c.mip);
    c.texel.a = select(c.lanes, c.texel.a, F{});
    add(sum, c.texel, depth);
  }
};

// Receives the gradients of four texels of a texture level, and of four texels of the radius map:
// scatter.texels(level, sheet, u, v, index[4], lanes, gradient[4]) and scatter.radius_map(index, lanes, gradient[4]).
template <class F, class Stored, class Scatter>
PM_FN void backward(const FrameOf<F>& frame, F column, F row, typename Lanes<F>::Mask alive,
                    const F* gradient /* r, g, b, opacity, depth */, Crossing<F>* crossings /* as Recorder's */,
                    Scatter& scatter) {
  const Ray<F> ray = pixel_ray<F>(frame, column + splat<F>(0.5), row + splat<F>(0.5));
  Recorder<F, Stored> record{frame, ray, crossings};
  march(frame, ray, alive, record);

  const F one = splat<F>(1.0);
  F behind{};
  for (int i = record.count - 1; i >= 0; --i) {
    const Crossing<F>& c = record.crossings[i];
    const Texel<F>& texel = c.texel;
    const F value = gradient[0] * srgb_to_linear(texel.r) + gradient[1] * srgb_to_linear(texel.g) +
                    gradient[2] * srgb_to_linear(texel.b) + gradient[3] +
                    gradient[4] * (c.t + splat<F>(frame.start));
    const F to_opacity = select(c.lanes, c.transmittance * (value - behind), F{});
    const F weight = c.transmittance * texel.a;
    const F to_r = weight * gradient[0] * srgb_to_linear_slope(texel.r);
    const F to_g = weight * gradient[1] * srgb_to_linear_slope(texel.g);
    const F to_b = weight * gradient[2] * srgb_to_linear_slope(texel.b);
    behind = texel.a * value + (one - texel.a) * behind;

    const F inverse = one / (texel.a + splat<F>(TINY_OPACITY));
    F to_u{}, to_v{};
    for (int level = c.mip.first; level <= c.mip.last; ++level) {
      const int size = frame.texture_size >> level;
      const Corners<F> q = corners(c.u, c.v, size);
      const void* base = sheet_texels<Stored>(frame, level, c.sheet);
      const F share = c.mip.first == c.mip.last ? one : level_weight(c.mip.texels, level);
      Texel<F> to_texel[4];
      F to_weight[4];
      for (int k = 0; k < 4; ++k) {
        const Texel<F> corner = Fetch<F, Stored>::at(base, q.index[k]);
        const F pull = (to_r * (corner.r - texel.r) + to_g * (corner.g - texel.g) + to_b * (corner.b - texel.b)) * inverse;
        const F w = q.weight[k] * share;
        const F mix = w * (corner.a + splat<F>(TINY_OPACITY)) * inverse;
        to_texel[k] = {to_r * mix, to_g * mix, to_b * mix, w * (to_opacity + pull)};
        to_weight[k] = (corner.a * to_opacity + (corner.a + splat<F>(TINY_OPACITY)) * pull) * share;
      }
      scatter.texels(level, c.sheet, c.u, c.v, q.index, c.lanes, to_texel);
      to_u += ((to_weight[1] - to_weight[0]) * (one - q.y) + (to_weight[3] - to_weight[2]) * q.y) * splat<F>(size);
      to_v += ((to_weight[2] - to_weight[0]) * (one - q.x) + (to_weight[3] - to_weight[1]) * q.x) * splat<F>(size);
    }
    const FieldPoint<F> p = field(frame, ray, c.t);
    const F to_t = weight * gradient[4] + to_u * p.du + to_v * p.dv;
    const F fall = smaller(p.slope * p.spread, splat<F>(-LEAST_FALL) * ray.length);
    const F to_radius = select(c.lanes, to_t / fall, F{});
    const Corners<F> map = corners(p.at.u, p.at.v, frame.map_size);
    F to_map[4];
    for (int k = 0; k < 4; ++k) to_map[k] = to_radius * map.weight[k];
    scatter.radius_map(map.index, c.lanes, to_map);
  }
}

}  // namespace pm
