"""The same scene, camera and light in Mitsuba 3, a path tracer that shares no code with ours: what our pictures are
held against.

Only the variant scalar_rgb: it needs no LLVM, and a wrong LLVM ends the whole process. Camera, sun and environment are
spelled out here a second time on purpose: with frame_uniforms.py's own matrices a mistake there would agree with
itself.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import mitsuba as mi
import numpy as np
import numpy.typing as npt
from ssdo.render.shot import Shot
from ssdo.scene.environment import Environment
from ssdo.scene.model import Floats, Image, Lamp, Material, Mesh, Scene
from ssdo.settings import Vec3

mi.set_variant("scalar_rgb")

DIRECT, BOUNCE = 2, 3  # path lengths, in segments: camera to surface to light; the same with one more surface between
ENVIRONMENT_COLUMNS = 1024  # at least, for Mitsuba's map


class Surfaces(NamedTuple):
    """What the camera sees at the centre of every pixel, row 0 on top. World space."""

    covered: npt.NDArray[np.bool_]  # (h, w)
    position: Floats  # (h, w, 3) metres
    normal: Floats  # (h, w, 3) unit, towards the camera's side
    albedo: Floats  # (h, w, 3) linear


def build(scene: Scene, shot: Shot, environment: Environment | None, *, centred: bool = False) -> Any:
    """A Mitsuba scene of a resolved shot: its camera, sun and lamps, and the environment as the shot's sky hangs it
    (None: black).

    The sun is a point at infinity: Mitsuba's has no size. `centred`: one sample at the centre of each pixel, for
    `surfaces`.
    """
    parts: dict[str, Any] = {"type": "scene", "sensor": _sensor(shot, centred)}
    parts |= {f"mesh{i}": _mesh(mesh, f"mesh{i}") for i, mesh in enumerate(scene.meshes) if mesh.triangles.size}
    if environment is not None and environment.radiance.any():  # a black one would take its share of the paths
        parts["environment"] = {
            "type": "envmap",
            "bitmap": mi.Bitmap(_points(environment.radiance * np.float32(shot.sky.intensity))),
            "to_world": mi.ScalarTransform4f().rotate([0, 1, 0], -shot.sky.rotation),  # about +y is from north to west
        }
    sun = shot.sun
    assert (
        sun.azimuth is not None and sun.elevation is not None and sun.irradiance is not None and sun.color is not None
    ), "not resolved"
    if sun.irradiance > 0:
        a, e = math.radians(sun.azimuth), math.radians(sun.elevation)
        parts["sun"] = {
            "type": "directional",
            # the way the light goes
            "direction": [-math.sin(a) * math.cos(e), -math.sin(e), math.cos(a) * math.cos(e)],
            "irradiance": _rgb(
                (sun.irradiance * sun.color[0], sun.irradiance * sun.color[1], sun.irradiance * sun.color[2])
            ),
        }
    parts |= {f"lamp{i}": _lamp(lamp, shot.lights.intensity) for i, lamp in enumerate(scene.lamps)}
    return mi.load_dict(parts)


def _lamp(lamp: Lamp, factor: float) -> dict[str, Any]:
    """A lamp without a reach. Of cones Mitsuba has a softer edge: only sharp ones are the same."""
    x, y, z = lamp.position
    intensity = _rgb((factor * lamp.intensity[0], factor * lamp.intensity[1], factor * lamp.intensity[2]))
    if lamp.outer >= 180:
        return {"type": "point", "position": [x, y, z], "intensity": intensity}
    ahead = [x + lamp.direction[0], y + lamp.direction[1], z + lamp.direction[2]]
    up = [0, 1, 0] if abs(lamp.direction[1]) < 0.9 else [1, 0, 0]
    place = mi.ScalarTransform4f().look_at(origin=[x, y, z], target=ahead, up=up)
    return {
        "type": "spot",
        "to_world": place,
        "intensity": intensity,
        "cutoff_angle": lamp.outer,
        "beam_width": lamp.inner,
    }


def radiance(built: Any, depth: int, spp: int, seed: int = 1) -> Floats:
    """Linear radiance (h, w, 3) of surfaces, averaged over each pixel. The background is 0, and so are surfaces that
    emit.

    `depth`: DIRECT or BOUNCE. `spp`: paths a pixel. No Russian roulette: it would only add noise to so short paths.
    """
    integrator = mi.load_dict({"type": "path", "max_depth": depth, "rr_depth": 1000, "hide_emitters": True})
    image: Floats = np.array(mi.render(built, integrator=integrator, spp=spp, seed=mi.UInt32(seed)), dtype=np.float32)[
        ..., :3
    ]
    return image


def surfaces(centred: Any) -> Surfaces:
    """What a scene built with `centred=True` shows."""
    integrator = mi.load_dict(
        {"type": "aov", "aovs": "position:position,normal:sh_normal,albedo:albedo,distance:depth"}
    )
    image = np.array(mi.render(centred, integrator=integrator, spp=1), dtype=np.float32)[..., -10:]
    # the distance starts at the near plane: only its sign is used
    position, normal, albedo, distance = np.split(image, [3, 6, 9], axis=-1)
    eye = np.array(centred.sensors()[0].world_transform().translation(), dtype=np.float32)
    away = ((position - eye) * normal).sum(-1, keepdims=True) > 0
    return Surfaces(distance[..., 0] > 0, position, np.where(away, -normal, normal), albedo)


def _sensor(shot: Shot, centred: bool) -> dict[str, Any]:
    camera = shot.camera
    assert camera.eye is not None and camera.target is not None and camera.fov is not None, "not resolved"
    return {
        "type": "perspective",
        "fov": camera.fov,
        "fov_axis": "y",  # x is the default
        "near_clip": 1e-3,
        "far_clip": 1e5,
        "to_world": mi.ScalarTransform4f().look_at(origin=list(camera.eye), target=list(camera.target), up=[0, 1, 0]),
        "sampler": {"type": "stratified", "sample_count": 1, "jitter": False} if centred else {"type": "independent"},
        "film": {
            "type": "hdrfilm",
            "width": shot.width,
            "height": shot.height,
            "pixel_format": "rgb",
            "component_format": "float32",
            "rfilter": {"type": "box"},  # nothing leaks from one pixel into the next
        },
    }


def _mesh(mesh: Mesh, name: str) -> Any:
    """A mi.Mesh from arrays. What hangs on it has to come in with the properties, not afterwards."""
    material = mesh.material
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict(_bsdf(material))
    if any(material.emission):
        # the front only
        properties["emitter"] = mi.load_dict(
            {"type": "area", "radiance": _colour(material.emission, material.emission_image)}
        )
    smooth, mapped = mesh.normals is not None, mesh.uvs is not None
    made = mi.Mesh(
        name,
        len(mesh.positions),
        len(mesh.triangles),
        props=properties,
        has_vertex_normals=smooth,
        has_vertex_texcoords=mapped,
    )
    values = mi.traverse(made)
    values["vertex_positions"] = np.ascontiguousarray(mesh.positions, np.float32).ravel()
    values["faces"] = np.ascontiguousarray(mesh.triangles, np.uint32).ravel()
    if mesh.normals is not None:
        values["vertex_normals"] = np.ascontiguousarray(mesh.normals, np.float32).ravel()
    if mesh.uvs is not None:
        values["vertex_texcoords"] = np.ascontiguousarray(mesh.uvs, np.float32).ravel()
    values.update()
    return made


def _bsdf(material: Material) -> dict[str, Any]:
    """Diffuse; metals are Mitsuba's `principled`, of GGX, separable Smith masking, alpha the square of roughness and
    Schlick's Fresnel towards white, as ours are (`roughconductor` has the first three, but Fresnel's own equations);
    what is lacquered no BSDF of Mitsuba's is: `Lacquer`.
    """
    if material.metallic == 1:
        metal = {
            "type": "principled",
            "base_color": _rgb(material.albedo),
            "metallic": 1.0,
            "roughness": material.roughness,
        }
        return {"type": "twosided", "bsdf": metal}
    if material.glossy:
        red, green, blue = material.albedo
        return {
            "type": "lacquer",
            "red": red,
            "green": green,
            "blue": blue,
            "f0": material.reflectance,
            "roughness": material.roughness,
        }
    return {
        "type": "twosided",
        "bsdf": {"type": "diffuse", "reflectance": _colour(material.albedo, material.albedo_image)},
    }


_Bsdf: Any = mi.BSDF  # its types are those of all variants at once


class Lacquer(_Bsdf):  # type: ignore[misc]
    """Lambert below GGX, the diffuse part less by what the lobe reflects of white light from everywhere: from the front
    only.

    Scalars, one call for each direction: slow. That share is integrated here, over microfacets, for 64 cosines.
    """

    def __init__(self, properties: Any) -> None:
        super().__init__(properties)
        self.albedo = mi.Color3f(properties["red"], properties["green"], properties["blue"])
        self.f0, self.alpha = float(properties["f0"]), max(float(properties["roughness"]) ** 2, 0.002)
        self.m_components = [mi.BSDFFlags.GlossyReflection | mi.BSDFFlags.FrontSide]
        self.m_flags = self.m_components[0]
        self.reflected = [self._integral((i + 0.5) / 64) for i in range(64)]

    def _integral(self, cosine: float) -> float:
        x, phi = np.meshgrid(
            (np.arange(200) + 0.5) / 200 * np.pi / 2, (np.arange(400) + 0.5) / 200 * np.pi, indexing="ij"
        )
        tangent = self.alpha * np.tan(x)
        z = 1 / np.sqrt(1 + tangent**2)
        along = math.sqrt(1 - cosine**2) * z * tangent * np.cos(phi) + cosine * z
        below = 2 * along * z - cosine
        share = (
            2
            * np.maximum(below, 0)
            / (np.maximum(below, 0) + np.sqrt(self.alpha**2 + (1 - self.alpha**2) * np.maximum(below, 0) ** 2))
        )
        masked = 2 / (1 + math.sqrt(self.alpha**2 / cosine**2 + 1 - self.alpha**2))
        seen = (
            np.where((along > 0) & (below > 0), (self.f0 + (1 - self.f0) * (1 - along) ** 5) * share * along, 0)
            * masked
            / cosine
        )
        d = self.alpha**2 / (np.pi * ((self.alpha**2 - 1) * z**2 + 1) ** 2)
        solid = z * tangent * z**2 * self.alpha / np.cos(x) ** 2 * (np.pi / 400) * (np.pi / 200)
        return float((seen * d * solid).sum())

    def _value(self, wi: Any, wo: Any) -> Any:
        """The BRDF times the cosine."""
        ci, co, a2 = float(wi.z), float(wo.z), self.alpha**2
        if ci <= 0 or co <= 0:
            return mi.Color3f(0.0)
        hx, hy, hz = float(wi.x + wo.x), float(wi.y + wo.y), ci + co
        length = math.sqrt(hx * hx + hy * hy + hz * hz)
        vh, hz = (float(wi.x) * hx + float(wi.y) * hy + ci * hz) / length, hz / length
        d = a2 / (math.pi * ((a2 - 1) * hz * hz + 1) ** 2)
        g = 4 * ci * co / ((ci + math.sqrt(a2 + (1 - a2) * ci * ci)) * (co + math.sqrt(a2 + (1 - a2) * co * co)))
        lobe = (self.f0 + (1 - self.f0) * (1 - vh) ** 5) * d * g / (4 * ci)
        at = min(max(ci * 64 - 0.5, 0.0), 63.0)
        low = min(int(at), 62)
        share = self.reflected[low] + (at - low) * (self.reflected[low + 1] - self.reflected[low])
        return (1 - share) * co / math.pi * self.albedo + mi.Color3f(lobe)

    def sample(self, context: Any, si: Any, sample1: float, sample2: Any, active: bool = True) -> tuple[Any, Any]:
        """Half of the directions by the cosine, half by the lobe's normals."""
        found: Any = mi.BSDFSample3f()
        if sample1 < 0.5:
            found.wo = mi.warp.square_to_cosine_hemisphere(sample2)
        else:
            z = math.sqrt((1 - sample2.x) / (1 + (self.alpha**2 - 1) * sample2.x))
            across, turn = math.sqrt(max(1 - z * z, 0.0)), 2 * math.pi * sample2.y
            h = mi.Vector3f(across * math.cos(turn), across * math.sin(turn), z)
            found.wo = 2 * float(si.wi.x * h.x + si.wi.y * h.y + si.wi.z * h.z) * h - si.wi
        found.pdf, found.eta = self.pdf(context, si, found.wo), 1.0
        found.sampled_type, found.sampled_component = mi.UInt32(int(self.m_flags)), mi.UInt32(0)
        return found, self._value(si.wi, found.wo) / max(found.pdf, 1e-9)

    def eval(self, context: Any, si: Any, wo: Any, active: bool = True) -> Any:
        return self._value(si.wi, wo)

    def pdf(self, context: Any, si: Any, wo: Any, active: bool = True) -> float:
        if si.wi.z <= 0 or wo.z <= 0:
            return 0.0
        h = si.wi + wo
        length = math.sqrt(float(h.x * h.x + h.y * h.y + h.z * h.z))
        z, along = float(h.z) / length, float(si.wi.x * h.x + si.wi.y * h.y + si.wi.z * h.z) / length
        d = self.alpha**2 / (math.pi * ((self.alpha**2 - 1) * z * z + 1) ** 2)
        return 0.5 * float(wo.z) / math.pi + 0.5 * d * z / (4 * along)

    def eval_pdf(self, context: Any, si: Any, wo: Any, active: bool = True) -> tuple[Any, float]:
        return self._value(si.wi, wo), self.pdf(context, si, wo)


