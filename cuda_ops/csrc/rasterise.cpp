// Triangles to a picture: perspective-correct, textured, antialiased, with any number of translucent layers in order.
//
//   texel    t(u, v)             linear light, premultiplied alpha, bilinear in one level of a mip chain, repeating
//   fragment c = t.rgb * gain.rgb * gain.a + add * a,   a = t.a * gain.a
//   pixel    C = mean over samples of  sum_i T_i c_i,   T_i = prod_{j nearer than i} (1 - a_j)
//   depth    sum_i T_i a_i z_i / sum_i T_i a_i          (the same sums, all samples of the pixel together)
//
// A pixel has n x n samples for coverage and depth; each triangle is shaded once a pixel, at the centre of the samples
// it covers. Triangles of opaque textures go through a z-buffer; the others are gathered per pixel, sorted by depth
// (then by index, so that the result never depends on the threads) and composited in front of it. Triangles that come
// nearer to the camera than NEAR_M are left out. Threads take tiles; a tile belongs to one thread.
//
// Plain C interface, no dependencies. All arrays are contiguous; see rasterise.py for shapes.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "mip_chain.h"
#include "parallel.h"

namespace {

using pm::Colour;
using pm::Level;
using pm::Texture;

constexpr int TILE = 32;           // pixels a side
constexpr int MAX_SAMPLES = 4;     // a side: 16 bits of coverage
constexpr float NEAR_M = 0.01f;
constexpr float MIN_ALPHA = 1.0f / 1024.0f;
constexpr float SOLID = 1.0f - 1e-6f;
constexpr float MIN_OPACITY = 1.0f / 255.0f;

struct Setup;

struct Scene {
    const Setup* setups;    // [T], worked out once for all tiles
    const float* pixels;    // [V, 3] x, y in pixels, depth in metres
    const float* uv;        // [V, 2]
    const float* gain;      // [V, 4]
    const float* add;       // [V, 3]
    const int32_t* triangles;
    const int32_t* texture_of_triangle;
    std::vector<Texture> textures;
    int width, height, samples;
};

// Edge functions of a projected triangle, normalised so that they sum to one.
struct Setup {
    float x[3], y[3], inverse_depth[3], inverse_area;
    bool make(const Scene& scene, int64_t triangle) {
        const int32_t* corner = scene.triangles + 3 * triangle;
        for (int k = 0; k < 3; ++k) {
            const float* p = scene.pixels + 3 * int64_t(corner[k]);
            if (!(p[2] >= NEAR_M) || !std::isfinite(p[0]) || !std::isfinite(p[1])) return false;
            x[k] = p[0]; y[k] = p[1]; inverse_depth[k] = 1.0f / p[2];
        }
        float area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]);
        if (!(std::fabs(area) > 1e-9f)) return false;
        inverse_area = 1.0f / area;
        return true;
    }
    void weights(float px, float py, float w[3]) const {
        w[0] = ((x[1] - px) * (y[2] - py) - (x[2] - px) * (y[1] - py)) * inverse_area;
        w[1] = ((x[2] - px) * (y[0] - py) - (x[0] - px) * (y[2] - py)) * inverse_area;
        w[2] = 1.0f - w[0] - w[1];
    }
};

struct Bounds { int x0, y0, x1, y1; };  // in tiles, inclusive

struct Fragment {
    int32_t pixel;  // in the tile
    uint32_t mask;
    float inverse_depth;
    int32_t triangle;
    Colour colour;  // premultiplied
};

// Of a triangle's texture; empty for a white triangle.
Level mip_level(const Scene& scene, const Setup& setup, int64_t triangle) {
    int32_t index = scene.texture_of_triangle[triangle];
    if (index < 0) return {};
    const Texture& texture = scene.textures[index];
    const int32_t* corner = scene.triangles + 3 * triangle;
    const float *a = scene.uv + 2 * int64_t(corner[0]), *b = scene.uv + 2 * int64_t(corner[1]),
                *c = scene.uv + 2 * int64_t(corner[2]);
    float texels = std::fabs((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])) * texture.width * texture.height;
    float per_pixel = texels * std::fabs(setup.inverse_area);
    return texture.level(per_pixel);
}

