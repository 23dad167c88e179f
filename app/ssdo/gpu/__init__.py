"""The only OpenGL calls: context, shaders, uploads, pass cache and timers."""
