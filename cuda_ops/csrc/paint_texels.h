// One texel's colour and opacity: the photograph's own where it shows it, the networks' elsewhere.
#pragma once
#include "texels.h"

namespace pm {

// Shared with Python (paint_texels.py) by layout. The photograph's picture is that of the stack's camera.
struct Paint {
  const float* opacity;     // [S, O, O]
  const float* painted;     // [S, 3, C, C], sRGB-encoded
  const float* innermost;   // [3, I, I], the first sheet's colours in place of painted's
  const float* confidence;  // [S, C, C]
  const float* shade;       // [T, T], a factor on what is painted
  const float* turned;      // [T, T], 0..1: how far the surface is turned to the camera
  const float* photo;       // [H, W, 4], the person's own colour and opacity
  const float* surface;     // [P, P], depth in metres of what the camera sees first
  float wider, clean, margin_m, softness_m;
  int32_t opacity_size, colour_size, innermost_size, surface_size, uncut;
};

PM_FN uint8_t to_byte(float x) { return uint8_t(clamp(x, 0.0f, 1.0f) * 255.0f + 0.5f); }

// RGBA; nothing in all four where there is no opacity.
PM_FN void paint_texel(const Stack& s, const Paint& p, int sheet, int row, int column, uint8_t* rgba) {
  rgba[0] = rgba[1] = rgba[2] = rgba[3] = 0;
  const int opacities = p.opacity_size, colours = p.colour_size, seen = p.surface_size;
  const float* opacity = p.opacity + int64_t(sheet) * opacities * opacities;
  const float u = (column + 0.5f) / s.size, v = (row + 0.5f) / s.size;
  const Between at = between(u * opacities, v * opacities, opacities, opacities);
  const float solid = at.mix([&](int y, int x) { return opacity[y * opacities + x]; });
  if (solid <= 0.5f / 255.0f) return;
  const int place = row * s.size + column;
  const Projected seen_at = project(s, sheet, row, column);
  if (!within(s, seen_at)) return;  // nothing is known of what the photograph's square does not hold
  const Between pixel = between(seen_at.x, seen_at.y, s.width_px, s.height_px);
  float photo[4];
  for (int c = 0; c < 4; ++c)
    photo[c] = pixel.mix([&](int y, int x) { return p.photo[4 * (int64_t(y) * s.width_px + x) + c]; });
  const uint8_t cut = to_byte(sheet < p.uncut ? solid : solid * photo[3]);
  if (!cut) return;
  const float x = seen_at.x / s.width_px, y = seen_at.y / s.height_px;
  const Between near = between(x * seen, y * seen, seen, seen);
  const float surface = near.mix([&](int y, int x) { return p.surface[y * seen + x]; });
  const float before = (surface + p.margin_m * s.spread[place] - seen_at.depth) / p.softness_m;
  const int side = sheet ? colours : p.innermost_size;
  const float* painted = sheet ? p.painted + int64_t(sheet) * 3 * colours * colours : p.innermost;
  const float* confidence = p.confidence + int64_t(sheet) * colours * colours;
  const Between own = between(u * colours, v * colours, colours, colours);
  const Between colour = sheet ? own : between(u * side, v * side, side, side);
  const bool known = p.wider * larger(fabsf(2.0f * x - 1.0f), fabsf(2.0f * y - 1.0f)) < 1.0f;
  float share = known ? own.mix([&](int y, int x) { return confidence[y * colours + x]; }) : 1.0f;
  share *= smaller(photo[3] / p.clean, 1.0f) * p.turned[place] / (1.0f + expf(-before));
  for (int c = 0; c < 3; ++c) {
    const float* plane = painted + int64_t(c) * side * side;
    const float mine = p.shade[place] * colour.mix([&](int y, int x) { return plane[y * side + x]; });
    rgba[c] = to_byte(mine + share * (photo[c] - mine));
  }
  rgba[3] = cut;
}

}  // namespace pm