Colour shade(const Scene& scene, const Setup& setup, int64_t triangle, float px, float py, const Level& level, float* inverse) {
    float w[3];
    setup.weights(px, py, w);
    float sum = 0.0f;
    for (int k = 0; k < 3; ++k) { w[k] *= setup.inverse_depth[k]; sum += w[k]; }
    *inverse = sum;
    const int32_t* corner = scene.triangles + 3 * triangle;
    float share[3], u = 0, v = 0, gain[4] = {0, 0, 0, 0}, add[3] = {0, 0, 0};
    for (int k = 0; k < 3; ++k) {
        share[k] = w[k] / sum;
        u += share[k] * scene.uv[2 * int64_t(corner[k])]; v += share[k] * scene.uv[2 * int64_t(corner[k]) + 1];
    }
    Colour t = level.data ? pm::fetch(level, u, v) : Colour{1, 1, 1, 1};
    if (t.a <= 0.0f) return {0, 0, 0, 0};  // between the strands
    for (int k = 0; k < 3; ++k) {
        int64_t vertex = corner[k];
        for (int c = 0; c < 4; ++c) gain[c] += share[k] * scene.gain[4 * vertex + c];
        for (int c = 0; c < 3; ++c) add[c] += share[k] * scene.add[3 * vertex + c];
    }
    float a = t.a * gain[3];
    return {t.r * gain[0] * gain[3] + add[0] * a, t.g * gain[1] * gain[3] + add[1] * a,
            t.b * gain[2] * gain[3] + add[2] * a, a};
}

struct Layer { float inverse_depth; int32_t triangle; };

struct TileBuffers {
    std::vector<float> front;           // per sample, of the nearest thing that lets nothing through
    std::vector<Layer> layers;          // the tile's translucent triangles, near to far
    std::vector<float> inverse_depth;   // per sample, of the nearest opaque triangle
    std::vector<int32_t> triangle;      // per sample, -1 where there is none
    std::vector<Fragment> fragments;
    std::vector<int32_t> latest;        // per pixel, the fragment that the triangle in hand has begun there, or -1
    std::vector<int32_t> order, start;  // fragments by pixel, near to far
};

// Fills `order`: counting sort by pixel, then each pixel's few by depth.
void sort_fragments(TileBuffers& buffers) {
    const auto& fragments = buffers.fragments;
    buffers.start.assign(TILE * TILE + 1, 0);
    for (const Fragment& f : fragments) ++buffers.start[f.pixel + 1];
    for (int i = 0; i < TILE * TILE; ++i) buffers.start[i + 1] += buffers.start[i];
    buffers.order.resize(fragments.size());
    for (size_t k = 0; k < fragments.size(); ++k) buffers.order[buffers.start[fragments[k].pixel]++] = int32_t(k);
    auto nearer = [&](int32_t a, int32_t b) {
        const Fragment &f = fragments[a], &g = fragments[b];
        return f.inverse_depth != g.inverse_depth ? f.inverse_depth > g.inverse_depth : f.triangle < g.triangle;
    };
    for (int i = 0, begin = 0; i < TILE * TILE; ++i) {  // start[i] is now the end of pixel i
        std::sort(buffers.order.begin() + begin, buffers.order.begin() + buffers.start[i], nearer);
        begin = buffers.start[i];
    }
}

// Sample s along a side of the whole picture lies at (s + 0.5) / n.
int first_sample(float low, int n) { return int(std::ceil(std::max(low * n - 0.5f, -1e6f))); }
int last_sample(float high, int n) { return int(std::floor(std::min(high * n - 0.5f, 1e6f))); }

