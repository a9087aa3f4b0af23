// Where rays are worth sending: for each tile of the screen, between which depths a sheet with opacity may be met.
//
// Everything with opacity lies in the hulls that opaque_hulls.py finds, of eight corners each. A hull's picture lies in
// the rectangle around its corners' pixels, its depths between theirs.
#pragma once
#include <algorithm>
#include <cmath>

#include "manifolds.h"

namespace pm {

constexpr int SCREEN_TILE = 16;  // pixels
// What filtering by mip levels may add around a sheet's edge: a texel is never more than 1.5 pixels wide there.
constexpr double MARGIN_PX = 4.0;
inline int screen_tiles(int pixels) { return (pixels + SCREEN_TILE - 1) / SCREEN_TILE; }

// `hulls`: [count, 8, 3] metres. `ranges`: [tiles down, tiles across], made empty first.
inline void find_depth_ranges(const double* hulls, int64_t count, const View& view, DepthRange* ranges) {
  const int across = screen_tiles(view.width_px), down = screen_tiles(view.height_px);
  const double* p = view.pose;
  const double start = ray_start(view).depth;
  std::fill(ranges, ranges + across * down, DepthRange{FARTHEST, -FARTHEST});
  for (const double* hull = hulls; hull < hulls + 24 * count; hull += 24) {
    double left = HUGE_VAL, right = -HUGE_VAL, top = HUGE_VAL, bottom = -HUGE_VAL, near = HUGE_VAL, far = -HUGE_VAL;
    for (int corner = 0; corner < 8; ++corner) {
      const double x = hull[3 * corner] - p[3], y = hull[3 * corner + 1] - p[7], z = hull[3 * corner + 2] - p[11];
      const double depth = -(x * p[2] + y * p[6] + z * p[10]), safe = std::max(depth, double(NEAREST));
      const double column = view.cx_px + view.fx_px * (x * p[0] + y * p[4] + z * p[8]) / safe;
      const double row = view.cy_px - view.fy_px * (x * p[1] + y * p[5] + z * p[9]) / safe;
      left = std::min(left, column), right = std::max(right, column);
      top = std::min(top, row), bottom = std::max(bottom, row);
      near = std::min(near, depth), far = std::max(far, depth);
    }
    if (far < NEAREST) continue;
    if (near < NEAREST) left = top = -HUGE_VAL, right = bottom = HUGE_VAL;  // the camera is in it or beside it
    const auto tile = [](double px, int tiles) { return int(std::floor(std::clamp(px / SCREEN_TILE, -1.0, double(tiles)))); };
    const int first = std::max(tile(left - MARGIN_PX, across), 0), last = std::min(tile(right + MARGIN_PX, across), across - 1);
    const int above = std::max(tile(top - MARGIN_PX, down), 0), below = std::min(tile(bottom + MARGIN_PX, down), down - 1);
    for (int y = above; y <= below; ++y)
      for (int x = first; x <= last; ++x) {
        DepthRange& range = ranges[y * across + x];
        range.near = std::min(range.near, float(near - start)), range.far = std::max(range.far, float(far - start));
      }
  }
}

}  // namespace pm
