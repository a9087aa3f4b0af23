// Which texels of a stack of sheets a camera sees, which pixels each of them takes, and how it takes them.
//
// The plain versions are in seen_texels_reference.py; the public ops are in seen_texels.py.
#include "parallel.h"
#include "texels.h"

namespace {

// Shared with Python (seen_texels.py) by layout.
struct Seen {
  const uint8_t* textures;  // [S, T, T, 4]
  const float* surface;     // [H, W], depth in metres; or null: nothing hides anything
  float margin_m, softness_m, least, focal_px;
  int32_t most_halvings;
};

// 1 before the surface, a margin behind it a half, then less.
inline float in_front(const pm::Stack& stack, const Seen& s, const pm::Projected& at, float spread) {
  const int column = std::min(int(at.x), stack.width_px - 1), row = std::min(int(at.y), stack.height_px - 1);
  const float behind = at.depth - s.surface[int64_t(row) * stack.width_px + column];
  if (!std::isfinite(behind)) return 0.0f;
  return 1.0f / (1.0f + std::exp(std::clamp((behind - s.margin_m * spread) / s.softness_m, -50.0f, 50.0f)));
}

}  // namespace

extern "C" {

// weights [S, T, T]: how much of each texel the camera sees; 0 for empty ones and for no more than `least`.
void pm_seen_weights(const pm::Stack* stack, const Seen* seen, float* weights, int threads) {
  pm::parallel_for(int64_t(stack->sheets) * stack->size, pm::thread_count(threads), [=](int64_t line, int) {
    const pm::Stack s = *stack;  // copies stay in registers: what is written below cannot be theirs
    const Seen shown = *seen;
    const int size = s.size, sheet = int(line / size), row = int(line % size);
    for (int column = 0; column < size; ++column) {
      const int64_t texel = line * size + column;
      weights[texel] = 0.0f;
      if (!shown.textures[4 * texel + 3]) continue;
      const pm::Projected at = pm::project(s, sheet, row, column);
      if (!pm::within(s, at)) continue;
      const float weight = shown.surface ? in_front(s, shown, at, s.spread[row * size + column]) : 1.0f;
      if (weight > shown.least) weights[texel] = weight;
    }
  });
}

// For `count` texels of [S, T, T] the four pixels between whose centres each is seen, corners [count, 4], and their
// shares [count, 4]. Pixels are counted through the picture and its halved ones, from which wider texels take.
void pm_seen_corners(const pm::Stack* stack, const Seen* seen, const int64_t* texels, int64_t count, int32_t* corners,
                     float* shares, int threads) {
  const int most = 1 << seen->most_halvings, size = stack->size;
  const int width = (stack->width_px + most - 1) / most * most, height = (stack->height_px + most - 1) / most * most;
  constexpr int64_t BLOCK = 4096;
  pm::parallel_for((count + BLOCK - 1) / BLOCK, pm::thread_count(threads), [&](int64_t block, int) {
    for (int64_t i = block * BLOCK; i < std::min(count, (block + 1) * BLOCK); ++i) {
      const int64_t line = texels[i] / size;
      const pm::Projected at = pm::project(*stack, int(line / size), int(line % size), int(texels[i] % size));
      const float width_px = at.radius_m * (2.0f * stack->half_extent / size) * seen->focal_px / at.depth;
      const float level = std::floor(std::log2(std::max(width_px, 1.0f)) + 0.25f);
      const int halvings = std::min(int(level), int(seen->most_halvings));
      int before = 0;
      for (int k = 0; k < halvings; ++k) before += (width >> k) * (height >> k);
      const int columns = width >> halvings;
      const float shrink = 1.0f / float(1 << halvings);
      const pm::Corners c = pm::corners(at.x * shrink, at.y * shrink, columns, height >> halvings);
      int32_t* corner = corners + 4 * i;
      corner[0] = before + c.upper * columns + c.left, corner[1] = before + c.upper * columns + c.right;
      corner[2] = before + c.lower * columns + c.left, corner[3] = before + c.lower * columns + c.right;
      float* share = shares + 4 * i;
      share[0] = (1 - c.a) * (1 - c.b), share[1] = c.a * (1 - c.b), share[2] = (1 - c.a) * c.b, share[3] = c.a * c.b;
    }
  });
}

// Colours [count, 3] in 0..1 plus `length` * seen * what the texels take of a picture [P, 3] and its halved ones; into
// `moved` [count, 3], and rounded into `textures` [S T T, 4].
void pm_carry_back(const int64_t* texels, const float* seen, const int32_t* corners, const float* shares, int64_t count,
                   const float* picture, const float* colours, float length, float* moved, uint8_t* textures,
                   int threads) {
  constexpr int64_t BLOCK = 4096;
  pm::parallel_for((count + BLOCK - 1) / BLOCK, pm::thread_count(threads), [&](int64_t block, int) {
    for (int64_t i = block * BLOCK; i < std::min(count, (block + 1) * BLOCK); ++i)
      for (int channel = 0; channel < 3; ++channel) {
        float taken = 0.0f;
        for (int k = 0; k < 4; ++k) taken += shares[4 * i + k] * picture[3 * int64_t(corners[4 * i + k]) + channel];
        const float colour = std::clamp(colours[3 * i + channel] + length * seen[i] * taken, 0.0f, 1.0f);
        moved[3 * i + channel] = colour;
        textures[4 * texels[i] + channel] = uint8_t(std::lrint(colour * 255.0f));
      }
  });
}

}  // extern "C"
