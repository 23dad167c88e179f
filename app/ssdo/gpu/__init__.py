"""The only OpenGL calls: context and targets, shaders, uploads, pass cache and timer."""
