// Colours and opacities of a stack's texels: the photograph's own where it shows them, the networks' elsewhere.
//
// The plain version is paint_texels_reference.py; the public op is in paint_texels.py.
#include "parallel.h"
#include "texels.h"

namespace {

// Shared with Python (paint_texels.py) by layout. The photograph's picture is that of the stack's camera.
struct Paint {
  const float* opacity;     // [S, O, O]
  const float* painted;     // [S, 3, C, C], sRGB-encoded
  const float* confidence;  // [S, C, C]
  const float* shade;       // [T, T], a factor on what is painted
  const float* turned;      // [T, T], 0..1: how far the surface is turned to the camera
  const float* photo;       // [H, W, 4], the person's own colour and opacity
  const float* surface;     // [P, P], depth in metres of what the camera sees first
  float wider, clean, margin_m, softness_m;
  int32_t opacity_size, colour_size, surface_size, uncut;
};

inline uint8_t to_byte(float x) { return uint8_t(std::clamp(x, 0.0f, 1.0f) * 255.0f + 0.5f); }

}  // namespace

extern "C" {

// textures [S, T, T, 4]: RGBA; nothing in all four where there is no opacity.
void pm_paint_texels(const pm::Stack* stack, const Paint* paint, uint8_t* textures, int threads) {
  pm::parallel_for(int64_t(stack->sheets) * stack->size, pm::thread_count(threads), [=](int64_t line, int) {
    const pm::Stack s = *stack;  // copies stay in registers: what is written below cannot be theirs
    const Paint p = *paint;
    const int size = s.size, opacities = p.opacity_size, colours = p.colour_size, seen = p.surface_size;
    const int sheet = int(line / size), row = int(line % size);
    const float* opacity = p.opacity + int64_t(sheet) * opacities * opacities;
    const float* painted = p.painted + int64_t(sheet) * 3 * colours * colours;
    const float* confidence = p.confidence + int64_t(sheet) * colours * colours;
    for (int column = 0; column < size; ++column) {
      uint8_t* texel = textures + 4 * (line * size + column);
      std::fill(texel, texel + 4, uint8_t(0));
      const float u = (column + 0.5f) / size, v = (row + 0.5f) / size;
      const pm::Corners at = pm::corners(u * opacities, v * opacities, opacities, opacities);
      const float solid = at.mix([&](int y, int x) { return opacity[y * opacities + x]; });
      if (solid <= 0.5f / 255.0f) continue;
      const int place = row * size + column;
      const pm::Projected seen_at = pm::project(s, sheet, row, column);
      if (!pm::within(s, seen_at)) continue;  // nothing is known of what the photograph's square does not hold
      const pm::Corners pixel = pm::corners(seen_at.x, seen_at.y, s.width_px, s.height_px);
      float photo[4];
      for (int c = 0; c < 4; ++c)
        photo[c] = pixel.mix([&](int y, int x) { return p.photo[4 * (int64_t(y) * s.width_px + x) + c]; });
      const uint8_t cut = to_byte(sheet < p.uncut ? solid : solid * photo[3]);
      if (!cut) continue;
      const float x = seen_at.x / s.width_px, y = seen_at.y / s.height_px;
      const pm::Corners near = pm::corners(x * seen, y * seen, seen, seen);
      const float surface = near.mix([&](int y, int x) { return p.surface[y * seen + x]; });
      const float before = (surface + p.margin_m * s.spread[place] - seen_at.depth) / p.softness_m;
      const pm::Corners own = pm::corners(u * colours, v * colours, colours, colours);
      const bool known = p.wider * std::max(std::abs(2.0f * x - 1.0f), std::abs(2.0f * y - 1.0f)) < 1.0f;
      float share = known ? own.mix([&](int y, int x) { return confidence[y * colours + x]; }) : 1.0f;
      share *= std::min(photo[3] / p.clean, 1.0f) * p.turned[place] / (1.0f + std::exp(-before));
      for (int c = 0; c < 3; ++c) {
        const float* plane = painted + int64_t(c) * colours * colours;
        const float mine = p.shade[place] * own.mix([&](int y, int x) { return plane[y * colours + x]; });
        texel[c] = to_byte(mine + share * (photo[c] - mine));
      }
      texel[3] = cut;
    }
  });
}

}  // extern "C"