// Calls visit(pixel x, pixel y, sample, 1/depth) for each sample of the tile that the triangle covers. A sample exactly
// on an edge belongs to the triangle of which it is a left edge, or a top one: layers must not count it twice. Opaque
// triangles take a hair more (`slack` of their area), so that rounding never opens a gap between two.
template <class Visit>
void cover(const Scene& scene, const Setup& setup, int left, int top, int right, int bottom, float slack, Visit visit) {
    const int n = scene.samples;
    const float step = 1.0f / n;
    const float *px = setup.x, *py = setup.y;
    float min_x = std::min({px[0], px[1], px[2]}), max_x = std::max({px[0], px[1], px[2]});
    float min_y = std::min({py[0], py[1], py[2]}), max_y = std::max({py[0], py[1], py[2]});
    int x0 = std::max(left * n, first_sample(min_x, n)), x1 = std::min(right * n - 1, last_sample(max_x, n));
    int y0 = std::max(top * n, first_sample(min_y, n)), y1 = std::min(bottom * n - 1, last_sample(max_y, n));
    if (x0 > x1 || y0 > y1) return;
    const float sign = setup.inverse_area > 0 ? 1.0f : -1.0f, scale = std::fabs(setup.inverse_area);
    const float sx = (x0 + 0.5f) * step, sy = (y0 + 0.5f) * step, least = -slack / scale;
    float origin[3], along_x[3], along_y[3], samples_a_unit[3];
    bool owns[3];
    for (int k = 0; k < 3; ++k) {
        int a = (k + 1) % 3, b = (k + 2) % 3;
        float dx = sign * (px[b] - px[a]), dy = sign * (py[b] - py[a]);
        origin[k] = sign * ((px[a] - sx) * (py[b] - sy) - (px[b] - sx) * (py[a] - sy));
        along_x[k] = -dy * step;
        along_y[k] = dx * step;
        samples_a_unit[k] = along_x[k] != 0.0f ? 1.0f / along_x[k] : 0.0f;
        owns[k] = dy < 0 || (dy == 0 && dx > 0);
    }
    for (int y = y0; y <= y1; ++y) {
        // The row's samples that may be inside, a sample to spare: most of a thin lock's bounding box is outside.
        float low = 0.0f, high = float(x1 - x0);
        for (int k = 0; k < 3; ++k) {
            const float reach = (least - origin[k] - float(y - y0) * along_y[k]) * samples_a_unit[k];
            if (along_x[k] > 0.0f) low = std::max(low, reach - 1.0f);
            if (along_x[k] < 0.0f) high = std::min(high, reach + 1.0f);
        }
        if (!(low <= high)) continue;
        for (int x = x0 + int(low); x <= x0 + int(high); ++x) {
            float e[3];
            bool inside = true;
            for (int k = 0; k < 3; ++k) {
                e[k] = origin[k] + float(x - x0) * along_x[k] + float(y - y0) * along_y[k];
                inside &= e[k] > least || (e[k] == 0.0f && owns[k]);
            }
            if (inside)
                visit(x / n, y / n, (y % n) * n + x % n,
                      scale * (e[0] * setup.inverse_depth[0] + e[1] * setup.inverse_depth[1] + e[2] * setup.inverse_depth[2]));
        }
    }
}

void centre_of(uint32_t mask, int n, float* x, float* y) {
    float sum_x = 0, sum_y = 0; int count = 0;
    for (int s = 0; s < n * n; ++s)
        if (mask >> s & 1) { sum_x += s % n + 0.5f; sum_y += s / n + 0.5f; ++count; }
    *x = sum_x / (count * n); *y = sum_y / (count * n);
}