mi.register_bsdf("lacquer", Lacquer)


def _rgb(colour: Vec3) -> dict[str, Any]:
    return {"type": "rgb", "value": list(colour)}


def _colour(factor: Vec3, image: Image | None) -> dict[str, Any]:
    """A colour, or an image times a colour."""
    if image is None:
        return _rgb(factor)
    s = image.pixels[..., :3].astype(np.float32) / 255
    linear = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4) * np.array(factor)
    return {
        "type": "bitmap",
        "bitmap": mi.Bitmap(np.ascontiguousarray(linear, np.float32)),
        "raw": True,
        "wrap_mode": "repeat",
    }


def _points(radiance: Floats) -> Floats:
    """A lat-long map (h, w, 3) as Mitsuba takes it: its columns are texels as ours are, but its first and last row are
    the poles.

    Finer, by odd and even factors that keep the middle of every texel, so that its bilinear interpolation repeats that
    of our shaders.
    """
    h, w = radiance.shape[:2]
    columns = w * (2 * math.ceil(ENVIRONMENT_COLUMNS / w / 2) + 1)
    rows = 2 * h * math.ceil(ENVIRONMENT_COLUMNS / h / 4) + 1
    x = (np.arange(columns) + 0.5) / columns * w - 0.5
    y = np.clip(np.linspace(0, h, rows) - 0.5, 0, h - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - left)[None, :, None], (y - top)[:, None, None]
    mixed = radiance[top] * (1 - fy) + radiance[np.minimum(top + 1, h - 1)] * fy
    resampled: Floats = (mixed[:, left % w] * (1 - fx) + mixed[:, (left + 1) % w] * fx).astype(np.float32)
    return resampled
