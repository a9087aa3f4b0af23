// Ray-manifold intersection: one march along a ray finds its entries into all sheets.
//
// Field and chart are those of backend/manifolds.py. Along a ray x(t) = o + t v, t the depth in metres beyond that of o
// (`Frame::start`, 0 at the camera), the field
// f = (rho - R(d)) / w(d) is sampled in steps; each step reports the sheets whose level it falls through, and each is
// located by a cubic guess from the step's ends and Newton's method.
#pragma once
#include "lanes.h"

namespace pm {

constexpr int MAX_SHEETS = 64;
constexpr int MAX_LEVELS = 12;
constexpr int TILE = 16;        // texels along a side of the fine occupancy tiles
constexpr int COARSE_TILES = 8; // coarse occupancy tiles along a side of the chart
constexpr int CELL = 8;         // numbers a geometry cell: R = c0 + c1 x + c2 y + c3 x y, then the same of w

// Everything of a portrait that drawing needs. Shared with Python (native.py) by layout.
struct Scene {
  const void* cells;               // [(G-1)^2, CELL], float or double
  const void* offsets;             // [S], ascending
  const void* extent;              // [2]: beyond this radius in metres no sheet reaches; safe share of a radial gap
  const void* levels[MAX_LEVELS];  // texture pyramid: [S, T >> l, T >> l, 4], uint8, float or double
  const uint64_t* fine;            // [T / TILE, T / TILE] bit i: sheet i has opacity in or next to this tile; or null
  const uint64_t* coarse;          // [COARSE_TILES, COARSE_TILES] likewise
  double half_extent;              // of the chart
  int32_t map_size;                // G
  int32_t sheets;                  // S
  int32_t texture_size;            // T
  int32_t level_count;
};

// A pinhole camera; `pose` holds the rows of camera_to_world's upper 3 x 4.
struct View {
  double pose[12];
  double fx_px, fy_px, cx_px, cy_px;
  int32_t width_px, height_px;
  int32_t samples;  // along each side of a pixel; their mean is the pixel
  double softness;  // cosine of view and sheet below which the sheet fades, 0 to 1
};

// A depth from which rays are counted, in metres, and the pixel in which the portrait's centre lies at that depth.
// Single precision counts from the camera only while that is near: far away a ray begins at the depth of the centre.
struct Start {
  double depth = 0.0, column = 0.0, row = 0.0;
};
constexpr double FAR_AWAY = 20.0;  // metres; no sheet reaches half as far

inline Start ray_start(const View& view) {
  const double* p = view.pose;
  const double depth = p[3] * p[2] + p[7] * p[6] + p[11] * p[10];
  if (!(depth > FAR_AWAY)) return {};
  const double left = p[3] * p[0] + p[7] * p[4] + p[11] * p[8], below = p[3] * p[1] + p[7] * p[5] + p[11] * p[9];
  return {depth, view.cx_px - view.fx_px * left / depth, view.cy_px + view.fy_px * below / depth};
}

// Scene and view in the precision of the lanes, with what all rays share worked out once.
template <class Real> struct Frame {
  const Real *cells, *offsets, *extent;
  const void* levels[MAX_LEVELS];
  const uint64_t *fine, *coarse;
  int map_size, sheets, texture_size, level_count, width, height, samples;
  Real pose[12], cx, cy, inverse_fx, inverse_fy;
  Real start, start_x, start_y, pixel_width, pixel_height;  // ray_start, and a pixel's size there in metres
  Real chart_to_map;  // chart coordinates to 0..1
  Real texels_at_one;  // texels a pixel at depth and radius 1 m, with SHARPNESS
  Real softness;
};

constexpr double SHARPNESS = 1.4;  // a texel may shrink to 1 / SHARPNESS pixels before the next mip level mixes in

template <class Real> Frame<Real> make_frame(const Scene& scene, const View& view) {
  Frame<Real> f;
  f.cells = static_cast<const Real*>(scene.cells), f.offsets = static_cast<const Real*>(scene.offsets);
  f.extent = static_cast<const Real*>(scene.extent);
  std::memcpy(f.levels, scene.levels, sizeof f.levels);
  f.fine = scene.fine, f.coarse = scene.coarse;
  f.map_size = scene.map_size, f.sheets = scene.sheets;
  f.texture_size = scene.texture_size, f.level_count = scene.level_count;
  f.width = view.width_px, f.height = view.height_px, f.samples = view.samples;
  for (int k = 0; k < 12; ++k) f.pose[k] = Real(view.pose[k]);
  f.cx = Real(view.cx_px), f.cy = Real(view.cy_px);
  f.inverse_fx = Real(1.0 / view.fx_px), f.inverse_fy = Real(1.0 / view.fy_px);
  const Start start = ray_start(view);
  if (start.depth > 0.0) f.pose[3] = f.pose[7] = f.pose[11] = Real(0);  // the portrait's centre
  f.start = Real(start.depth), f.start_x = Real(start.column), f.start_y = Real(start.row);
  f.pixel_width = Real(start.depth / view.fx_px), f.pixel_height = Real(start.depth / view.fy_px);
  f.chart_to_map = Real(0.5 / scene.half_extent);
  // A pixel covers t / f metres at depth t; a texel of the equal-area chart 2 E rho / T.
  const double pixel = 1.0 / (view.samples * std::sqrt(view.fx_px * view.fy_px));
  f.softness = Real(view.softness);
  f.texels_at_one = Real(pixel * scene.texture_size / (2.0 * scene.half_extent * SHARPNESS));
  return f;
}

template <class F> struct Ray {
  F ox, oy, oz, vx, vy, vz;
  F vv, ov, length;  // |v|^2, o.v, |v|
};

template <class F> using FrameOf = Frame<typename Lanes<F>::Scalar>;

// The ray through (x, y) in pixels.
template <class F> PM_FN Ray<F> pixel_ray(const FrameOf<F>& frame, F x_px, F y_px) {
  const F x = (x_px - splat<F>(frame.cx)) * splat<F>(frame.inverse_fx);
  const F y = (splat<F>(frame.cy) - y_px) * splat<F>(frame.inverse_fy);
  const auto* p = frame.pose;
  Ray<F> ray;
  const F right = (x_px - splat<F>(frame.start_x)) * splat<F>(frame.pixel_width);  // 0 from a camera that is near
  const F up = (splat<F>(frame.start_y) - y_px) * splat<F>(frame.pixel_height);
  ray.ox = right * splat<F>(p[0]) + up * splat<F>(p[1]) + splat<F>(p[3]);
  ray.oy = right * splat<F>(p[4]) + up * splat<F>(p[5]) + splat<F>(p[7]);
  ray.oz = right * splat<F>(p[8]) + up * splat<F>(p[9]) + splat<F>(p[11]);
  ray.vx = x * splat<F>(p[0]) + y * splat<F>(p[1]) - splat<F>(p[2]);
  ray.vy = x * splat<F>(p[4]) + y * splat<F>(p[5]) - splat<F>(p[6]);
  ray.vz = x * splat<F>(p[8]) + y * splat<F>(p[9]) - splat<F>(p[10]);
  ray.vv = ray.vx * ray.vx + ray.vy * ray.vy + ray.vz * ray.vz;
  ray.ov = ray.ox * ray.vx + ray.oy * ray.vy + ray.oz * ray.vz;
  ray.length = square_root(ray.vv);
  return ray;
}

// A point of the ray and its place in the chart: u, v in 0..1, right and down as in the maps.
template <class F> struct ChartPoint {
  F x, y, z, rho, inverse_rho, scale, u, v;
};

template <class F> PM_FN ChartPoint<F> chart_point(const FrameOf<F>& frame, const Ray<F>& ray, F t) {
  ChartPoint<F> p;
  p.x = ray.ox + t * ray.vx, p.y = ray.oy + t * ray.vy, p.z = ray.oz + t * ray.vz;
  const F squared = p.x * p.x + p.y * p.y + p.z * p.z + splat<F>(1e-20);
  p.inverse_rho = reciprocal_root(squared), p.rho = squared * p.inverse_rho;
  // sqrt(2 / (1 + d_z)) d_x = x sqrt(2) / sqrt(rho (rho + z)). Near the antipode, where rho + z loses its digits, that
  // is (x^2 + y^2) / (2 rho); the antipode itself is all of the chart's rim: here one point of it.
  const F tiny = splat<F>(1e-8), beside = p.x * p.x + p.y * p.y, sum = p.rho + p.z;
  const auto antipode = (p.z < F{}) & (beside < tiny * tiny);
  const F half = splat<F>(0.5) * larger(beside, tiny * tiny) * p.inverse_rho;
  const F apart = select(sum < splat<F>(1e-3) * p.rho, half, sum);
  p.scale = splat<F>(1.4142135623730951) * reciprocal_root(p.rho * apart);
  p.u = splat<F>(0.5) + select(antipode, tiny, p.x) * p.scale * splat<F>(frame.chart_to_map);
  p.v = splat<F>(0.5) - p.y * p.scale * splat<F>(frame.chart_to_map);
  return p;
}

template <class F> struct MapCell {
  typename Lanes<F>::Int column, row;
  F x, y;  // within the cell, 0..1
};

template <class F> PM_FN MapCell<F> map_cell(F u, F v, int size) {
  const F last = splat<F>((size - 1) * (1.0 - 1e-6));
  const F x = clamp(u * splat<F>(size) - splat<F>(0.5), F{}, last);
  const F y = clamp(v * splat<F>(size) - splat<F>(0.5), F{}, last);
  MapCell<F> cell;
  cell.column = truncate(x), cell.row = truncate(y);
  cell.x = x - to_float(cell.column, F{}), cell.y = y - to_float(cell.row, F{});
  return cell;
}

template <class F> struct FieldPoint {
  ChartPoint<F> at;
  F value, slope;        // f and df/dt
  F spread;              // w
  F du, dv;              // d(u, v)/dt
  F outward;             // d rho / dt
};

template <class F> PM_FN FieldPoint<F> field(const FrameOf<F>& frame, const Ray<F>& ray, F t) {
  FieldPoint<F> p;
  p.at = chart_point(frame, ray, t);
  const ChartPoint<F>& c = p.at;
  const MapCell<F> cell = map_cell(c.u, c.v, frame.map_size);
  F k[CELL];
  gather_cell(frame.cells, cell.row * (frame.map_size - 1) + cell.column, k);
  const F radius = k[0] + k[1] * cell.x + (k[2] + k[3] * cell.x) * cell.y;
  p.spread = k[4] + k[5] * cell.x + (k[6] + k[7] * cell.x) * cell.y;
  p.outward = (ray.ov + t * ray.vv) * c.inverse_rho;
  // scale^2 = 2 / m with m = rho (rho + z), so d scale = -scale^3 / 4 dm.
  const F dm = p.outward * (c.rho + c.rho + c.z) + c.rho * ray.vz;
  const F dscale = splat<F>(-0.25) * c.scale * c.scale * c.scale * dm;
  const F half = splat<F>(frame.chart_to_map);
  p.du = (ray.vx * c.scale + c.x * dscale) * half;
  p.dv = (ray.vy * c.scale + c.y * dscale) * -half;
  const F cells_a_unit = splat<F>(frame.map_size);
  const F dradius = ((k[1] + k[3] * cell.y) * p.du + (k[2] + k[3] * cell.x) * p.dv) * cells_a_unit;
  const F dspread = ((k[5] + k[7] * cell.y) * p.du + (k[6] + k[7] * cell.x) * p.dv) * cells_a_unit;
  const F inverse = reciprocal(p.spread);
  p.value = (c.rho - radius) * inverse;
  p.slope = (p.outward - dradius - p.value * dspread) * inverse;
  return p;
}

// Cosine of the angle between the ray and the normal of the sheet at `level`, 0..1. The sheet is rho - R - level w = 0;
// with U = x s, V = y s and s = sqrt(2 / m), m = rho (rho + z), grad s = -s^3 / 4 grad m.
template <class F> PM_FN F facing(const FrameOf<F>& frame, const Ray<F>& ray, const ChartPoint<F>& at, F level) {
  const MapCell<F> cell = map_cell(at.u, at.v, frame.map_size);
  F k[CELL];
  gather_cell(frame.cells, cell.row * (frame.map_size - 1) + cell.column, k);
  const F cells_a_chart_unit = splat<F>(frame.map_size) * splat<F>(frame.chart_to_map);
  const F along_u = (k[1] + k[3] * cell.y + level * (k[5] + k[7] * cell.y)) * cells_a_chart_unit;
  const F along_v = -(k[2] + k[3] * cell.x + level * (k[6] + k[7] * cell.x)) * cells_a_chart_unit;
  const F with_scale = splat<F>(-0.25) * at.scale * at.scale * at.scale * (along_u * at.x + along_v * at.y);
  const F outward = at.inverse_rho - with_scale * (splat<F>(2.0) + at.z * at.inverse_rho);
  const F nx = at.x * outward - at.scale * along_u, ny = at.y * outward - at.scale * along_v;
  const F nz = at.z * outward - with_scale * at.rho;
  const F against = nx * ray.vx + ny * ray.vy + nz * ray.vz;
  const F length = square_root(nx * nx + ny * ny + nz * nz) * ray.length;
  return larger(against, -against) / larger(length, splat<F>(1e-12));
}

template <class F> PM_FN uint64_t occupied(const uint64_t* tiles, int count, F u, F v, typename Lanes<F>::Mask lanes) {
  const F last = splat<F>(count - 0.5);
  const auto column = truncate(clamp(u * splat<F>(count), F{}, last));
  const auto row = truncate(clamp(v * splat<F>(count), F{}, last));
  return gather_or(tiles, row * count + column, lanes);
}

// The depth in [low, high] at which the field falls through `level`; starts from `guess`.
template <class F>
PM_FN F entry_depth(const FrameOf<F>& frame, const Ray<F>& ray, F level, F guess, F low, F high,
                    typename Lanes<F>::Mask lanes) {
  constexpr bool exact = sizeof(typename Lanes<F>::Scalar) == 8;
  const F tolerance = splat<F>(exact ? 1e-9 : 1e-4);  // metres; one more Newton step squares what is left
  F t = guess;
  for (int iteration = 0; iteration < (exact ? 40 : 6); ++iteration) {
    const FieldPoint<F> p = field(frame, ray, t);
    const F error = p.value - level;
    const auto before = error > F{};
    low = select(before, t, low), high = select(before, high, t);
    const F newton = t - error / smaller(p.slope, splat<F>(-1e-3));
    t = select((newton >= low) & (newton <= high), newton, splat<F>(0.5) * (low + high));
    const F distance = error * p.spread;
    if (!any(lanes & ((distance > tolerance) | (distance < -tolerance)))) break;
  }
  return t;
}

// Between which depths a sheet with opacity may be met, metres beyond `Frame::start`; empty where near > far.
constexpr float NEAREST = 1e-3f, FARTHEST = 1e30f;
struct DepthRange {
  float near = -FARTHEST, far = FARTHEST;
};

// Calls sink.enter(sheet, lanes, t) wherever a sheet is entered within `range`, front to back; lanes leave when
// !sink.open().
template <class F, class Sink>
PM_FN void march(const FrameOf<F>& frame, const Ray<F>& ray, typename Lanes<F>::Mask alive, Sink& sink,
                 DepthRange range = {}) {
  const auto* offsets = frame.offsets;
  const int last = frame.sheets - 1;

  const F oo = ray.ox * ray.ox + ray.oy * ray.oy + ray.oz * ray.oz;
  const F inside = ray.ov * ray.ov - ray.vv * (oo - splat<F>(frame.extent[0] * frame.extent[0]));
  const F half_chord = square_root(larger(inside, F{})) / ray.vv;
  const F middle = -ray.ov / ray.vv;
  const F nearest = splat<F>(NEAREST - frame.start);
  F t = larger(middle - half_chord, larger(splat<F>(range.near), nearest));
  const F end = smaller(middle + half_chord, splat<F>(range.far));
  alive = alive & (inside > F{}) & (t < end);
  if (!any(alive)) return;

  FieldPoint<F> p = field(frame, ray, t);
  uint64_t bits = ~uint64_t(0), bits_before = ~uint64_t(0);
  if (frame.coarse) bits_before = occupied(frame.coarse, COARSE_TILES, p.at.u, p.at.v, alive);
  int next = last;  // the outermost sheet that an alive lane may enter
  for (int iteration = 0; iteration < 256; ++iteration) {
    const F gap = larger(p.value - splat<F>(offsets[last]), splat<F>(offsets[0]) - p.value) * p.spread;
    const F shortest = splat<F>(0.03) * p.at.rho, longest = splat<F>(0.25) * p.at.rho;
    const F cautious = splat<F>(frame.extent[1]);
    // Between sheets, the shorter the steeper they are: 5 mm where they have ears, whose rims are hardly thicker.
    const F within = smaller(splat<F>(1.2) * cautious * cautious * cautious * p.at.rho, longest);
    // Where the field falls, as far as it would take; where it hardly does, a sheet may still rise to meet the ray.
    const F fall = -p.slope * p.spread / ray.length;
    const F share = select(fall > splat<F>(0.45), larger(splat<F>(0.95) / fall, cautious), cautious);
    const F outside = smaller(gap * share, longest);
    const F step = select(gap > F{}, outside, within);
    F t_next = smaller(t + larger(step, shortest) / ray.length, end);
    FieldPoint<F> q = field(frame, ray, t_next);
    // A step that turns stops there: between its ends a sheet may be grazed, or left and entered again.
    const F bend = p.slope - q.slope;
    const F turn = t + (t_next - t) * p.slope / (bend + select(bend < F{}, splat<F>(-1e-12), splat<F>(1e-12)));
    const auto turns = alive & (p.slope * q.slope < F{}) & ((turn - t) * ray.length > splat<F>(0.2) * shortest);
    if (any(turns)) {
      t_next = select(turns, turn, t_next);
      q = field(frame, ray, t_next);
    }
    if (frame.coarse) {
      const uint64_t bits_here = occupied(frame.coarse, COARSE_TILES, q.at.u, q.at.v, alive);
      bits = bits_before | bits_here, bits_before = bits_here;
    }
    const float far = 1e30f;
    const float highest = float(greatest(select(alive, p.value, splat<F>(-far))));
    const float deepest = float(least(select(alive, q.value, splat<F>(far))));
    while (next < last && offsets[next + 1] < highest) ++next;
    while (next >= 0 && offsets[next] >= highest) --next;
    for (int sheet = next; sheet >= 0 && offsets[sheet] >= deepest; --sheet) {
      if (!(bits >> sheet & 1)) continue;
      const F level = splat<F>(offsets[sheet]);
      const auto lanes = alive & (q.value <= level) & (level < p.value);
      if (!any(lanes)) continue;
      // Inverse cubic Hermite between the step's ends, slopes limited so that it stays monotone.
      const F fall = larger(p.value - q.value, splat<F>(1e-12)), width = t_next - t;
      const F a = clamp((p.value - level) / fall, F{}, splat<F>(1.0)), b = splat<F>(1.0) - a;
      const F most = splat<F>(3.0) * width;
      const F leaving = select(p.slope < F{}, smaller(fall / larger(-p.slope, splat<F>(1e-9)), most), most);
      const F arriving = select(q.slope < F{}, smaller(fall / larger(-q.slope, splat<F>(1e-9)), most), most);
      const F guess = t + width * a * a * (splat<F>(3.0) - a - a) + leaving * a * b * b - arriving * a * a * b;
      if (frame.fine) {
        const ChartPoint<F> near = chart_point(frame, ray, guess);
        const int tiles = frame.texture_size / TILE;
        if (!(occupied(frame.fine, tiles, near.u, near.v, lanes) >> sheet & 1)) continue;
      }
      sink.enter(sheet, lanes, entry_depth(frame, ray, level, guess, t, t_next, lanes));
    }
    const auto leaves = (q.slope > F{}) & (q.outward > splat<F>(0.95) * ray.length);
    alive = alive & (t_next < end) & sink.open() & none_of(leaves);
    if (!any(alive)) break;
    p = q, t = t_next;
  }
}

}  // namespace pm
