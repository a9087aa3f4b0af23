// The renderer on the CPU: screen tiles over all cores, a vector register of pixels at a time. A plain C interface; see native.py.
#include <array>
#include <memory>

#include "gradient.h"
#include "halve.h"
#include "parallel.h"
#include "screen_tiles.h"

namespace {

using namespace pm;

// A block of pixels as lanes: 4 x 4, 4 x 2 or 2 x 2 for Floats, one for a scalar.
template <class F> struct Block {
  static constexpr int across = Lanes<F>::count >= 8 ? 4 : Lanes<F>::count >= 4 ? 2 : 1;
  static constexpr int down = Lanes<F>::count / across;
  F column{}, row{};
  typename Lanes<F>::Mask inside{};
};

PM_FN void set(Floats& v, int lane, float x) { v[lane] = x; }
PM_FN void set(Ints& v, int lane, bool x) { v[lane] = -int(x); }
PM_FN void set(float& v, int, float x) { v = x; }
PM_FN void set(double& v, int, double x) { v = x; }
PM_FN void set(bool& v, int, bool x) { v = x; }
PM_FN bool holds(Ints v, int lane) { return v[lane]; }
PM_FN bool holds(bool v, int) { return v; }

template <class F> Block<F> block_at(const View& view, int column, int row) {
  Block<F> block;
  for (int lane = 0; lane < Lanes<F>::count; ++lane) {
    const int x = column + lane % Block<F>::across, y = row + lane / Block<F>::across;
    set(block.column, lane, x), set(block.row, lane, y);
    set(block.inside, lane, x < view.width_px && y < view.height_px);
  }
  return block;
}

// Calls body(block, column, row, tile, thread) for all blocks of the picture's rows of tiles [first, last).
template <class F, class Body>
void for_blocks(const View& view, int first, int last, int threads, const Body& body) {
  const int64_t across = screen_tiles(view.width_px);
  parallel_for(across * (last - first), threads, [&](int64_t index, int thread) {
    const int64_t tile = first * across + index;
    const int left = int(tile % across) * SCREEN_TILE, top = int(tile / across) * SCREEN_TILE;
    for (int y = top; y < std::min(top + SCREEN_TILE, view.height_px); y += Block<F>::down)
      for (int x = left; x < std::min(left + SCREEN_TILE, view.width_px); x += Block<F>::across)
        body(block_at<F>(view, x, y), x, y, tile, thread);
  });
}

template <class F, class Body> void for_blocks(const View& view, int threads, const Body& body) {
  for_blocks<F>(view, 0, screen_tiles(view.height_px), threads, body);
}

// Writes `count` values a pixel, interleaved, for the lanes inside the picture.
template <class F, class Real>
PM_FN void store(Real* out, const View& view, const Block<F>& block, int column, int row, const F* values, int count) {
  for (int lane = 0; lane < Lanes<F>::count; ++lane) {
    if (!holds(block.inside, lane)) continue;
    const int64_t pixel = int64_t(row + lane / Block<F>::across) * view.width_px + column + lane % Block<F>::across;
    for (int k = 0; k < count; ++k) out[pixel * count + k] = get(values[k], lane);
  }
}

template <class F, class Stored, class Real>
void accumulate(const Scene& scene, const View& view, Real* out, int threads) {
  const auto frame = make_frame<Real>(scene, view);
  for_blocks<F>(view, threads, [&](const Block<F>& block, int x, int y, int64_t, int) {
    const Accumulated<F> sum = composite<F, Stored>(frame, block.column, block.row, block.inside);
    const F values[5] = {sum.r, sum.g, sum.b, sum.opacity, sum.depth};
    store(out, view, block, x, y, values, 5);
  });
}

// As `composite`, of a block in a screen tile where sheets are met within `range`.
inline Accumulated<Floats> composite_within(const Frame<float>& frame, const Block<Floats>& block,
                                            const DepthRange& range) {
  if (range.near > range.far) return {};
  return composite<Floats, uint8_t>(frame, block.column, block.row, block.inside, range);
}

// One for each tile of the chart, each in a cache line of its own.
struct alignas(64) Lock {
  std::atomic_flag taken{};
};
constexpr int LOCK_TILES = 32;  // along a side of the chart; about as large as a screen tile
using Locks = std::array<Lock, LOCK_TILES * LOCK_TILES>;

// The chart tiles that `lanes` reach, with `reach` to spare around them.
struct TileRange {
  int left, right, top, bottom;
};

template <class F>
TileRange tiles_of(F u, F v, typename Lanes<F>::Mask lanes, float reach) {
  const F one = splat<F>(1.0);
  const auto tile = [](double x) { return std::clamp(int(x * LOCK_TILES), 0, LOCK_TILES - 1); };
  return {tile(least(select(lanes, u, one)) - reach), tile(greatest(select(lanes, u, F{})) + reach),
          tile(least(select(lanes, v, one)) - reach), tile(greatest(select(lanes, v, F{})) + reach)};
}

// Adds gradients to shared arrays. The tiles of the chart that are written are locked meanwhile.
template <class F, class Real> struct SharedScatter {
  typedef Real Four __attribute__((vector_size(4 * sizeof(Real))));
  const Scene& scene;
  Real* const* levels;
  Locks& locks;
  Real* radius;  // this thread's own

  void texels(int level, int sheet, F u, F v, const typename Lanes<F>::Int* index, typename Lanes<F>::Mask lanes,
              const Texel<F>* gradient) {
    if (!any(lanes)) return;
    const int64_t size = scene.texture_size >> level;
    Real* base = levels[level] + sheet * size * size * 4;
    const TileRange range = tiles_of<F>(u, v, lanes, 1.5f / size);
    for (int row = range.top; row <= range.bottom; ++row)  // always in this order: no deadlock
      for (int column = range.left; column <= range.right; ++column)
        while (locks[row * LOCK_TILES + column].taken.test_and_set(std::memory_order_acquire))
          std::this_thread::yield();
    for (int k = 0; k < 4; ++k)
      for (int lane = 0; lane < Lanes<F>::count; ++lane) {
        if (!holds(lanes, lane)) continue;
        const Four more = {get(gradient[k].r, lane), get(gradient[k].g, lane), get(gradient[k].b, lane),
                           get(gradient[k].a, lane)};
        Real* texel = base + int64_t(get(index[k], lane)) * 4;
        Four sum;
        std::memcpy(&sum, texel, sizeof sum);
        sum += more;
        std::memcpy(texel, &sum, sizeof sum);
      }
    for (int row = range.top; row <= range.bottom; ++row)
      for (int column = range.left; column <= range.right; ++column)
        locks[row * LOCK_TILES + column].taken.clear(std::memory_order_release);
  }

  void radius_map(const typename Lanes<F>::Int* index, typename Lanes<F>::Mask lanes, const F* gradient) {
    for (int k = 0; k < 4; ++k)
      for (int lane = 0; lane < Lanes<F>::count; ++lane)
        if (holds(lanes, lane)) radius[get(index[k], lane)] += get(gradient[k], lane);
  }
};

template <class F, class Real>
void accumulate_backward(const Scene& scene, const View& view, const Real* gradient, Real* const* levels, Real* radius,
                         int threads) {
  Locks locks{};
  const auto frame = make_frame<Real>(scene, view);
  const int64_t map = int64_t(scene.map_size) * scene.map_size;
  std::vector<Real> own(map * threads);
  std::vector<std::unique_ptr<Crossing<F>[]>> crossings(threads);  // too large for some systems' stacks
  for (auto& room : crossings) room.reset(new Crossing<F>[MOST_CROSSINGS<F>]);
  for_blocks<F>(view, threads, [&](const Block<F>& block, int x, int y, int64_t, int thread) {
    F incoming[5] = {};
    for (int lane = 0; lane < Lanes<F>::count; ++lane) {
      if (!holds(block.inside, lane)) continue;
      const int64_t pixel = int64_t(y + lane / Block<F>::across) * view.width_px + x + lane % Block<F>::across;
      for (int k = 0; k < 5; ++k) set(incoming[k], lane, gradient[pixel * 5 + k]);
    }
    SharedScatter<F, Real> scatter{scene, levels, locks, own.data() + map * thread};
    backward<F, Real>(frame, block.column, block.row, block.inside, incoming, crossings[thread].get(), scatter);
  });
  for (int thread = 0; thread < threads; ++thread)
    for (int64_t k = 0; k < map; ++k) radius[k] += own[map * thread + k];
}

template <class Real> void build_cells(const Real* radius, const Real* spread, int size, Real* cells) {
  for (int row = 0; row + 1 < size; ++row)
    for (int column = 0; column + 1 < size; ++column)
      for (const Real* map : {radius, spread}) {
        const Real* p = map + row * size + column;
        *cells++ = p[0], *cells++ = p[1] - p[0], *cells++ = p[size] - p[0];
        *cells++ = p[0] - p[1] - p[size] + p[size + 1];
      }
}

// Marks each tile with the sheets that have opacity in it.
template <class Stored>
void mark_occupied(const Stored* texels, int sheets, int size, int count, uint64_t* tiles, int threads) {
  const int side = size / count;
  parallel_for(count, threads, [&](int64_t tile_row, int) {
    uint64_t* marked = tiles + tile_row * count;
    for (int sheet = 0; sheet < sheets; ++sheet)
      for (int y = int(tile_row) * side; y < (int(tile_row) + 1) * side; ++y) {
        const Stored* texel = texels + (int64_t(sheet) * size + y) * size * 4;
        for (int tile = 0; tile < count; ++tile) {
          bool any = false;
          for (int x = 0; x < side; ++x, texel += 4) any |= texel[3] > 0;
          marked[tile] |= uint64_t(any) << sheet;
        }
      }
  });
}

}  // namespace

