"""Makes the manual's pictures of Blender's window anew, by the present weights: `make window-pictures`.

    python blender_window.py ZIP [BLENDER]

Plays tests/blender_window.py on a virtual screen, with the extension ZIP in BLENDER (a program, 4.2 or later), and cuts
docs/images/blender_panel.jpg and blender_viewport.jpg from what it shows. Needs Debian's xvfb, xdotool and imagemagick.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from portrait_manifolds.backend.made.example_portrait import example_photo

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
SCREEN = ("-screen", "0", "1400x900x24", "+extension", "GLX")
SIDEBAR = (872, 82, 1152, 282)
"""Left, top, right and bottom of the panels on the screen."""
VIEWPORT = (0, 28, 1155, 812)
LIMIT_S = 900


def main(package: Path, blender: str) -> None:
    with tempfile.TemporaryDirectory(prefix="portrait_window_") as place:
        folder = Path(place)
        photo = folder / "astronaut.png"
        Image.fromarray(example_photo()).save(photo)
        environment = {
            **os.environ,
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "BLENDER_USER_RESOURCES": str(folder / "blender"),
            "PORTRAIT_MANIFOLDS_PYTHON": os.environ.get("PORTRAIT_MANIFOLDS_PYTHON", sys.executable),
        }
        script = ["--python", str(ROOT / "tests" / "blender_window.py"), "--", str(package.absolute())]
        command = ["xvfb-run", "-a", "-s", " ".join(SCREEN), blender, "--factory-startup", *script, str(photo), place]
        played = subprocess.run(command, env=environment, timeout=LIMIT_S, check=False)
        assemble(folder, IMAGES)
    sys.exit(played.returncode)


def assemble(shots: Path, images: Path) -> None:
    """Cuts the pictures from the screens in a folder."""
    viewport = Image.open(shots / "3_after.png").convert("RGB").crop(VIEWPORT)
    panels = [
        Image.open(shots / f"{name}.png").convert("RGB").crop(SIDEBAR)
        for name in ("1_before", "2_importing", "4_rendering")
    ]
    gap = (viewport.height - sum(panel.height for panel in panels)) // (len(panels) - 1)
    picture = Image.new("RGB", (panels[0].width + 12 + viewport.width, viewport.height), (24, 24, 24))
    for index, panel in enumerate(panels):
        picture.paste(panel, (0, index * (panel.height + gap)))
    picture.paste(viewport, (panels[0].width + 12, 0))
    picture.save(images / "blender_panel.jpg", quality=82)
    Image.open(shots / "5_rendered.png").convert("RGB").crop(VIEWPORT).save(images / "blender_viewport.jpg", quality=82)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "blender")
