"""The frame: `render_frame` draws it, pass by pass, from a shot (all settings) to the tone-mapped image.

The viewer, the commands and the tests all draw with it. The shaders of the passes are in `shaders/passes`, those of the
technique in `shaders/techniques`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ssdo.gpu.context import Gpu
from ssdo.gpu.target import Texture
from ssdo.render import antialiasing, composite
from ssdo.render.background import make_background
from ssdo.render.blending import draw_blended_surfaces
from ssdo.render.display import Display
from ssdo.render.environment_maps import prefilter_specular, upload_environment
from ssdo.render.exposure import meter_exposure
from ssdo.render.frame_uniforms import halve_frame, pad_frame
from ssdo.render.gbuffer import draw_gbuffer
from ssdo.render.guard_band import crop_inputs, crop_lighting, picture_box
from ssdo.render.half_resolution import halve_denoiser, halve_inputs, upsample_lighting
from ssdo.render.probes import ProbeSettings
from ssdo.render.punctual_lights import draw_punctual_lights
from ssdo.render.shot import Shot
from ssdo.render.sun import draw_sun
from ssdo.render.technique import Lighting, TechniqueInputs
from ssdo.scene.environment import Environment, compute_environment_digest, list_environment_notes
from ssdo.scene.loader import compute_scene_digest, load_scene, preload_scene
from ssdo.scene.model import Scene, override_materials
from ssdo.scene.staging import describe_staging, stage_scene


class LoadedShot(NamedTuple):
    """A shot with its scene and environment in memory, so that a file that changes meanwhile changes no frame."""

    shot: Shot  # resolved: no value is left to the scene
    scene: Scene  # with the material override
    environment: Environment  # without the sun that was extracted


class PreparedFrame(NamedTuple):
    """What a frame draws before its lighting: see `prepare_frame`."""

    shot: Shot  # resolved: no value is left to the scene
    inputs: TechniqueInputs  # cropped to the output image, without the guard band
    padded_inputs: TechniqueInputs  # with the guard band; without a band the same object as `inputs`

    def with_probes(self, probes: ProbeSettings) -> PreparedFrame:
        """The same surfaces with other probes."""
        inputs, padded_inputs = (i._replace(probes=probes) for i in (self.inputs, self.padded_inputs))
        return self._replace(inputs=inputs, padded_inputs=padded_inputs)


class FrameResult(NamedTuple):
    """The textures of one frame, in drawing order."""

    shot: Shot  # resolved: no value is left to the scene
    inputs: TechniqueInputs  # cropped to the output image, at full resolution
    padded_inputs: TechniqueInputs  # with the guard band
    shading_inputs: TechniqueInputs  # `inputs` at the resolution of the lighting, full or half
    padded_shading_inputs: TechniqueInputs  # `padded_inputs` at that resolution: what the technique reads
    unfiltered: Lighting  # as the technique returns it, at the pixels of `shading_inputs`
    lighting: Lighting  # denoised, upsampled and accumulated, at the pixels of `inputs`
    radiance: Texture  # linear; the mean of the frames if they are jittered (`antialias` > 1)
    display: Texture  # 8-bit sRGB


def render_frame(gpu: Gpu, shot: Shot, index: int = 0, prepared: PreparedFrame | None = None) -> FrameResult:
    """Draw frame `index` of a shot.

    Frames must be drawn in order; frame 0 starts anew. Each is averaged with the earlier ones (`accumulated_frames` >
    1) or blended with their reprojected lighting (`temporal`), never both. With `antialias` > 1 each frame has another
    sub-pixel offset, and radiance is averaged; inputs and lighting are those of this frame's offset. If `prepared` is
    given, step 1 is skipped, and `shot` must already be resolved. Raises UserError.
    """
    # 1. G-buffer, direct light of the sun and of punctual lights, environment maps: what techniques read, and may
    #    derive further buffers from (inverse depth, depth layers).
    if prepared is None:
        prepared = prepare_frame(gpu, load_shot(shot), index)
        shot = prepared.shot
    # `low_memory` frees targets after each step; later frames would miss the history or the mean lighting.
    assert not gpu.low_memory or not (shot.uses_history or shot.accumulated_frames > 1)
    inputs = shading_inputs = prepared.inputs
    padded_inputs = padded_shading_inputs = prepared.padded_inputs
    denoiser = shot.denoise

    # 2. At half resolution, techniques work on every second pixel in x and y.
    gpu.timer.is_shared = False
    if shot.lighting.is_half:
        padded_shading_inputs = halve_inputs(gpu, padded_inputs)
        shading_inputs = crop_inputs(gpu, padded_shading_inputs, halve_frame(inputs.frame), "half cropped")
        denoiser = halve_denoiser(shot.denoise)
    gpu.release_targets_if_low_memory(antialiasing.MEAN_TARGET)

    # 3. The technique: light of the environment, and of one bounce. It reads the guard band, and shades the picture.
    lighting = shot.technique.draw(gpu, padded_shading_inputs)
    lighting = unfiltered = crop_lighting(gpu, padded_shading_inputs, lighting)
    gpu.release_targets_if_low_memory(antialiasing.MEAN_TARGET)

    # 4. Denoise, blend with the history, upsample to full resolution, average over frames. A shot has a history or
    #    averages, never both: see Shot.uses_history. Denoising comes first, as noise would clip the history.
    lighting = denoiser.draw(gpu, shading_inputs, lighting, shot.technique)
    lighting = shot.temporal.draw(gpu, shading_inputs, lighting, denoiser, index)
    if shot.lighting.is_half:
        lighting = upsample_lighting(gpu, inputs, lighting, shot.denoise)
    frame_lighting = lighting
    if shot.accumulated_frames > 1:
        lighting = composite.accumulate(gpu, inputs, lighting, index)
    gpu.timer.is_shared = True
    gpu.release_targets_if_low_memory(antialiasing.MEAN_TARGET)

    # 5. Composite surfaces and lighting to radiance, average it over jittered frames, and tone-map it.
    radiance = composite.draw_radiance(gpu, inputs, lighting if shot.antialias == 1 else frame_lighting)
    if shot.antialias > 1:
        radiance = antialiasing.average_radiance(gpu, radiance, max(0, index - shot.first_averaged_frame))
    with gpu.in_bands(None):  # the image of the last frame stays, or becomes that of this one
        display = shot.effective_display.draw(gpu, radiance)
    return FrameResult(
        shot, inputs, padded_inputs, shading_inputs, padded_shading_inputs, unfiltered, lighting, radiance, display
    )


def draw_display(gpu: Gpu, result: FrameResult, display: Display) -> FrameResult:
    """The same frame, tone-mapped in another way. The exposure must be known."""
    shot = replace(result.shot, display=display)
    return result._replace(shot=shot, display=shot.effective_display.draw(gpu, result.radiance))


def prepare_frame(gpu: Gpu, loaded: LoadedShot, index: int = 0) -> PreparedFrame:
    """Draw the first step of `render_frame`, which does not depend on the technique. Raises UserError.

    To compare techniques, call this once, then `render_frame` with `prepared` for each technique.
    """
    shot, scene, environment = loaded

    # The camera. With a guard band, the frame has more pixels on each side of the picture.
    assert shot.background, "not resolved"
    frame = shot.frame_uniforms(scene, index)
    guard_band_px = shot.guard_band.size_px(shot.height)
    padded_frame = pad_frame(frame, guard_band_px)

    # Surfaces that the camera sees, and the direct light on them, with shadows.
    gbuffer = draw_gbuffer(gpu, scene, padded_frame)
    sunlight = draw_sun(gpu, scene, padded_frame, gbuffer, shot.sun)
    direct_lighting = draw_punctual_lights(gpu, scene, padded_frame, gbuffer, shot.lights, sunlight)

    # The environment: background, irradiance, and prefiltered radiance for specular reflection.
    maps = upload_environment(gpu, environment)
    specular_ibl = prefilter_specular(gpu, environment, maps, padded_frame) if scene.has_specular else None

    padded_inputs = TechniqueInputs(
        scene=scene,
        frame=padded_frame,
        gbuffer=gbuffer,
        environment_maps=maps,
        environment=environment,
        direct_lighting=direct_lighting,
        specular_ibl=specular_ibl,
        sun=shot.sun,
        lights=shot.lights,
        probes=shot.probes,
        background=make_background(scene, shot.background, shot.background_color),
        scissor=picture_box(frame, guard_band_px) if guard_band_px else None,
    )
    inputs = crop_inputs(gpu, padded_inputs, frame)
    blended = draw_blended_surfaces(gpu, inputs)
    if blended is not None:
        inputs = inputs._replace(blended=blended)
        padded_inputs = padded_inputs if guard_band_px else inputs
    if shot.display.exposure is None:
        shot = replace(shot, display=replace(shot.display, exposure=meter_exposure(gpu, inputs)))
    return PreparedFrame(shot, inputs, padded_inputs)


def freeze_exposure(gpu: Gpu, shots: Sequence[Shot]) -> list[Shot]:
    """The shots, all with the exposure of the first one if that is automatic. Raises UserError."""
    if not shots or shots[0].display.exposure is not None:
        return list(shots)
    exposure = prepare_frame(gpu, load_shot(shots[0])).shot.display.exposure
    gpu.release_targets_if_low_memory(antialiasing.MEAN_TARGET)
    return [replace(shot, display=replace(shot.display, exposure=exposure)) for shot in shots]


def load_shot(shot: Shot) -> LoadedShot:
    """Load the scene and the environment of a shot. Settings that it leaves open come from the scene.

    Raises UserError.
    """
    scene = load_shot_scene(shot)
    resolved = shot.resolve(scene)
    return LoadedShot(resolved, scene, resolved.load_environment())


def load_shot_scene(shot: Shot) -> Scene:
    """The scene of a shot, with its material override, ground and units of light. Raises UserError."""
    scene = load_scene(shot.scene, shot.time, shot.up)
    scene = override_materials(scene, shot.material_override, shot.occlusion_maps)
    return stage_scene(scene, shot.ground, shot.lights.units)


def preload_shot(shot: Shot) -> None:
    """Load the scene and the environment of a shot into the cache, the former with a progress bar.

    Notes about them are printed on stderr. Raises UserError.
    """
    preload_scene(shot.scene, shot.time, shot.up)
    for note in list_notes(shot):
        print(f"{shot.scene}: {note}", file=sys.stderr)
    environment = _name_environment(shot)
    for note in list_environment_notes(environment):
        print(f"{environment}: {note}", file=sys.stderr)


def _name_environment(shot: Shot) -> str:
    """The name or path of a shot's environment. Raises UserError."""
    return shot.environment or load_scene(shot.scene, shot.time, shot.up).environment


