"""Readers of scene files (glTF, OBJ, PLY, STL) and of environment maps (HDR, EXR).

Each format has one public function in a module of its name: read_gltf, read_obj, read_ply, read_stl return a Scene;
read_hdr and read_exr return radiance. All take a path and raise UserError("<file>: <element>: <rule>"), one line, for a
file that cannot be read. Modules import only modules above them:

    errors         messages
    file_access    bytes of a file, files beside it      file_cache      results, until a file changes
    text            lines
    images         decoding within limits                json_tree       checked access to JSON
    progress       a bar while reading                   polygons        triangulation
    mesh_builder   polygons to meshes
    mtl            materials of OBJ
    obj, ply, stl, hdr, exr
    gltf_document and the other modules of glTF (see gltf)
"""
