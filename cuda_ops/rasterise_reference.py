"""The rasteriser in plain torch: the same pictures as csrc/rasterise.cpp, for tests and for a GPU.

All triangles of all views of a batch are taken apart into samples at once, so on a GPU thousands of triangles run side
by side; memory grows with the number of covered samples (about 40 bytes each, all layers counted).
"""

from collections.abc import Iterator, Sequence

import torch

NEAR_M = 0.01
"""Triangles nearer to the camera are not drawn."""

MIN_ALPHA = 1.0 / 1024.0
"""Layers of less opacity are clear."""

MIN_OPACITY = 1.0 / 255.0
"""A pixel of less has no depth."""


def rasterise_reference(
    pixels: torch.Tensor,  # [B, V, 3] x, y in pixels, depth in metres
    uv: torch.Tensor,  # [V, 2]
    gain: torch.Tensor,  # [V, 4]
    add: torch.Tensor,  # [V, 3]
    triangles: torch.Tensor,  # [T, 3] int64
    texture_of_triangle: torch.Tensor,  # [T] int64, -1 is white
    textures: Sequence[torch.Tensor],  # [h, w, 4] uint8, sRGB-encoded, straight alpha
    width_px: int,
    height_px: int,
    samples: int = 2,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Linear premultiplied RGBA [B, H, W, 4] and depth [B, H, W] in metres; see rasterise.py for the meaning.

    Runs on the device of `pixels`; everything else is moved there.
    """
    device = pixels.device
    views, vertices = pixels.shape[:2]
    uv, gain, add = uv.to(device), gain.to(device), add.to(device)
    triangles, texture_of_triangle = triangles.to(device), texture_of_triangle.to(device)
    chains = [mip_chain(texture.to(device)) for texture in textures]
    opaque_texture = torch.tensor([bool((t[..., 3] == 255).all()) for t in textures] + [True], device=device)
    count = len(triangles)
    side_x, side_y = width_px * samples, height_px * samples
    sample_count = views * side_x * side_y

    corner = (
        triangles.repeat(views, 1) + torch.arange(views, device=device).repeat_interleave(count)[:, None] * vertices
    )
    corners = pixels.reshape(-1, 3)[corner]  # [B T, 3, 3]
    solid = opaque_texture[texture_of_triangle]
    owner, at_x, at_y, weights = _covered(corners, solid.repeat(views), side_x, side_y, samples)
    inverse = (weights / corners[owner][..., 2]).sum(-1)
    sample = (owner // max(count, 1) * side_y + at_y) * side_x + at_x
    is_opaque = solid[owner % max(count, 1)]

    nearest, wins = _nearest(sample, owner, inverse, is_opaque, sample_count)
    through = ~is_opaque & (inverse > nearest[sample])

    def shaded(chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Colour [G, 4] and 1 / depth [G] of the (pixel, triangle) groups of the chosen samples; group of each [K]."""
        pixel_x, pixel_y = at_x[chosen] // samples, at_y[chosen] // samples
        key = (owner[chosen] * height_px + pixel_y) * width_px + pixel_x
        unique, group = torch.unique(key, return_inverse=True)
        total = torch.zeros(len(unique), 3, device=device)
        ones = torch.ones(len(group), device=device)
        total.index_add_(0, group, torch.stack([at_x[chosen] + 0.5, at_y[chosen] + 0.5, ones], -1))
        centre = total[:, :2] / total[:, 2:] / samples
        triangle = unique // (width_px * height_px)
        return *_shade(
            corners[triangle], triangle % count, centre, triangles, texture_of_triangle, uv, gain, add, chains
        ), group

    rgba = torch.zeros(sample_count, 4, device=device)
    depth_sum = torch.zeros(sample_count, device=device)
    clear = torch.ones(sample_count, device=device)
    if through.any():
        colour, group_inverse, group = shaded(through)
        colour = torch.where(colour[:, 3:] > MIN_ALPHA, colour, torch.zeros_like(colour))
        for where, of in _front_to_back(sample[through], owner[through], group_inverse[group], group):
            rgba[where] += clear[where, None] * colour[of]
            depth_sum[where] += clear[where] * colour[of, 3] / group_inverse[of]
            clear[where] *= 1.0 - colour[of, 3].clamp(max=1.0)
    if wins.any():
        colour, _, group = shaded(wins)
        where = sample[wins]
        colour = torch.cat([colour[group][:, :3], torch.ones_like(colour[group][:, :1])], 1)
        rgba[where] += clear[where, None] * colour
        depth_sum[where] += clear[where] / nearest[where]

    shape = (views, height_px, samples, width_px, samples)
    rgba = rgba.reshape(*shape, 4).mean((2, 4))
    depth = depth_sum.reshape(shape).mean((2, 4)) / rgba[..., 3].clamp(min=1e-12)
    return rgba, torch.where(rgba[..., 3] >= MIN_OPACITY, depth, torch.inf)


def mip_chain(texels: torch.Tensor) -> list[torch.Tensor]:
    """sRGB straight RGBA [h, w, 4] uint8 to linear premultiplied levels down to one texel, each [h', w', 4] float32."""
    encoded = texels[..., :3].double() / 255.0
    linear = torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    alpha = texels[..., 3:].double() / 255.0
    levels = [torch.cat([linear * alpha, alpha], -1).float()]
    while max(levels[-1].shape[:2]) > 1:
        height, width = levels[-1].shape[:2]
        rows = 2 * torch.arange(max(1, height // 2), device=texels.device)
        columns = 2 * torch.arange(max(1, width // 2), device=texels.device)
        below, right = (rows + 1).clamp(max=height - 1), (columns + 1).clamp(max=width - 1)
        above = levels[-1][rows][:, columns] + levels[-1][rows][:, right]
        levels.append(0.25 * (above + levels[-1][below][:, columns] + levels[-1][below][:, right]))
    return levels


def _nearest(
    sample: torch.Tensor, owner: torch.Tensor, inverse: torch.Tensor, is_opaque: torch.Tensor, sample_count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """1 / depth of the nearest opaque triangle in each sample, 0 without, and which of K covered samples [K] are its.

    Of two as near the triangle of the lower number hides the other.
    """
    nearest = torch.zeros(sample_count, device=sample.device)
    nearest.scatter_reduce_(0, sample[is_opaque], inverse[is_opaque], "amax")
    wins = is_opaque & (inverse == nearest[sample])
    first = torch.full((sample_count,), torch.iinfo(owner.dtype).max, dtype=owner.dtype, device=sample.device)
    first.scatter_reduce_(0, sample[wins], owner[wins], "amin")
    return nearest, wins & (owner == first[sample])


def _front_to_back(
    sample: torch.Tensor, owner: torch.Tensor, inverse: torch.Tensor, group: torch.Tensor
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Of layers [K] the foremost of each sample and its group, [J] each, then those behind them, and so on.

    The nearer, of greater 1 / depth `inverse` [K], comes first; of two as near the triangle of the lower number.
    """
    order = torch.argsort(owner, stable=True)
    order = order[torch.argsort(inverse[order], descending=True, stable=True)]
    order = order[torch.argsort(sample[order], stable=True)]
    sample, group = sample[order], group[order]
    rank = torch.arange(len(order), device=sample.device) - torch.searchsorted(sample, sample)
    for k in range(int(rank.max()) + 1):
        yield sample[rank == k], group[rank == k]


def _covered(
    corners: torch.Tensor, solid: torch.Tensor, side_x: int, side_y: int, samples: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """All samples in all triangles [B T, 3, 3]: triangle [K], sample column and row [K], barycentric weights [K, 3].

    A sample on an edge belongs to the triangle of which it is a left edge or a top one; `solid` [B T] ones take both.
    """
    x, y = corners[..., 0] * samples - 0.5, corners[..., 1] * samples - 0.5
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    whole = (corners[..., 2] >= NEAR_M).all(1) & torch.isfinite(corners).all(-1).all(-1)
    whole &= area.abs() > 1e-9 * samples**2
    left, right = x.amin(1).ceil().clamp(0, side_x), x.amax(1).floor().clamp(-1, side_x - 1)
    top, bottom = y.amin(1).ceil().clamp(0, side_y), y.amax(1).floor().clamp(-1, side_y - 1)
    wide, high = (right - left + 1).clamp(min=0), (bottom - top + 1).clamp(min=0)
    boxes = torch.where(whole, wide * high, torch.zeros_like(wide)).nan_to_num().long()
    owner = torch.arange(len(corners), device=corners.device).repeat_interleave(boxes)
    within = torch.arange(len(owner), device=corners.device) - (boxes.cumsum(0) - boxes)[owner]
    row_length = wide[owner].long()
    at_x = left[owner].long() + within % row_length
    at_y = top[owner].long() + within // row_length
    centre = (torch.stack([at_x, at_y], -1) + 0.5) / samples
    weights = _weights(corners[owner], centre)
    following = corners[owner][:, [1, 2, 0]], corners[owner][:, [2, 0, 1]]
    edge = (following[1] - following[0]) * area[owner, None, None].sign()
    owns = (edge[..., 1] < 0) | ((edge[..., 1] == 0) & (edge[..., 0] > 0))
    inside = ((weights > 0) | ((weights == 0) & owns) | (solid[owner, None] & (weights > -1e-6))).all(-1)
    return owner[inside], at_x[inside], at_y[inside], weights[inside]


def _weights(corners: torch.Tensor, point: torch.Tensor) -> torch.Tensor:
    """Barycentric weights [K, 3] of points [K, 2] in triangles [K, 3, 3]."""
    x, y = corners[..., 0], corners[..., 1]
    px, py = point[:, 0], point[:, 1]
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    a = ((x[:, 1] - px) * (y[:, 2] - py) - (x[:, 2] - px) * (y[:, 1] - py)) / area
    b = ((x[:, 2] - px) * (y[:, 0] - py) - (x[:, 0] - px) * (y[:, 2] - py)) / area
    return torch.stack([a, b, 1.0 - a - b], -1)


def _shade(
    corners: torch.Tensor, triangle: torch.Tensor, point: torch.Tensor, triangles: torch.Tensor,
    texture_of_triangle: torch.Tensor, uv: torch.Tensor, gain: torch.Tensor, add: torch.Tensor,
    chains: Sequence[Sequence[torch.Tensor]],
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Premultiplied linear colour [K, 4] and 1 / depth [K] of triangles at points [K, 2]."""
    share = _weights(corners, point) / corners[..., 2]
    inverse = share.sum(-1)
    share = share / inverse[:, None]
    vertex = triangles[triangle]
    at, scale, shift = ((share[..., None] * values[vertex]).sum(1) for values in (uv, gain, add))
    texture = texture_of_triangle[triangle]
    texel = torch.ones(len(triangle), 4, device=uv.device)
    x, y = corners[..., 0], corners[..., 1]
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    p = uv[vertex]
    uv_area = (p[:, 1, 0] - p[:, 0, 0]) * (p[:, 2, 1] - p[:, 0, 1]) - (p[:, 2, 0] - p[:, 0, 0]) * (
        p[:, 1, 1] - p[:, 0, 1]
    )
    for index, chain in enumerate(chains):
        height, width = chain[0].shape[:2]
        ratio = uv_area.abs() * (width * height) / area.abs()
        level = torch.where(ratio > 1.0, 0.5 * torch.log2(ratio.clamp(min=1e-12)) + 0.35, torch.zeros_like(ratio))
        level = level.long().clamp(max=len(chain) - 1)
        for k, texels in enumerate(chain):
            mine = (texture == index) & (level == k)
            texel[mine] = _fetch(texels, at[mine])
    alpha = texel[:, 3:] * scale[:, 3:]
    return torch.cat([texel[:, :3] * scale[:, :3] * scale[:, 3:] + shift * alpha, alpha], -1), inverse


def _fetch(texels: torch.Tensor, uv: torch.Tensor) -> torch.Tensor:
    """Bilinear, repeating; [K, 4]."""
    height, width = texels.shape[:2]
    x = (uv[:, 0] - uv[:, 0].floor()) * width - 0.5
    y = (uv[:, 1] - uv[:, 1].floor()) * height - 0.5
    column, row = x.floor().long(), y.floor().long()
    x, y = (x - column)[:, None], (y - row)[:, None]
    left, right, above, below = column % width, (column + 1) % width, row % height, (row + 1) % height
    upper = texels[above, left] * (1 - x) + texels[above, right] * x
    lower = texels[below, left] * (1 - x) + texels[below, right] * x
    return upper * (1 - y) + lower * y
