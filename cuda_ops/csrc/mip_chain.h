// Textures as mip chains: linear light, premultiplied alpha, [h, w, 4] floats, then halves of them down to 1 x 1.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace pm {

struct Colour { float r, g, b, a; };

struct Level { const float* data = nullptr; int height = 0, width = 0; };

struct Texture {
    const float* levels;  // mip chain
    int height, width, level_count;
    bool opaque;

    // The level whose texels are about as large as pixels, where `per_pixel` of the finest cover one.
    Level level(float per_pixel) const {
        int level = per_pixel > 1.0f ? int(0.5f * std::log2(per_pixel) + 0.35f) : 0;
        Level found{levels, height, width};
        for (int i = std::min(level, level_count - 1); i > 0; --i) {
            found.data += int64_t(4) * found.height * found.width;
            found.height = std::max(1, found.height / 2); found.width = std::max(1, found.width / 2);
        }
        return found;
    }
};

// Bilinear and repeating.
inline Colour fetch(const Level& level, float u, float v) {
    const auto [data, height, width] = level;
    float x = (u - std::floor(u)) * width - 0.5f, y = (v - std::floor(v)) * height - 0.5f;
    float fx = std::floor(x), fy = std::floor(y);
    int x0 = int(fx), y0 = int(fy);
    float ax = x - fx, ay = y - fy;
    int x1 = x0 + 1 == width ? 0 : x0 + 1, y1 = y0 + 1 == height ? 0 : y0 + 1;
    if (x0 < 0) x0 = width - 1;
    if (y0 < 0) y0 = height - 1;
    const float *p = data + 4 * (int64_t(y0) * width + x0), *q = data + 4 * (int64_t(y0) * width + x1),
                *r = data + 4 * (int64_t(y1) * width + x0), *s = data + 4 * (int64_t(y1) * width + x1);
    float out[4];
    for (int k = 0; k < 4; ++k)
        out[k] = (p[k] * (1 - ax) + q[k] * ax) * (1 - ay) + (r[k] * (1 - ax) + s[k] * ax) * ay;
    return {out[0], out[1], out[2], out[3]};
}

}  // namespace pm

extern "C" {

// Number of texels (of 4 floats) in the mip chain of a height x width texture, down to 1 x 1.
int64_t mip_chain_texels(int32_t height, int32_t width) {
    int64_t total = int64_t(height) * width;
    while (height > 1 || width > 1) {
        height = std::max(1, height / 2); width = std::max(1, width / 2);
        total += int64_t(height) * width;
    }
    return total;
}

// sRGB-encoded straight RGBA bytes [h, w, 4] to a mip chain of linear premultiplied floats.
void build_mip_chain(const uint8_t* texels, int32_t height, int32_t width, float* chain) {
    float linear[256];
    for (int i = 0; i < 256; ++i) {
        double e = i / 255.0;
        linear[i] = float(e <= 0.04045 ? e / 12.92 : std::pow((e + 0.055) / 1.055, 2.4));
    }
    for (int64_t i = 0; i < int64_t(height) * width; ++i) {
        float a = texels[4 * i + 3] / 255.0f;
        for (int c = 0; c < 3; ++c) chain[4 * i + c] = linear[texels[4 * i + c]] * a;
        chain[4 * i + 3] = a;
    }
    while (height > 1 || width > 1) {
        int32_t half_height = std::max(1, height / 2), half_width = std::max(1, width / 2);
        float* next = chain + int64_t(4) * height * width;
        for (int32_t y = 0; y < half_height; ++y)
            for (int32_t x = 0; x < half_width; ++x)
                for (int c = 0; c < 4; ++c) {
                    int32_t y0 = std::min(2 * y, height - 1), y1 = std::min(2 * y + 1, height - 1);
                    int32_t x0 = std::min(2 * x, width - 1), x1 = std::min(2 * x + 1, width - 1);
                    auto at = [&](int32_t yy, int32_t xx) { return chain[4 * (int64_t(yy) * width + xx) + c]; };
                    next[4 * (int64_t(y) * half_width + x) + c] =
                        0.25f * (at(y0, x0) + at(y0, x1) + at(y1, x0) + at(y1, x1));
                }
        chain = next; height = half_height; width = half_width;
    }
}

}  // extern "C"
