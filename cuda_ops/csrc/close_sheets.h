// One texel made more opaque beside a surface where a camera's picture lacks something.
#pragma once
#include "texels.h"

namespace pm {

// Shared with Python (close_sheets.py) by layout. The pictures are those of the stack's camera.
struct Gaps {
  const float* maps;  // [3, H, W]: what is missing, the surface's depth in metres, the sheet that passes there
  float reach, margin_m, softness_m, least;
};

PM_FN float closed(const Stack& s, const Gaps& g, int sheet, int row, int column, float opacity) {
  if (opacity >= 1.0f) return opacity;  // nothing is left to close
  const Projected at = project(s, sheet, row, column);
  if (!within(s, at)) return opacity;
  const Between pixel = between(at.x, at.y, s.width_px, s.height_px);
  const int64_t pixels = int64_t(s.width_px) * s.height_px;
  const auto sampled = [&](int map) {
    const float* values = g.maps + map * pixels;
    return pixel.mix([&](int y, int x) { return values[int64_t(y) * s.width_px + x]; });
  };
  const float missing = smaller(sampled(0), 1.0f);
  if (missing <= g.least) return opacity;
  const float beside = clamp(g.reach - fabsf(sheet - sampled(2)), 0.0f, 1.0f);
  if (beside == 0.0f) return opacity;
  const float away_m = fabsf(at.depth - sampled(1));
  const float near = sigmoid((g.margin_m - away_m) / g.softness_m);
  return 1.0f - (1.0f - opacity) * (1.0f - missing * beside * near);
}

}  // namespace pm
