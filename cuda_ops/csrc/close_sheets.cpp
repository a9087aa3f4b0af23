// Sheets made more opaque beside a surface where a camera's picture of them lacks something.
//
// The plain version is close_sheets_reference.py; the public op is in close_sheets.py.
#include "parallel.h"
#include "texels.h"

namespace {

// Shared with Python (close_sheets.py) by layout. The pictures are those of the stack's camera.
struct Gaps {
  const float* maps;  // [3, H, W]: what is missing, the surface's depth in metres, the sheet that passes there
  float reach, margin_m, softness_m, least;
};

}  // namespace

extern "C" {

// opacity [S, T, T], raised in place.
void pm_close_sheets(const pm::Stack* stack, const Gaps* gaps, float* opacity, int threads) {
  const pm::Stack& s = *stack;
  const Gaps& g = *gaps;
  const int64_t pixels = int64_t(s.width_px) * s.height_px;
  pm::parallel_for(int64_t(s.sheets) * s.size, pm::thread_count(threads), [&](int64_t line, int) {
    const int sheet = int(line / s.size), row = int(line % s.size);
    for (int column = 0; column < s.size; ++column) {
      float& texel = opacity[line * s.size + column];
      if (texel >= 1.0f) continue;  // nothing is left to close
      const pm::Projected at = pm::project(s, sheet, row, column);
      if (!pm::within(s, at)) continue;
      const pm::Corners pixel = pm::corners(at.x, at.y, s.width_px, s.height_px);
      const auto sampled = [&](int map) {
        const float* values = g.maps + map * pixels;
        return pixel.mix([&](int y, int x) { return values[int64_t(y) * s.width_px + x]; });
      };
      const float missing = std::min(sampled(0), 1.0f);
      if (missing <= g.least) continue;
      const float beside = std::clamp(g.reach - std::abs(sheet - sampled(2)), 0.0f, 1.0f);
      if (beside == 0.0f) continue;
      const float away_m = std::abs(at.depth - sampled(1));
      const float near = 1.0f / (1.0f + std::exp((away_m - g.margin_m) / g.softness_m));
      texel = 1.0f - (1.0f - texel) * (1.0f - missing * beside * near);
    }
  });
}

}  // extern "C"
