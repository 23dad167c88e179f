"""OBJ, PLY and STL -> Scene: triangles, normals, UVs, colours, and the materials that an OBJ's .mtl file has.

The formats say nothing of units and of what is up: numbers are metres, y is up, and nothing is guessed. What can be
left out without harm (a missing image, triangles without area) is left out and noted; whatever else is wrong is a
UserError.

The readers are our own. trimesh 5.2, which was to read these files, takes half a second to be imported where scipy and
networkx are installed (947 modules), and had 13 of 41 small files wrong. It refuses binary PLY of triangles and
quadrilaterals together or with a byte behind them, ASCII PLY whose lines are broken otherwise, OBJ with comments behind
faces, STL with a byte behind it or with a word of the format in its name. It finds nothing in an OBJ whose words are
parted by tabs, and in an ASCII STL without its last line. It takes the OBJ index 0 for 1, counts negative ones from the
end of the file, accepts them in PLY, and cuts every polygon as a fan. An OBJ of 5000 materials takes 5 s, one of 10 000
takes 39 s. The tests compare with it where it is right.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ssdo.scene.files import file_bytes, obj, ply, stl
from ssdo.scene.files.mesh_builder import MAX_FILE, Surface, finished
from ssdo.scene.model import Scene
from ssdo.settings import UserError

READERS = {".obj": obj.read, ".ply": ply.read, ".stl": stl.read}


def load(path: Path) -> Scene:
    """The scene of an .obj, .ply or .stl file: metres, y up, linear colour, a mesh for every material.

    Normals are those of the file; where it has none, and in STL, triangles are flat. `Scene.notes` say what was left
    out.

    Raises UserError("<file>: <element>: <rule>"), one line, for whatever is wrong with the file or is not read here.
    """
    try:
        with np.errstate(all="ignore"):  # overflow is looked for where it matters, and named
            notes: list[str] = []
            surfaces: list[Surface] = READERS[path.suffix.lower()](file_bytes(path, "file", MAX_FILE), path, notes)
            return Scene(finished(surfaces, notes), name=path.stem, notes=tuple(notes))
    except UserError as problem:
        raise UserError(" ".join(f"{path}: {problem}".splitlines())) from None
    except MemoryError:
        raise UserError(f"{path}: file: needs more memory than there is") from None
