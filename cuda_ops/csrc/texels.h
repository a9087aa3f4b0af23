// Texels of a stack of sheets, and where a camera sees them.
//
// A texel's place is linear in its sheet's offset, and so is its projection before the division by depth. What the ops
// do to one texel is written once, here and in the headers beside, for a loop over all cores and for a CUDA thread.
#pragma once
#include "lanes.h"

namespace pm {

// Shared with Python (texels.py) by layout.
struct Stack {
  const float* radius;   // [T, T], metres, of the sheet at offset 0
  const float* spread;   // [T, T]
  const float* offsets;  // [S]
  float projection[12];  // a 4 x 3 matrix: (x, y, z, 1) times it is (column x depth, row x depth, depth)
  float half_extent;     // of the chart
  int32_t sheets, size, width_px, height_px;
};

struct Projected {
  float x, y, depth, radius_m;  // pixels; metres; metres, of the sheet along the texel's direction
};

// Where the texel's centre is seen; x is 0, outside the picture, for what lies behind the camera.
PM_FN Projected project(const Stack& s, int sheet, int row, int column) {
  const float texel = 2.0f * s.half_extent / s.size;
  const float u = (column + 0.5f) * texel - s.half_extent, v = s.half_extent - (row + 0.5f) * texel;
  const float squared = smaller(u * u + v * v, 4.0f), scale = sqrtf(1.0f - 0.25f * squared);
  const int place = row * s.size + column;
  const float radius_m = s.radius[place] + s.offsets[sheet] * s.spread[place];
  const float x = u * scale * radius_m, y = v * scale * radius_m, z = (1.0f - 0.5f * squared) * radius_m;
  const float* p = s.projection;
  const float depth = x * p[2] + y * p[5] + z * p[8] + p[11];
  const float inverse = depth > 0.0f ? 1.0f / depth : 0.0f;
  return {(x * p[0] + y * p[3] + z * p[6] + p[9]) * inverse, (x * p[1] + y * p[4] + z * p[7] + p[10]) * inverse, depth,
          radius_m};
}

PM_FN bool within(const Stack& s, const Projected& at) {
  return at.x > 0.0f && at.x < s.width_px && at.y > 0.0f && at.y < s.height_px;
}

// Four pixels of a picture, and how much each counts between their centres; what lies outside takes the border's.
struct Between {
  int upper, lower, left, right;  // rows and columns
  float a, b;                     // towards the right and the lower ones

  template <class Sample> PM_FN float mix(const Sample& at) const {
    const float above = at(upper, left) + a * (at(upper, right) - at(upper, left));
    const float below = at(lower, left) + a * (at(lower, right) - at(lower, left));
    return above + b * (below - above);
  }
};

// Around (x, y) in pixels, pixel centres at halves.
PM_FN Between between(float x, float y, int columns, int rows) {
  x = clamp(x - 0.5f, 0.0f, columns - 1.0f), y = clamp(y - 0.5f, 0.0f, rows - 1.0f);
  const int left = int(x), top = int(y);
  return {top, smaller(top + 1, rows - 1), left, smaller(left + 1, columns - 1), x - left, y - top};
}

PM_FN float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

}  // namespace pm
