// One texel of a texture's next mip level, 8-bit.
#pragma once
#include "lanes.h"

namespace pm {

// The mean of four RGBA texels, from `top`, the upper left of them, in rows of `size`: colours count by their opacity.
PM_FN void halve(const uint8_t* top, int size, uint8_t* out) {
  const uint8_t* quad[4] = {top, top + 4, top + int64_t(size) * 4, top + int64_t(size) * 4 + 4};
  if (!(quad[0][3] | quad[1][3] | quad[2][3] | quad[3][3])) {  // most texels of most sheets: no divisions
    for (int k = 0; k < 4; ++k) out[k] = quad[0][k];
    return;
  }
  int opacity = 0, colour[3] = {};
  for (const uint8_t* texel : quad) {
    opacity += texel[3];
    for (int k = 0; k < 3; ++k) colour[k] += texel[3] * texel[k];
  }
  for (int k = 0; k < 3; ++k) out[k] = uint8_t((colour[k] + opacity / 2) / opacity);
  out[3] = uint8_t((opacity + 2) / 4);
}

}  // namespace pm
