// Colours and opacities of a stack's texels: the photograph's own where it shows them, the networks' elsewhere.
//
// The plain version is paint_texels_reference.py; the public op is in paint_texels.py.
#include "paint_texels.h"
#include "parallel.h"

extern "C" {

// textures [S, T, T, 4]: RGBA; nothing in all four where there is no opacity.
void pm_paint_texels(const pm::Stack* stack, const pm::Paint* paint, uint8_t* textures, int threads) {
  const int size = stack->size;
  pm::parallel_for(int64_t(stack->sheets) * size, pm::thread_count(threads), [=](int64_t line, int) {
    const pm::Stack s = *stack;  // copies stay in registers: what is written below cannot be theirs
    const pm::Paint p = *paint;
    const int sheet = int(line / size), row = int(line % size);
    for (int column = 0; column < size; ++column)
      pm::paint_texel(s, p, sheet, row, column, textures + 4 * (line * size + column));
  });
}

}  // extern "C"
