// How much of one texel a camera sees, which pixels it takes, and how it takes them.
#pragma once
#include "texels.h"

namespace pm {

// Shared with Python (seen_texels.py) by layout.
struct Seen {
  const uint8_t* textures;  // [S, T, T, 4]
  const float* surface;     // [H, W], depth in metres; or null: nothing hides anything
  float margin_m, softness_m, least, focal_px;
  int32_t most_halvings;
};

// 1 before the surface, a margin behind it a half, then less.
PM_FN float in_front(const Stack& stack, const Seen& s, const Projected& at, float spread) {
  const int column = smaller(int(at.x), stack.width_px - 1), row = smaller(int(at.y), stack.height_px - 1);
  const float behind = at.depth - s.surface[int64_t(row) * stack.width_px + column];
  if (!(fabsf(behind) < 1e30f)) return 0.0f;  // nothing is drawn there
  return sigmoid(-clamp((behind - s.margin_m * spread) / s.softness_m, -50.0f, 50.0f));
}

// How much of a texel the camera sees; 0 for an empty one and for no more than `least`.
PM_FN float seen_weight(const Stack& stack, const Seen& s, int sheet, int row, int column) {
  const int64_t place = int64_t(row) * stack.size + column;
  if (!s.textures[4 * (int64_t(sheet) * stack.size * stack.size + place) + 3]) return 0.0f;
  const Projected at = project(stack, sheet, row, column);
  if (!within(stack, at)) return 0.0f;
  const float weight = s.surface ? in_front(stack, s, at, stack.spread[place]) : 1.0f;
  return weight > s.least ? weight : 0.0f;
}

// The four pixels between whose centres texel `index` of [S, T, T] is seen, and their shares. Pixels are counted
// through the picture and its halved ones, from which wider texels take.
PM_FN void seen_corners(const Stack& stack, const Seen& s, int64_t index, int32_t* corner, float* share) {
  const int most = 1 << s.most_halvings, size = stack.size;
  const int width = (stack.width_px + most - 1) / most * most, height = (stack.height_px + most - 1) / most * most;
  const int64_t line = index / size;
  const Projected at = project(stack, int(line / size), int(line % size), int(index % size));
  const float width_px = at.radius_m * (2.0f * stack.half_extent / size) * s.focal_px / at.depth;
  const float level = floorf(log2f(larger(width_px, 1.0f)) + 0.25f);
  const int halvings = smaller(int(level), int(s.most_halvings));
  int before = 0;
  for (int k = 0; k < halvings; ++k) before += (width >> k) * (height >> k);
  const int columns = width >> halvings;
  const float shrink = 1.0f / float(1 << halvings);
  const Between c = between(at.x * shrink, at.y * shrink, columns, height >> halvings);
  corner[0] = before + c.upper * columns + c.left, corner[1] = before + c.upper * columns + c.right;
  corner[2] = before + c.lower * columns + c.left, corner[3] = before + c.lower * columns + c.right;
  share[0] = (1 - c.a) * (1 - c.b), share[1] = c.a * (1 - c.b), share[2] = (1 - c.a) * c.b, share[3] = c.a * c.b;
}

// What texels take back; shared with Python (seen_texels.py) by layout. All but `textures` is of the texels that are seen
// alone.
struct Carried {
  const int64_t* texels;   // [N], into [S T T]
  const float* seen;       // [N]
  const int32_t* corners;  // [N, 4]
  const float* shares;     // [N, 4]
  const float* picture;    // [P, 3], and its halved ones
  const float* colours;    // [N, 3], 0..1
  float length;
  float* moved;            // [N, 3]
  uint8_t* textures;       // [S T T, 4]
};

// Colours plus `length` * seen * what the texel takes of the picture; into `moved`, and rounded into `textures`.
PM_FN void carry_back(const Carried& c, int64_t i) {
  for (int channel = 0; channel < 3; ++channel) {
    float taken = 0.0f;
    for (int k = 0; k < 4; ++k) taken += c.shares[4 * i + k] * c.picture[3 * int64_t(c.corners[4 * i + k]) + channel];
    const float colour = clamp(c.colours[3 * i + channel] + c.length * c.seen[i] * taken, 0.0f, 1.0f);
    c.moved[3 * i + channel] = colour;
    c.textures[4 * c.texels[i] + channel] = uint8_t(lrintf(colour * 255.0f));
  }
}

}  // namespace pm
