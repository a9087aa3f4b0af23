// Sheets made more opaque beside a surface where a camera's picture of them lacks something.
//
// The plain version is close_sheets_reference.py; the public op is in close_sheets.py.
#include "close_sheets.h"
#include "parallel.h"

extern "C" {

// opacity [S, T, T], raised in place.
void pm_close_sheets(const pm::Stack* stack, const pm::Gaps* gaps, float* opacity, int threads) {
  const int size = stack->size;
  pm::parallel_for(int64_t(stack->sheets) * size, pm::thread_count(threads), [&](int64_t line, int) {
    const int sheet = int(line / size), row = int(line % size);
    float* texels = opacity + line * size;
    for (int column = 0; column < size; ++column)
      texels[column] = pm::closed(*stack, *gaps, sheet, row, column, texels[column]);
  });
}

}  // extern "C"