void draw_tile(const Scene& scene, const int32_t* triangles, int64_t count, int tile_x, int tile_y, TileBuffers& buffers,
               float* rgba, float* depth) {
    const int n = scene.samples, per_pixel = n * n;
    const int left = tile_x * TILE, top = tile_y * TILE;
    const int right = std::min(left + TILE, scene.width), bottom = std::min(top + TILE, scene.height);
    buffers.inverse_depth.assign(TILE * TILE * per_pixel, 0.0f);
    buffers.triangle.assign(TILE * TILE * per_pixel, -1);
    buffers.latest.assign(TILE * TILE, -1);
    buffers.fragments.clear();
    auto is_opaque = [&](int32_t t) {
        int32_t index = scene.texture_of_triangle[t];
        return index < 0 || scene.textures[index].opaque;
    };
    for (int64_t i = 0; i < count; ++i) {
        int32_t t = triangles[i];
        if (!is_opaque(t)) continue;
        cover(scene, scene.setups[t], left, top, right, bottom, 1e-6f, [&](int x, int y, int sample, float inverse) {
            int at = ((y - top) * TILE + x - left) * per_pixel + sample;
            if (inverse > buffers.inverse_depth[at]) { buffers.inverse_depth[at] = inverse; buffers.triangle[at] = t; }
        });
    }
    // Near to far, so that locks of hair that let nothing through spare the work on those behind them.
    buffers.layers.clear();
    for (int64_t i = 0; i < count; ++i) {
        if (is_opaque(triangles[i])) continue;
        const float* inverse_depth = scene.setups[triangles[i]].inverse_depth;
        buffers.layers.push_back({*std::max_element(inverse_depth, inverse_depth + 3), triangles[i]});
    }
    std::sort(buffers.layers.begin(), buffers.layers.end(), [](const Layer& a, const Layer& b) {
        return a.inverse_depth != b.inverse_depth ? a.inverse_depth > b.inverse_depth : a.triangle < b.triangle;
    });
    buffers.front = buffers.inverse_depth;
    for (const Layer& layer : buffers.layers) {
        const int32_t t = layer.triangle;
        const Setup& setup = scene.setups[t];
        const Level level = mip_level(scene, setup, t);
        size_t first = buffers.fragments.size();
        cover(scene, setup, left, top, right, bottom, 0.0f, [&](int x, int y, int sample, float inverse) {
            int pixel = (y - top) * TILE + x - left;
            if (inverse <= buffers.front[pixel * per_pixel + sample]) return;
            int32_t& latest = buffers.latest[pixel];
            if (latest >= int32_t(first)) { buffers.fragments[latest].mask |= 1u << sample; return; }
            latest = int32_t(buffers.fragments.size());
            buffers.fragments.push_back({pixel, 1u << sample, 0.0f, t, {}});
        });
        size_t kept = first;
        for (size_t k = first; k < buffers.fragments.size(); ++k) {
            Fragment fragment = buffers.fragments[k];
            float x, y;
            centre_of(fragment.mask, n, &x, &y);
            fragment.colour = shade(scene, setup, t, left + fragment.pixel % TILE + x, top + fragment.pixel / TILE + y,
                                    level, &fragment.inverse_depth);
            buffers.latest[fragment.pixel] = -1;
            if (fragment.colour.a > MIN_ALPHA) buffers.fragments[kept++] = fragment;
            if (fragment.colour.a < SOLID) continue;
            for (int sample = 0; sample < per_pixel; ++sample)
                if (fragment.mask >> sample & 1) {
                    float& front = buffers.front[fragment.pixel * per_pixel + sample];
                    front = std::max(front, fragment.inverse_depth);
                }
        }
        buffers.fragments.resize(kept);
    }
    sort_fragments(buffers);
    size_t next = 0;
    for (int y = top; y < bottom; ++y)
        for (int x = left; x < right; ++x) {
            int pixel = (y - top) * TILE + x - left;
            float transmittance[MAX_SAMPLES * MAX_SAMPLES];
            for (int s = 0; s < per_pixel; ++s) transmittance[s] = 1.0f;
            float r = 0, g = 0, b = 0, a = 0, z = 0;
            for (; next < buffers.order.size() && buffers.fragments[buffers.order[next]].pixel == pixel; ++next) {
                const Fragment& f = buffers.fragments[buffers.order[next]];
                float through = 0.0f;
                for (int s = 0; s < per_pixel; ++s)
                    if (f.mask >> s & 1) { through += transmittance[s]; transmittance[s] *= 1.0f - std::min(f.colour.a, 1.0f); }
                r += through * f.colour.r; g += through * f.colour.g; b += through * f.colour.b;
                a += through * f.colour.a; z += through * f.colour.a / f.inverse_depth;
            }
            const int32_t* ids = buffers.triangle.data() + pixel * per_pixel;
            uint32_t done = 0;
            for (int s = 0; s < per_pixel; ++s) {
                if (ids[s] < 0 || done >> s & 1) continue;
                uint32_t mask = 0;
                float through = 0.0f, through_z = 0.0f;
                for (int other = s; other < per_pixel; ++other)
                    if (ids[other] == ids[s]) {
                        mask |= 1u << other;
                        through += transmittance[other];
                        through_z += transmittance[other] / buffers.inverse_depth[pixel * per_pixel + other];
                    }
                done |= mask;
                float cx, cy, inverse;
                centre_of(mask, n, &cx, &cy);
                const Setup& setup = scene.setups[ids[s]];
                Colour c = shade(scene, setup, ids[s], x + cx, y + cy, mip_level(scene, setup, ids[s]), &inverse);
                r += through * c.r; g += through * c.g; b += through * c.b; a += through; z += through_z;
            }
            float* out = rgba + 4 * (int64_t(y) * scene.width + x);
            float scale = 1.0f / per_pixel;
            out[0] = r * scale; out[1] = g * scale; out[2] = b * scale; out[3] = a * scale;
            depth[int64_t(y) * scene.width + x] =
                a * scale >= MIN_OPACITY ? z / a : std::numeric_limits<float>::infinity();
        }
}

}  // namespace