extern "C" {

// [tiles down, tiles across] for drawing; `hulls` [count, 8, 3] metres, see opaque_hulls.py.
void pm_depth_ranges(const double* hulls, int64_t count, const pm::View* view, pm::DepthRange* ranges) {
  find_depth_ranges(hulls, count, *view, ranges);
}

// Straight sRGB RGBA [H, W, 4] and expected depth [H, W] of 8-bit textures; draws the rows of tiles [first, last).
void pm_render_u8(const pm::Scene* scene, const pm::View* view, const pm::DepthRange* ranges, float* rgba, float* depth,
                  int first, int last, int threads) {
  const auto frame = make_frame<float>(*scene, *view);
  const auto draw = [&](const Block<Floats>& block, int x, int y, int64_t tile, int) {
    const auto pixel = finish(composite_within(frame, block, ranges[tile]));
    const Floats values[4] = {pixel.r, pixel.g, pixel.b, pixel.a};
    store(rgba, *view, block, x, y, values, 4);
    store(depth, *view, block, x, y, &pixel.depth, 1);
  };
  for_blocks<Floats>(*view, first, last, thread_count(threads), draw);
}

// Premultiplied linear RGBA [H, W, 4] and expected depth [H, W] of 8-bit textures; likewise.
void pm_light_u8(const pm::Scene* scene, const pm::View* view, const pm::DepthRange* ranges, float* rgba, float* depth,
                 int first, int last, int threads) {
  const auto frame = make_frame<float>(*scene, *view);
  const auto draw = [&](const Block<Floats>& block, int x, int y, int64_t tile, int) {
    const auto sum = composite_within(frame, block, ranges[tile]);
    const Floats opacity = smaller(sum.opacity, splat<Floats>(1.0)), values[4] = {sum.r, sum.g, sum.b, opacity};
    const Floats far = expected_depth(sum, splat<Floats>(1.0) / larger(sum.opacity, splat<Floats>(1e-6)));
    store(rgba, *view, block, x, y, values, 4);
    store(depth, *view, block, x, y, &far, 1);
  };
  for_blocks<Floats>(*view, first, last, thread_count(threads), draw);
}

// Premultiplied linear RGB, opacity and opacity-weighted depth [H, W, 5] of float textures.
void pm_accumulate_f32(const pm::Scene* scene, const pm::View* view, float* out, int threads) {
  accumulate<Floats, float>(*scene, *view, out, thread_count(threads));
}
void pm_accumulate_f64(const pm::Scene* scene, const pm::View* view, double* out, int threads) {
  accumulate<double, double>(*scene, *view, out, thread_count(threads));
}

// Adds to the gradients of the texture levels and of the radius map [G, G].
void pm_backward_f32(const pm::Scene* scene, const pm::View* view, const float* gradient, float* const* levels,
                     float* radius, int threads) {
  accumulate_backward<Floats, float>(*scene, *view, gradient, levels, radius, thread_count(threads));
}
void pm_backward_f64(const pm::Scene* scene, const pm::View* view, const double* gradient, double* const* levels,
                     double* radius, int threads) {
  accumulate_backward<double, double>(*scene, *view, gradient, levels, radius, thread_count(threads));
}

void pm_build_cells_f32(const float* radius, const float* spread, int size, float* cells) {
  build_cells(radius, spread, size, cells);
}
void pm_build_cells_f64(const double* radius, const double* spread, int size, double* cells) {
  build_cells(radius, spread, size, cells);
}

void pm_mark_occupied_u8(const uint8_t* texels, int sheets, int size, int count, uint64_t* tiles, int threads) {
  mark_occupied(texels, sheets, size, count, tiles, thread_count(threads));
}
void pm_mark_occupied_f32(const float* texels, int sheets, int size, int count, uint64_t* tiles, int threads) {
  mark_occupied(texels, sheets, size, count, tiles, thread_count(threads));
}
void pm_mark_occupied_f64(const double* texels, int sheets, int size, int count, uint64_t* tiles, int threads) {
  mark_occupied(texels, sheets, size, count, tiles, thread_count(threads));
}

// The next mip level [S, T / 2, T / 2, 4] of [S, T, T, 4]: opacity averaged, colour averaged by opacity.
void pm_halve_u8(const uint8_t* texels, int sheets, int size, uint8_t* half, int threads) {
  const int to = size / 2;
  parallel_for(int64_t(sheets) * to, thread_count(threads), [&](int64_t line, int) {
    const uint8_t* top = texels + (line / to * size + line % to * 2) * int64_t(size) * 4;
    uint8_t* out = half + line * to * 4;
    for (int x = 0; x < to; ++x) halve(top + 8 * x, size, out + 4 * x);
  });
}

// Reads `words` words and writes `out_words`, on all cores: what memory alone would take. For the benchmark.
uint64_t pm_stream(const uint64_t* source, int64_t words, uint64_t* out, int64_t out_words, int threads) {
  constexpr int64_t CHUNK = 1 << 15;
  std::atomic<uint64_t> total{0};
  parallel_for((words + CHUNK - 1) / CHUNK, thread_count(threads), [&](int64_t chunk, int) {
    uint64_t sum = 0;
    for (int64_t k = chunk * CHUNK; k < std::min(words, (chunk + 1) * CHUNK); ++k) sum += source[k];
    total += sum;
  });
  parallel_for((out_words + CHUNK - 1) / CHUNK, thread_count(threads), [&](int64_t chunk, int) {
    for (int64_t k = chunk * CHUNK; k < std::min(out_words, (chunk + 1) * CHUNK); ++k) out[k] = total;
  });
  return total;
}

}  // extern "C"