def list_notes(shot: Shot) -> list[str]:
    """What was added to the scene of a shot, or changed in it, a line each. Raises UserError."""
    scene = load_scene(shot.scene, shot.time, shot.up)
    return describe_staging(scene, load_shot_scene(shot), shot.uses_key_light(scene))


def compute_file_digests(shot: Shot) -> dict[str, str]:
    """Digests of the contents of the files of a shot's scene and environment, by name. Raises UserError."""
    environment = _name_environment(shot)
    digests = {shot.scene: compute_scene_digest(shot.scene), environment: compute_environment_digest(environment)}
    return {name: digest for name, digest in digests.items() if digest}


def composite_lighting(gpu: Gpu, loaded: LoadedShot, lighting: Lighting) -> FrameResult:
    """The frame of a shot whose lighting is known, as from the cache of references. Raises UserError."""
    shot, inputs, _ = prepare_frame(gpu, loaded)
    gpu.release_targets_if_low_memory(antialiasing.MEAN_TARGET)
    radiance = composite.draw_radiance(gpu, inputs, lighting)
    display = shot.effective_display.draw(gpu, radiance)
    return FrameResult(shot, inputs, inputs, inputs, inputs, lighting, lighting, radiance, display)


def render_loaded_frame(gpu: Gpu, loaded: LoadedShot, index: int) -> FrameResult:
    """Draw frame `index` of a shot that is loaded: see `render_frame`. Raises UserError."""
    return render_frame(gpu, loaded.shot, index, prepare_frame(gpu, loaded, index))


def render_all_frames(gpu: Gpu, shot: Shot) -> FrameResult:
    """Draw all frames of a shot; the last one holds their mean, or their history. Raises UserError."""
    loaded = load_shot(shot)
    for index in range(shot.frame_count - 1):
        render_loaded_frame(gpu, loaded, index)
    return render_loaded_frame(gpu, loaded, shot.frame_count - 1)
