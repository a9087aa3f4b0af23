// Which texels of a stack of sheets a camera sees, which pixels each of them takes, and how it takes them.
//
// The plain versions are in seen_texels_reference.py; the public ops are in seen_texels.py.
#include "parallel.h"
#include "seen_texels.h"

namespace {

template <class Body> void for_each(int64_t count, int threads, const Body& body) {
  constexpr int64_t BLOCK = 4096;
  pm::parallel_for((count + BLOCK - 1) / BLOCK, pm::thread_count(threads), [&](int64_t block, int) {
    for (int64_t i = block * BLOCK; i < std::min(count, (block + 1) * BLOCK); ++i) body(i);
  });
}

}  // namespace

extern "C" {

// weights [S, T, T]: how much of each texel the camera sees; 0 for empty ones and for no more than `least`.
void pm_seen_weights(const pm::Stack* stack, const pm::Seen* seen, float* weights, int threads) {
  const int size = stack->size;
  pm::parallel_for(int64_t(stack->sheets) * size, pm::thread_count(threads), [=](int64_t line, int) {
    const pm::Stack s = *stack;  // copies stay in registers: what is written below cannot be theirs
    const pm::Seen shown = *seen;
    const int sheet = int(line / size), row = int(line % size);
    for (int column = 0; column < size; ++column)
      weights[line * size + column] = pm::seen_weight(s, shown, sheet, row, column);
  });
}

// For `count` texels of [S, T, T] the four pixels that each takes, corners [count, 4], and their shares [count, 4].
void pm_seen_corners(const pm::Stack* stack, const pm::Seen* seen, const int64_t* texels, int64_t count,
                     int32_t* corners, float* shares, int threads) {
  for_each(count, threads, [&](int64_t i) { pm::seen_corners(*stack, *seen, texels[i], corners + 4 * i, shares + 4 * i); });
}

// Of `count` texels.
void pm_carry_back(const pm::Carried* carried, int64_t count, int threads) {
  for_each(count, threads, [&](int64_t i) { pm::carry_back(*carried, i); });
}

}  // extern "C"
