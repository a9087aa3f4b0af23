"""Draws every coordinate frame of backend/conventions.py on one page: docs/images/frames.png.

Usage: python frames.py [FILE.png]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Polygon, Rectangle

from portrait_manifolds.backend.conventions import CHART_HALF_EXTENT, PORTRAIT_TO_BLENDER
from portrait_manifolds.backend.made.made_portrait import made_offsets_m, paint, skin_m
from portrait_manifolds.backend.manifolds import chart_to_direction, map_grid

RED, GREEN, BLUE, INK, PALE = "#c8322d", "#2e8b3d", "#2b62c4", "#333333", "#b9b9b9"
AXES = ((RED, "x"), (GREEN, "y"), (BLUE, "z"))


def main(path: Path) -> None:
    plt.rcParams.update({"font.size": 10, "font.family": "DejaVu Sans"})
    figure = plt.figure(figsize=(13.0, 8.6), facecolor="white")
    draw_head(
        figure.add_subplot(2, 3, 1, projection="3d"),
        np.eye(3),
        "Portrait space: metres\nx image-right, y up, z to the viewer",
        elevation_deg=18,
        azimuth_deg=28,
        up="y",
    )
    draw_camera(figure.add_subplot(2, 3, 2))
    draw_pixels(figure.add_subplot(2, 3, 3))
    draw_chart(figure.add_subplot(2, 3, 4))
    draw_crop(figure.add_subplot(2, 3, 5))
    draw_head(
        figure.add_subplot(2, 3, 6, projection="3d"),
        PORTRAIT_TO_BLENDER,
        "Blender: (x, y, z) becomes (x, -z, y)\nz up, the face looks along -Y",
        elevation_deg=16,
        azimuth_deg=-62,
        up="z",
    )
    figure.tight_layout(h_pad=2.0, w_pad=1.0)
    figure.savefig(path, dpi=96)


def draw_head(axes: Axes, turn: np.ndarray, title: str, elevation_deg: float, azimuth_deg: float, up: str) -> None:
    """The made head as a net, and the axes at its origin; `turn` [3, 3] takes portrait space to what is drawn."""
    polar, around = np.meshgrid(np.linspace(0.0, np.pi, 33), np.linspace(0.0, 2.0 * np.pi, 65), indexing="ij")
    directions = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], axis=-1)
    net = np.moveaxis((directions * skin_m(directions)[..., None]) @ turn.T, -1, 0)
    axes.plot_wireframe(*net, color=PALE, linewidth=0.5, rstride=1, cstride=2)
    for axis, (colour, name) in zip(np.eye(3) * 0.16, AXES, strict=True):
        axes.quiver(0, 0, 0, *axis, color=colour, linewidth=2.2, arrow_length_ratio=0.12)
        axes.text(*(axis * 1.13), name, color=colour, fontsize=13, fontweight="bold")
    eyes = np.array([[-0.032, 0.02, 0.095], [0.032, 0.02, 0.095]]) @ turn.T
    axes.plot(*eyes.T, "o-", color=INK, markersize=4, linewidth=1.2)
    axes.text(*(eyes[1] + turn @ (0.02, 0.03, 0.03)), "0.064 m", color=INK, fontsize=9)
    axes.view_init(elevation_deg, azimuth_deg, vertical_axis=up)
    axes.set_xlim(-0.15, 0.15), axes.set_ylim(-0.15, 0.15), axes.set_zlim(-0.15, 0.15)
    axes.set_box_aspect((1, 1, 1), zoom=1.15)
    axes.set_axis_off()
    axes.set_title(title, y=1.04)


def draw_camera(axes: Axes) -> None:
    """From above: the camera's own axes, and what yaw does."""
    axes.add_patch(Circle((0, 0), 0.1, facecolor="#eeeeee", edgecolor=INK))
    axes.add_patch(Polygon([(-0.02, -0.097), (0.02, -0.097), (0, -0.125)], facecolor="#eeeeee", edgecolor=INK))
    axes.text(0, 0.01, "head\n(from above)", ha="center", va="center", fontsize=9)
    for yaw_deg, colour, label in ((0.0, INK, "yaw 0"), (35.0, PALE, "yaw > 0")):
        turn = np.radians(yaw_deg)
        right, back = np.array([np.cos(turn), np.sin(turn)]), np.array([np.sin(turn), -np.cos(turn)])
        place = 0.62 * back
        for side in (-1, 1):
            end = place - 0.44 * back + side * 0.12 * right
            axes.plot(*zip(place, end, strict=True), color=colour, linewidth=1, linestyle="--")
        axes.plot(*place, "s", color=colour, markersize=9)
        axes.text(place[0] + 0.03, place[1] - 0.09, label, color=INK, fontsize=9)
        if yaw_deg == 0.0:
            for direction, axis_colour, name in ((right, RED, "x"), (back, BLUE, "z")):
                axes.annotate(
                    "", place + 0.22 * direction, place, arrowprops={"arrowstyle": "-|>", "color": axis_colour, "lw": 2}
                )
                axes.text(*(place + 0.26 * direction), name, color=axis_colour, fontsize=13, fontweight="bold")
            axes.text(-0.36, -0.60, "y: up, out\nof the page", color=GREEN, fontsize=9)
            axes.text(-0.30, -0.35, "looks\nalong -z", fontsize=9)
    arc = np.radians(np.linspace(4, 30, 30))
    axes.plot(0.62 * np.sin(arc), -0.62 * np.cos(arc), color=INK, linewidth=1)
    axes.set_xlim(-0.5, 0.6), axes.set_ylim(-0.98, 0.2)
    axes.set_aspect("equal"), axes.set_axis_off()
    axes.set_title("Camera: OpenGL axes\nyaw > 0 moves it to its right, pitch > 0 up", y=0.98)