extern "C" {

// rgba [height, width, 4] linear premultiplied; depth [height, width] metres. Returns 0, or 1 for impossible sizes,
// 2 for a triangle that names a vertex that is not there, 3 for one that names a texture that is not there.
int32_t rasterise(const float* pixels, const float* uv, const float* gain, const float* add, const int32_t* triangles,
                  const int32_t* texture_of_triangle, int64_t vertex_count, int64_t triangle_count,
                  const float* const* texture_levels,
                  const int32_t* texture_sizes, const uint8_t* texture_opaque, int32_t texture_count, int32_t width,
                  int32_t height, int32_t samples, int32_t threads, float* rgba, float* depth) {
    if (width < 1 || height < 1 || samples < 1 || samples > MAX_SAMPLES) return 1;
    threads = pm::thread_count(threads);
    for (int64_t i = 0; i < 3 * triangle_count; ++i)
        if (triangles[i] < 0 || triangles[i] >= vertex_count) return 2;
    for (int64_t i = 0; i < triangle_count; ++i)
        if (texture_of_triangle[i] < -1 || texture_of_triangle[i] >= texture_count) return 3;
    std::vector<Setup> setups(triangle_count);
    Scene scene{setups.data(), pixels, uv, gain, add, triangles, texture_of_triangle, {}, width, height, samples};
    for (int32_t k = 0; k < texture_count; ++k) {
        int32_t h = texture_sizes[2 * k], w = texture_sizes[2 * k + 1], levels = 1;
        for (int32_t side = std::max(h, w); side > 1; side /= 2) ++levels;
        scene.textures.push_back({texture_levels[k], h, w, levels, texture_opaque[k] != 0});
    }
    const int tiles_x = (width + TILE - 1) / TILE, tiles_y = (height + TILE - 1) / TILE, tiles = tiles_x * tiles_y;
    std::vector<Bounds> bounds(triangle_count);
    std::vector<int64_t> start(tiles + 1, 0);
    for (int64_t t = 0; t < triangle_count; ++t) {
        Setup& setup = setups[t];
        bounds[t] = {1, 1, 0, 0};
        if (!setup.make(scene, t)) continue;
        float x0 = std::min({setup.x[0], setup.x[1], setup.x[2]}), x1 = std::max({setup.x[0], setup.x[1], setup.x[2]});
        float y0 = std::min({setup.y[0], setup.y[1], setup.y[2]}), y1 = std::max({setup.y[0], setup.y[1], setup.y[2]});
        if (x1 < 0 || y1 < 0 || x0 >= width || y0 >= height) continue;
        // Many a triangle of a distant head lies between the samples.
        if (first_sample(x0, samples) > last_sample(x1, samples)) continue;
        if (first_sample(y0, samples) > last_sample(y1, samples)) continue;
        bounds[t] = {int(std::max(x0, 0.0f)) / TILE, int(std::max(y0, 0.0f)) / TILE,
                     int(std::min(x1, width - 1.0f)) / TILE, int(std::min(y1, height - 1.0f)) / TILE};
        for (int ty = bounds[t].y0; ty <= bounds[t].y1; ++ty)
            for (int tx = bounds[t].x0; tx <= bounds[t].x1; ++tx) ++start[ty * tiles_x + tx + 1];
    }
    for (int i = 0; i < tiles; ++i) start[i + 1] += start[i];
    std::vector<int32_t> binned(start[tiles]);
    std::vector<int64_t> fill(start.begin(), start.end() - 1);
    for (int64_t t = 0; t < triangle_count; ++t)
        for (int ty = bounds[t].y0; ty <= bounds[t].y1; ++ty)
            for (int tx = bounds[t].x0; tx <= bounds[t].x1; ++tx) binned[fill[ty * tiles_x + tx]++] = int32_t(t);
    std::vector<TileBuffers> buffers(threads);
    pm::parallel_for(tiles, threads, [&](int64_t tile, int thread) {
        draw_tile(scene, binned.data() + start[tile], start[tile + 1] - start[tile], int(tile) % tiles_x,
                  int(tile) / tiles_x, buffers[thread], rgba, depth);
    });
    return 0;
}

}  // extern "C"
