"""From a shot to a frame: G-buffer, lights, techniques, denoising, compositing and tone mapping."""