def draw_pixels(axes: Axes) -> None:
    """A picture of 6 x 4 pixels."""
    for x in range(7):
        axes.plot([x, x], [0, 4], color=PALE, linewidth=1)
    for y in range(5):
        axes.plot([0, 6], [y, y], color=PALE, linewidth=1)
    axes.plot(0.5, 0.5, "o", color=INK), axes.text(0.5, 0.95, "(0.5, 0.5)", ha="center", va="center", fontsize=9)
    axes.plot(3, 2, "+", color=INK, markersize=14), axes.text(3.1, 2.45, "(cx_px, cy_px)", fontsize=9)
    for tip, colour, name in (((2.2, 0), RED, "x"), ((0, 2.2), GREEN, "y")):
        axes.annotate("", tip, (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2})
        axes.text(
            tip[0] + (0.1 if tip[0] else -0.35), tip[1] + (-0.12 if tip[0] else 0.2), name, color=colour, fontsize=13
        )
    axes.text(6, 4.35, "(width_px, height_px)", ha="right", fontsize=9)
    axes.text(
        3, 5.3, "x = cx + fx X / Z,   y = cy - fy Y / Z,   Z = depth = distance along -z", ha="center", fontsize=9
    )
    axes.set_xlim(-0.8, 6.8), axes.set_ylim(5.8, -0.8)
    axes.set_aspect("equal"), axes.set_axis_off()
    axes.set_title("Pixels: y down\nthe first pixel's centre is (0.5, 0.5)", y=0.98)


def draw_chart(axes: Axes) -> None:
    """The made head's skin in the chart, with circles of equal angle from +z."""
    directions = chart_to_direction(map_grid(256))
    skin = paint(made_offsets_m(24), 6, directions)
    shown = 0.45 + 0.55 * skin[..., :3] * skin[..., 3:] + 0.55 * (1.0 - skin[..., 3:])
    half = CHART_HALF_EXTENT
    axes.imshow(np.clip(shown, 0, 1), extent=(-half, half, -half, half))
    for angle_deg in (30, 60, 90, 110):
        radius = 2.0 * np.sin(np.radians(angle_deg) / 2.0)
        axes.add_patch(Circle((0, 0), radius, fill=False, edgecolor=INK, linewidth=0.8))
        axes.text(0.71 * radius, -0.71 * radius, f"{angle_deg}°", fontsize=8, ha="center", va="center")
    axes.add_patch(Rectangle((-half, -half), 2 * half, 2 * half, fill=False, edgecolor=INK))
    for tip, colour, name in (((0.9, 0), RED, "u"), ((0, 0.9), GREEN, "v")):
        axes.annotate("", tip, (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2})
        axes.text(tip[0] + 0.07, tip[1] + 0.07, name, color=colour, fontsize=13, fontweight="bold")
    axes.text(-half, half + 0.08, "row 0, column 0", fontsize=9)
    axes.text(half, -half - 0.28, f"±{half:.3f}", ha="right", fontsize=9)
    axes.set_xlim(-1.9, 1.9), axes.set_ylim(-1.95, 1.9)
    axes.set_aspect("equal"), axes.set_axis_off()
    axes.set_title("Chart: Lambert equal-area about +z\n(u, v) = sqrt(2 / (1 + d_z)) (d_x, d_y)", y=0.98)


def draw_crop(axes: Axes) -> None:
    """The head's square in a photograph."""
    axes.add_patch(Rectangle((0, 0), 9, 6.5, facecolor="#f4f4f4", edgecolor=INK))
    turn = np.radians(8)
    right, down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    centre, half = np.array([4.6, 3.4]), 2.3
    corners = [centre + half * (a * right + b * down) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    axes.add_patch(Polygon(corners, fill=False, edgecolor=INK, linewidth=1.5))
    axes.add_patch(Circle(tuple(centre), 1.0, fill=False, edgecolor=PALE, linewidth=1.5))
    for side in (-0.38, 0.38):
        axes.plot(*(centre + side * right - 0.25 * down), "o", color=PALE)
    for direction, colour, name in ((right, RED, "x"), (down, GREEN, "y")):
        axes.annotate("", centre + 1.7 * direction, centre, arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2})
        axes.text(*(centre + 1.95 * direction), name, color=colour, fontsize=13, fontweight="bold")
    axes.text(*(corners[0] + (-0.1, -0.2)), "(-1, -1)", fontsize=9, ha="right")
    axes.text(*(corners[2] + (0.1, 0.3)), "(1, 1)", fontsize=9)
    axes.text(0.1, 6.95, "the photograph's pixels", fontsize=9)
    axes.set_xlim(-0.3, 9.3), axes.set_ylim(7.3, -0.6)
    axes.set_aspect("equal"), axes.set_axis_off()
    axes.set_title("Aligned square: y down\nalignment (2 x 3) takes it to photo pixels", y=0.98)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "images" / "frames.png"))
