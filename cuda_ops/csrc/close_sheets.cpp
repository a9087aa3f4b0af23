// Sheets made more opaque beside a surface where a camera's picture of them lacks something.
//
// The plain version is close_sheets_reference.py; the public op is in close_sheets.py.
#include "close_sheets.h"
#include "parallel.h"

namespace {

using namespace pm;

// Where anything is missing. Little is, in most pictures: a look at all sheets of a texel at once spares most of them.
class Missing {
 public:
  Missing(const Stack& stack, const Gaps& gaps) : width_(stack.width_px), height_(stack.height_px) {
    counts_.resize(int64_t(width_ + 1) * (height_ + 1));
    for (int y = 0; y < height_; ++y)
      for (int x = 0, line = 0; x < width_; ++x) {
        line += gaps.maps[int64_t(y) * width_ + x] > gaps.least;
        counts_[at(x + 1, y + 1)] = counts_[at(x + 1, y)] + line;
      }
  }

  // Whether it may be in what is sampled for any sheet of a texel: these lie on a line between the first and the last.
  bool on_sheets(const Stack& stack, int row, int column) const {
    const Projected a = project(stack, 0, row, column), b = project(stack, stack.sheets - 1, row, column);
    if (!(a.depth > 0.0f && b.depth > 0.0f)) return true;
    const int left = pixel(smaller(a.x, b.x) - SPARE_PX, width_), right = pixel(larger(a.x, b.x) + SPARE_PX + 1, width_);
    const int top = pixel(smaller(a.y, b.y) - SPARE_PX, height_), bottom = pixel(larger(a.y, b.y) + SPARE_PX + 1, height_);
    return counts_[at(right, bottom)] - counts_[at(left, bottom)] != counts_[at(right, top)] - counts_[at(left, top)];
  }

 private:
  static constexpr float SPARE_PX = 2.0f;  // samples reach one pixel, and projections are rounded

  static int pixel(float x, int pixels) { return int(clamp(x, 0.0f, float(pixels))); }
  int64_t at(int x, int y) const { return int64_t(y) * (width_ + 1) + x; }

  const int width_, height_;
  std::vector<int> counts_;  // of the pixels above and to the left
};

}  // namespace

extern "C" {

// opacity [S, T, T], raised in place.
void pm_close_sheets(const pm::Stack* stack, const pm::Gaps* gaps, float* opacity, int threads) {
  const int size = stack->size;
  const Missing missing(*stack, *gaps);
  parallel_for(size, thread_count(threads), [&](int64_t row, int) {
    std::vector<int> columns;
    for (int column = 0; column < size; ++column)
      if (missing.on_sheets(*stack, int(row), column)) columns.push_back(column);
    for (int sheet = 0; sheet < stack->sheets; ++sheet) {
      float* texels = opacity + (int64_t(sheet) * size + row) * size;
      for (const int column : columns)
        texels[column] = closed(*stack, *gaps, sheet, int(row), column, texels[column]);
    }
  });
}

}  // extern "C"
