"""The same scene, camera and light in Mitsuba 3, an independent path tracer, and tests that both have equal means.

Only the variant scalar_rgb is used: it needs no LLVM, and a wrong LLVM ends the whole process. Camera, sun and
environment are written a second time on purpose: with the matrices of frame_uniforms.py, a mistake there would agree
with itself.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import mitsuba as mi
import numpy as np
from render_small import Bools, SmallRender
from ssdo.arrays import Array, Doubles, Floats
from ssdo.render.shot import Shot
from ssdo.scene.environment import Environment, load_environment
from ssdo.scene.model import ImageTexture, Material, Mesh, PunctualLight, Scene
from ssdo.settings import Vec3

mi.set_variant("scalar_rgb")

# Path lengths in segments: camera, surface, light; and the same with one more surface in between.
DIRECT_DEPTH, ONE_BOUNCE_DEPTH = 2, 3
MIN_ENVIRONMENT_SIDE = 1024  # texels of Mitsuba's map
# Pixels of our render for each side of a Mitsuba pixel. Ours are sampled at their centre, Mitsuba's over their area.
SUPERSAMPLING = 4
ALBEDO_TABLE_SIZE = 64


class VisibleSurfaces(NamedTuple):
    """What the camera sees at the centre of every pixel, row 0 on top, in world space."""

    mask: Bools  # (h, w) False on the background
    position: Floats  # (h, w, 3) metres
    normal: Floats  # (h, w, 3) unit, towards the camera's side
    albedo: Floats  # (h, w, 3) linear


# ---- rendering -------------------------------------------------------------------------------------------------------


def render_mitsuba(scene: Scene, shot: Shot, depth: int, spp: int, seed: int = 1) -> Floats:
    """Render a shot of a scene: linear radiance (h, w, 3), averaged over each pixel.

    The background is 0, and so are emissive surfaces. `depth` is DIRECT_DEPTH or ONE_BOUNCE_DEPTH, `spp` the paths per
    pixel. There is no Russian roulette, which would only add noise to paths this short.
    """
    shot = shot.resolve(scene)
    sun_direction = shot.frame_uniforms(scene, 0).sun_direction_ws
    mitsuba_scene = build_scene(scene, shot, load_environment(shot.environment or scene.environment, sun_direction))
    # `volpath` does not count surfaces that a path passes, and its shadow rays pass them, too.
    kind = "volpath" if any(mesh.material.alpha_cutoff for mesh in scene.meshes) else "path"
    integrator = mi.load_dict({"type": kind, "max_depth": depth, "rr_depth": 1000, "hide_emitters": True})
    image = mi.render(mitsuba_scene, integrator=integrator, spp=spp, seed=mi.UInt32(seed))
    radiance: Floats = np.array(image, dtype=np.float32)[..., :3]
    return radiance


def render_mitsuba_batches(scene: Scene, shot: Shot, depth: int, spp: int, count: int) -> Doubles:
    """(count, h, w): means over the channels of renders with different seeds."""
    batches = np.stack([render_mitsuba(scene, shot, depth, spp, 1 + seed) for seed in range(count)])
    means: Doubles = batches.mean(-1, dtype="f8")
    return means


def render_direct_and_bounce(scene: Scene, shot: Shot, spp: int, count: int) -> tuple[Doubles, Doubles]:
    """Batches as above, of direct light and of one bounce alone."""
    direct, total = (
        render_mitsuba_batches(scene, shot, depth, spp, count) for depth in (DIRECT_DEPTH, ONE_BOUNCE_DEPTH)
    )
    return direct, total - direct


def render_surfaces(scene: Scene, shot: Shot) -> VisibleSurfaces:
    """What the camera of a shot sees of a scene at the centre of each pixel."""
    shot = shot.resolve(scene)
    mitsuba_scene = build_scene(scene, shot, None, pixel_centers=True)
    aovs = "position:position,normal:sh_normal,albedo:albedo,distance:depth"
    integrator = mi.load_dict({"type": "aov", "aovs": aovs})
    image = np.array(mi.render(mitsuba_scene, integrator=integrator, spp=1), dtype=np.float32)[..., -10:]
    # The distance starts at the near plane: only its sign is used.
    position, normal, albedo, distance = np.split(image, [3, 6, 9], axis=-1)
    eye = np.array(mitsuba_scene.sensors()[0].world_transform().translation(), dtype=np.float32)
    rays = position - eye
    if shot.camera.projection == "orthographic":
        rays = np.subtract(shot.camera.target, shot.camera.eye)  # type: ignore[arg-type]
    faces_away = (rays * normal).sum(-1, keepdims=True) > 0
    return VisibleSurfaces(distance[..., 0] > 0, position, np.where(faces_away, -normal, normal), albedo)


def build_scene(scene: Scene, shot: Shot, environment: Environment | None, *, pixel_centers: bool = False) -> Any:
    """Build a Mitsuba scene of a resolved shot: camera, sun, punctual lights and environment (None: black).

    The sun is a point at infinity: Mitsuba's has no size. `pixel_centers`: one sample at the centre of each pixel.
    """
    parts: dict[str, Any] = {"type": "scene", "sensor": _describe_sensor(shot, pixel_centers)}
    parts |= {f"mesh{i}": _build_mesh(mesh, f"mesh{i}") for i, mesh in enumerate(scene.meshes) if mesh.triangles.size}
    if environment is not None and environment.radiance.any():  # a black one would use up some of the paths
        radiance = environment.radiance * np.float32(shot.sky.intensity)
        parts["environment"] = {
            "type": "envmap",
            "bitmap": mi.Bitmap(_resample_environment(radiance)),
            "to_world": mi.ScalarTransform4f().rotate([0, 1, 0], -shot.sky.rotation),  # about +y is from north to west
        }
    sun = shot.sun
    assert sun.azimuth is not None and sun.elevation is not None, "not resolved"
    assert sun.irradiance is not None and sun.color is not None, "not resolved"
    if sun.irradiance > 0:
        azimuth, elevation = math.radians(sun.azimuth), math.radians(sun.elevation)
        r, g, b = sun.color
        parts["sun"] = {
            "type": "directional",
            # The direction in which the light travels.
            "direction": [
                -math.sin(azimuth) * math.cos(elevation),
                -math.sin(elevation),
                math.cos(azimuth) * math.cos(elevation),
            ],
            "irradiance": _describe_rgb((sun.irradiance * r, sun.irradiance * g, sun.irradiance * b)),
        }
    parts |= {f"light{i}": _describe_light(light, shot.lights.intensity) for i, light in enumerate(scene.lights)}
    return mi.load_dict(parts)


def _describe_light(light: PunctualLight, scale: float) -> dict[str, Any]:
    """A light of infinite range. Mitsuba fades spot cones differently: only those with a sharp edge are equal."""
    x, y, z = light.position
    r, g, b = light.intensity
    intensity = _describe_rgb((scale * r, scale * g, scale * b))
    if light.outer_cone_angle >= 180:
        return {"type": "point", "position": [x, y, z], "intensity": intensity}
    target = [x + light.direction[0], y + light.direction[1], z + light.direction[2]]
    up = [0, 1, 0] if abs(light.direction[1]) < 0.9 else [1, 0, 0]
    return {
        "type": "spot",
        "to_world": mi.ScalarTransform4f().look_at(origin=[x, y, z], target=target, up=up),
        "intensity": intensity,
        "cutoff_angle": light.outer_cone_angle,
        "beam_width": light.inner_cone_angle,
    }


def _describe_sensor(shot: Shot, pixel_centers: bool) -> dict[str, Any]:
    camera = shot.camera
    assert camera.eye is not None and camera.target is not None and camera.fov is not None, "not resolved"
    assert camera.roll is not None and camera.height is not None, "not resolved"
    is_vertical = camera.eye[0] == camera.target[0] and camera.eye[2] == camera.target[2]
    up = [0, 0, -1] if is_vertical else [0, 1, 0]  # north is up in a plan
    to_world = mi.ScalarTransform4f().look_at(origin=list(camera.eye), target=list(camera.target), up=up)
    to_world = to_world @ mi.ScalarTransform4f().rotate([0, 0, 1], -camera.roll)  # z is forward
    projection: dict[str, Any] = {"type": "perspective", "fov": camera.fov, "fov_axis": "y"}  # x is the default
    if camera.projection == "orthographic":
        half_width = camera.height * shot.width / shot.height / 2
        to_world = to_world @ mi.ScalarTransform4f().scale([half_width, half_width, 1])
        projection = {"type": "orthographic"}
    sampler = {"type": "stratified", "sample_count": 1, "jitter": False} if pixel_centers else {"type": "independent"}
    return projection | {
        "near_clip": 1e-3,
        "far_clip": 1e5,
        "to_world": to_world,
        "sampler": sampler,
        "film": {
            "type": "hdrfilm",
            "width": shot.width,
            "height": shot.height,
            "pixel_format": "rgb",
            "component_format": "float32",
            "rfilter": {"type": "box"},  # no filtering across pixels
        },
    }


def _build_mesh(mesh: Mesh, name: str) -> Any:
    """A mi.Mesh from arrays. BSDF and emitter must come with the properties, not afterwards."""
    material = mesh.material
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict(_describe_bsdf(material))
    if any(material.emission):  # from the front only
        radiance = _describe_color(material.emission, material.emission_texture)
        properties["emitter"] = mi.load_dict({"type": "area", "radiance": radiance})
    mitsuba_mesh = mi.Mesh(
        name,
        len(mesh.positions),
        len(mesh.triangles),
        props=properties,
        has_vertex_normals=mesh.normals is not None,
        has_vertex_texcoords=mesh.uvs is not None,
    )
    values = mi.traverse(mitsuba_mesh)
    values["vertex_positions"] = np.ascontiguousarray(mesh.positions, np.float32).ravel()
    values["faces"] = np.ascontiguousarray(mesh.triangles, np.uint32).ravel()
    if mesh.normals is not None:
        values["vertex_normals"] = np.ascontiguousarray(mesh.normals, np.float32).ravel()
    if mesh.uvs is not None:
        values["vertex_texcoords"] = np.ascontiguousarray(mesh.uvs, np.float32).ravel()
    values.update()
    return mitsuba_mesh


# ---- materials -------------------------------------------------------------------------------------------------------


def _describe_bsdf(material: Material) -> dict[str, Any]:
    """What the material reflects and transmits, from both sides or from the front only.

    A transmissive material must be clear: a grey filter, or glass that reflects F0 at normal incidence.
    """
    reflective = _describe_reflection(material)
    if not material.double_sided and reflective["type"] == "twosided":
        reflective = reflective["bsdf"]
    if not material.alpha_cutoff:
        return reflective
    if material.blending == "transmission":
        assert material.opacity == 0 and material.albedo_texture is None and len(set(material.albedo)) == 1
        # Of both interfaces of a thin sheet 2 R / (1 + R) is reflected, of R each.
        root = math.sqrt(material.f0[0] / (2 - material.f0[0]))
        index = (1 + root) / (1 - root)
        tint = _describe_rgb(material.albedo)
        return {"type": "thindielectric", "int_ior": index, "ext_ior": 1.0, "specular_transmittance": tint}
    return {"type": "mask", "opacity": _describe_opacity(material), "bsdf": reflective}


def _describe_opacity(material: Material) -> dict[str, Any] | float:
    """Of an alpha mask, whose texels are 0 or 1 up to their edges, or of a blended surface."""
    if material.albedo_texture is None:
        return material.opacity
    opacity = material.opacity * material.albedo_texture.pixels[..., 3:].astype(np.float32) / 255
    is_blended = material.blending != "none"
    return {
        "type": "bitmap",
        "bitmap": mi.Bitmap(opacity if is_blended else (opacity >= material.alpha_cutoff).astype(np.float32)),
        "raw": True,
        "filter_type": "bilinear" if is_blended else "nearest",
        "wrap_mode": "clamp" if all(material.albedo_texture.clamp) else "repeat",
    }


def _describe_reflection(material: Material) -> dict[str, Any]:
    """Diffuse, Mitsuba's `principled` for metals, or GltfDielectric, for which Mitsuba has no BSDF.

    `principled` has GGX, separable Smith masking, alpha = roughness^2 and Schlick's Fresnel towards white, as ours.
    `roughconductor` has the first three, but Fresnel's own equations. Normal maps need tangents along +u, and a
    bitangent along -v.
    """
    if material.normal_texture is not None:
        bsdf = _describe_reflection(replace(material, normal_texture=None))
        normals = np.ascontiguousarray(material.normal_texture.pixels[..., :3].astype(np.float32) / 255)
        normal_map = {"type": "bitmap", "bitmap": mi.Bitmap(normals), "raw": True, "wrap_mode": "repeat"}
        # Without what Mitsuba does about it, light below the surface is lost and no other.
        plain = {"use_shadowing_function": False, "flip_invalid_normals": False}
        normal_mapped = {"type": "normalmap", "normalmap": normal_map, "bsdf": bsdf["bsdf"], **plain}
        return {"type": "twosided", "bsdf": normal_mapped}
    if material.metallic == 1:
        metal = {
            "type": "principled",
            "base_color": _describe_rgb(material.albedo),
            "metallic": 1.0,
            "roughness": material.roughness,
        }
        return {"type": "twosided", "bsdf": metal}
    if material.has_specular:
        assert min(material.f0) >= 0.02, "the BSDF has an F90 of 1"
        red, green, blue = material.albedo
        f0_red, f0_green, f0_blue = material.f0
        return {
            "type": "gltf_dielectric",
            "red": red,
            "green": green,
            "blue": blue,
            "f0_red": f0_red,
            "f0_green": f0_green,
            "f0_blue": f0_blue,
            "roughness": material.roughness,
        }
    diffuse = {"type": "diffuse", "reflectance": _describe_color(material.albedo, material.albedo_texture)}
    return {"type": "twosided", "bsdf": diffuse}


_Bsdf: Any = mi.BSDF  # its types are those of all variants at once


class GltfDielectric(_Bsdf):  # type: ignore[misc]
    """Lambert below GGX, from the front only. The diffuse part is scaled by 1 - the specular albedo, by channel.

    The specular albedo is integrated here over microfacets, for 64 cosines. Slow: one scalar call for each direction.
    """

    def __init__(self, properties: Any) -> None:
        super().__init__(properties)
        self.albedo = mi.Color3f(properties["red"], properties["green"], properties["blue"])
        self.f0 = mi.Color3f(properties["f0_red"], properties["f0_green"], properties["f0_blue"])
        self.alpha = max(float(properties["roughness"]) ** 2, 0.002)
        self.m_components = [mi.BSDFFlags.GlossyReflection | mi.BSDFFlags.FrontSide]
        self.m_flags = self.m_components[0]
        cosines = [(i + 0.5) / ALBEDO_TABLE_SIZE for i in range(ALBEDO_TABLE_SIZE)]
        self.specular_albedo = [self._integrate_specular_albedo(cosine) for cosine in cosines]

    def _integrate_specular_albedo(self, cosine: float) -> Any:
        """Albedo of the specular lobe for one cosine between normal and view, as a sum over microfacet normals.

        Normals are as dense as GGX is wide: tan(theta) = alpha tan(x) for uniform x.
        """
        x, phi = np.meshgrid(
            (np.arange(200) + 0.5) / 200 * np.pi / 2, (np.arange(400) + 0.5) / 200 * np.pi, indexing="ij"
        )
        alpha2 = self.alpha**2
        tangent = self.alpha * np.tan(x)
        nh = 1 / np.sqrt(1 + tangent**2)
        vh = math.sqrt(1 - cosine**2) * nh * tangent * np.cos(phi) + cosine * nh
        nl = 2 * vh * nh - cosine
        nl_clamped = np.maximum(nl, 0)
        masking_l = 2 * nl_clamped / (nl_clamped + np.sqrt(alpha2 + (1 - alpha2) * nl_clamped**2))
        masking_v = 2 / (1 + math.sqrt(alpha2 / cosine**2 + 1 - alpha2))
        grazing = (1 - vh) ** 5
        reflected = np.where((vh > 0) & (nl > 0), masking_l * vh, 0) * masking_v / cosine
        d = alpha2 / (np.pi * ((alpha2 - 1) * nh**2 + 1) ** 2)
        solid_angle = nh * tangent * nh**2 * self.alpha / np.cos(x) ** 2 * (np.pi / 400) * (np.pi / 200)
        total, of_white = (float((reflected * d * solid_angle * weight).sum()) for weight in (1, grazing))
        return self.f0 * (total - of_white) + of_white

    def _evaluate(self, wi: Any, wo: Any) -> Any:
        """The BRDF times the cosine of wo."""
        ci, co, alpha2 = float(wi.z), float(wo.z), self.alpha**2
        if ci <= 0 or co <= 0:
            return mi.Color3f(0.0)
        hx, hy, hz = float(wi.x + wo.x), float(wi.y + wo.y), ci + co
        length = math.sqrt(hx * hx + hy * hy + hz * hz)
        vh, hz = (float(wi.x) * hx + float(wi.y) * hy + ci * hz) / length, hz / length
        d = alpha2 / (math.pi * ((alpha2 - 1) * hz * hz + 1) ** 2)
        masking_i = ci + math.sqrt(alpha2 + (1 - alpha2) * ci * ci)
        masking_o = co + math.sqrt(alpha2 + (1 - alpha2) * co * co)
        g = 4 * ci * co / (masking_i * masking_o)
        lobe, grazing = d * g / (4 * ci), (1 - vh) ** 5
        specular = self.f0 * (lobe * (1 - grazing)) + lobe * grazing
        position = min(max(ci * ALBEDO_TABLE_SIZE - 0.5, 0.0), ALBEDO_TABLE_SIZE - 1.0)
        i = min(int(position), ALBEDO_TABLE_SIZE - 2)
        low, high = self.specular_albedo[i : i + 2]
        specular_albedo = low + (position - i) * (high - low)
        return (1 - specular_albedo) * self.albedo * (co / math.pi) + specular

    def sample(self, context: Any, si: Any, sample1: float, sample2: Any, active: bool = True) -> tuple[Any, Any]:
        """Sample half of the directions by the cosine, half by microfacet normals."""
        bsdf_sample: Any = mi.BSDFSample3f()
        if sample1 < 0.5:
            bsdf_sample.wo = mi.warp.square_to_cosine_hemisphere(sample2)
        else:
            z = math.sqrt((1 - sample2.x) / (1 + (self.alpha**2 - 1) * sample2.x))
            radius, phi = math.sqrt(max(1 - z * z, 0.0)), 2 * math.pi * sample2.y
            h = mi.Vector3f(radius * math.cos(phi), radius * math.sin(phi), z)
            bsdf_sample.wo = 2 * float(si.wi.x * h.x + si.wi.y * h.y + si.wi.z * h.z) * h - si.wi
        bsdf_sample.pdf, bsdf_sample.eta = self.pdf(context, si, bsdf_sample.wo), 1.0
        bsdf_sample.sampled_type, bsdf_sample.sampled_component = mi.UInt32(int(self.m_flags)), mi.UInt32(0)
        return bsdf_sample, self._evaluate(si.wi, bsdf_sample.wo) / max(bsdf_sample.pdf, 1e-9)

    def eval(self, context: Any, si: Any, wo: Any, active: bool = True) -> Any:
        return self._evaluate(si.wi, wo)

    def pdf(self, context: Any, si: Any, wo: Any, active: bool = True) -> float:
        if si.wi.z <= 0 or wo.z <= 0:
            return 0.0
        h = si.wi + wo
        length = math.sqrt(float(h.x * h.x + h.y * h.y + h.z * h.z))
        nh, vh = float(h.z) / length, float(si.wi.x * h.x + si.wi.y * h.y + si.wi.z * h.z) / length
        d = self.alpha**2 / (math.pi * ((self.alpha**2 - 1) * nh * nh + 1) ** 2)
        return 0.5 * float(wo.z) / math.pi + 0.5 * d * nh / (4 * vh)

    def eval_pdf(self, context: Any, si: Any, wo: Any, active: bool = True) -> tuple[Any, float]:
        return self._evaluate(si.wi, wo), self.pdf(context, si, wo)


mi.register_bsdf("gltf_dielectric", GltfDielectric)


def _describe_rgb(color: Vec3) -> dict[str, Any]:
    return {"type": "rgb", "value": list(color)}


def _describe_color(factor: Vec3, texture: ImageTexture | None) -> dict[str, Any]:
    """A colour, or a texture times a colour."""
    if texture is None:
        return _describe_rgb(factor)
    srgb = texture.pixels[..., :3].astype(np.float32) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4) * np.array(factor)
    return {
        "type": "bitmap",
        "bitmap": mi.Bitmap(np.ascontiguousarray(linear, np.float32)),
        "raw": True,
        "wrap_mode": "repeat",
    }


# ---- environments ----------------------------------------------------------------------------------------------------


def _resample_environment(radiance: Floats) -> Floats:
    """Resample a lat-long map (h, w, 3) for Mitsuba, whose first and last rows are the poles.

    Columns are multiplied by an odd factor and rows by an even one. This keeps the centre of every texel, so that
    Mitsuba's bilinear interpolation repeats that of our shaders.
    """
    h, w = radiance.shape[:2]
    columns = w * (2 * math.ceil(MIN_ENVIRONMENT_SIDE / w / 2) + 1)
    rows = 2 * h * math.ceil(MIN_ENVIRONMENT_SIDE / h / 4) + 1
    x = (np.arange(columns) + 0.5) / columns * w - 0.5
    y = np.clip(np.linspace(0, h, rows) - 0.5, 0, h - 1)
    x_floor, y_floor = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - x_floor)[None, :, None], (y - y_floor)[:, None, None]
    mixed = radiance[y_floor] * (1 - fy) + radiance[np.minimum(y_floor + 1, h - 1)] * fy
    resampled: Floats = (mixed[:, x_floor % w] * (1 - fx) + mixed[:, (x_floor + 1) % w] * fx).astype(np.float32)
    return resampled


def make_patches_sky(sun_direction: Vec3) -> Floats:
    """A dim sky with a warm and a blue patch, too wide to be a sun, which make directions distinct."""
    h, w = 256, 512
    v, u = np.meshgrid((np.arange(h) + 0.5) / h, (np.arange(w) + 0.5) / w, indexing="ij")
    sky = np.array([0.25, 0.3, 0.4]) * (1.2 - v)[..., None]
    warm = np.exp(-(((u - 0.62) / 0.03) ** 2) - ((v - 0.3) / 0.05) ** 2)  # in the south-west
    blue = np.exp(-(((u - 0.40) / 0.05) ** 2) - ((v - 0.35) / 0.08) ** 2)
    sky += warm[..., None] * np.array([30, 22, 12])
    sky += blue[..., None] * np.array([1, 3, 9])
    return sky.astype(np.float32)


# ---- comparison ------------------------------------------------------------------------------------------------------


def interior_mask(mask: Bools) -> Bools:
    """Pixels whose eight neighbours are in the mask, too. There the mean over a pixel shows what its centre shows."""
    padded = np.pad(mask, 1)
    h, w = padded.shape
    interior = np.logical_and.reduce(
        [padded[1 + j : h - 1 + j, 1 + i : w - 1 + i] for j in (-1, 0, 1) for i in (-1, 0, 1)]
    )
    return interior


def smooth_mask(result: SmallRender) -> Bools:
    """Pixels that show one smooth surface, by normal and plane of their neighbours."""
    offsets = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    bend = np.max([1 - (np.roll(result.normal, offset, (0, 1)) * result.normal).sum(-1) for offset in offsets], 0)
    plane_distance = np.max(
        [
            np.abs(((np.roll(result.position, offset, (0, 1)) - result.position) * result.normal).sum(-1))
            for offset in offsets
        ],
        0,
    )
    return (bend < 0.2) & (plane_distance < 0.05)


def average_blocks(values: Array) -> Doubles:
    """(h, w): means over channels and over the SUPERSAMPLING^2 pixels of each Mitsuba pixel."""
    h, w = (n // SUPERSAMPLING for n in values.shape[:2])
    means: Doubles = values.reshape(h, SUPERSAMPLING, w, SUPERSAMPLING, 3).mean((1, 3, 4), dtype="f8")
    return means


def comparable_mask(result: SmallRender) -> Bools:
    """(h, w) Mitsuba pixels of a supersampled render that show one smooth surface and no edge."""
    mask = interior_mask(result.surface_mask) & smooth_mask(result)
    h, w = (n // SUPERSAMPLING for n in mask.shape)
    return mask.reshape(h, SUPERSAMPLING, w, SUPERSAMPLING).all((1, 3))


def welch_p_values(ours: Doubles, theirs: Doubles) -> Doubles:
    """Two-sided p-values by pixel that two sets of renders (batches, pixels) have one mean.

    Welch 1947: variances need not be equal.
    """
    from scipy import stats

    p_values: Doubles = stats.ttest_ind(ours, theirs, axis=0, equal_var=False).pvalue
    return p_values


def p_value_limit(pixels: int) -> float:
    """Least p-value of a pixel, for an error of the first kind of 0.1 % in the whole image (Sidak 1967)."""
    limit: float = 1 - 0.999 ** (1 / pixels)
    return limit


def assert_equal_means(label: str, ours: Doubles, theirs: Doubles) -> None:
    """Two sets of renders (batches, pixels) differ by chance only, pixel by pixel, as in Mitsuba's own image tests."""
    pixels = ours.shape[1]
    p_values = welch_p_values(ours, theirs)
    min_p_value, limit = float(np.nanmin(p_values)), p_value_limit(pixels)
    rejected = float(np.nanmean(p_values < 0.05))
    print(f"\n{label}: {pixels} pixels, smallest p {min_p_value:.1e}, limit {limit:.1e}; {rejected:.1%} below 0.05")
    assert min_p_value > limit, label
    assert rejected < 0.05 + 4 * np.sqrt(0.05 * 0.95 / pixels), label


def assert_different_means(ours: Doubles, theirs: Doubles) -> None:
    """`assert_equal_means` would reject these two sets."""
    assert np.nanmin(welch_p_values(ours, theirs)) < p_value_limit(ours.shape[1])


def assert_equal_totals(ours: Doubles, theirs: Doubles, max_standard_error: float) -> None:
    """The means of whole images (batches, pixels) differ by at most four standard errors.

    `max_standard_error` is relative to the mean.
    """
    our_means, their_means = ours.mean(1), theirs.mean(1)
    standard_error = np.sqrt((our_means.var(ddof=1) + their_means.var(ddof=1)) / len(ours))
    difference = our_means.mean() - their_means.mean()
    print(f"mean {their_means.mean():.4f}, difference {difference:.5f} +- {standard_error:.5f}")
    assert abs(difference) < 4 * standard_error
    assert standard_error < max_standard_error * their_means.mean()
