"""Two families of screen-space techniques, and the parameters they share, so that comparisons are fair."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from ssdo.render.technique import MAX_SAMPLES, MIN_SAMPLES, Technique
from ssdo.settings import param

MIN_LENGTH, MAX_LENGTH = 1e-4, 1e4  # metres, of radii and thicknesses
# Of the converged screen-space result, in each frame: see Technique.as_converged.
CONVERGED_SAMPLES, CONVERGED_SLICES, CONVERGED_STEPS = 64, 8, 64
SECTORS_PER_SLICE = 32  # as in shaders/common/slices.glsl


def thickness_param() -> Any:
    """Parameter of techniques that assume the thickness of occluders."""
    return param(
        None,
        MIN_LENGTH,
        MAX_LENGTH,
        "assumed thickness of occluders along the view axis; larger values occlude more",
        unit="m",
        auto_label="relative_thickness",
        log=True,
    )


def relative_thickness_param() -> Any:
    return param(1.0, 0.01, 10.0, "assumed thickness relative to the radius, where thickness is unset", log=True)


def depth_layers_param() -> Any:
    return param(
        "1",
        help="depth layers: 1, visible surfaces; 2, front and back of the first two objects, by depth peeling",
        choices=("1", "2"),
    )


def radius_param() -> Any:
    return param(
        None,
        MIN_LENGTH,
        MAX_LENGTH,
        "maximum distance of an occluder; larger values darken wider areas",
        unit="m",
        fraction=0.15,
        log=True,
    )


def bias_param() -> Any:
    return param(
        0.02,
        0.0,
        0.5,
        "minimum height of an occluder above the surface, relative to its distance; raise against self-occlusion",
        log=True,
    )


def resolve_thickness(thickness: float | None, relative_thickness: float, radius: float | None) -> float | None:
    """The thickness in metres, from the radius where it is unset."""
    if thickness is not None or radius is None:
        return thickness
    return min(max(relative_thickness * radius, MIN_LENGTH), MAX_LENGTH)


@dataclass(frozen=True)
class HemisphereTechnique(Technique, abstract=True):
    """Techniques that test directions of the hemisphere against the depth buffer, with the parameters they share.

    See shaders/common/ray_march.glsl.
    """

    sample_param: ClassVar[str] = "samples"

    samples: int = param(
        16, MIN_SAMPLES, MAX_SAMPLES, "directions per pixel; more cost time and reduce noise", log=True
    )
    radius: float | None = radius_param()
    visibility: str = param(
        "ray-march",
        help="occlusion test of a direction: several steps along it, or a single sample (as published)",
        choices=("ray-march", "single-sample"),
    )
    steps: int = param(8, 1, 64, "steps along each direction with ray-march; large radii need up to 32", log=True)
    thickness: float | None = thickness_param()
    relative_thickness: float = relative_thickness_param()
    depth_layers: str = depth_layers_param()
    bias: float = bias_param()

    def resolve_lengths(self, size: float) -> Self:
        resolved = super().resolve_lengths(size)
        thickness = resolve_thickness(resolved.thickness, resolved.relative_thickness, resolved.radius)
        return replace(resolved, thickness=thickness)

    @property
    def fetches_per_sample(self) -> int:
        return self.steps if self.visibility == "ray-march" else 1

    def with_budget(self, samples: int) -> Self:
        """A copy with so many directions. Its own steps stay, even where they are not DEFAULT_STEPS."""
        return replace(self, samples=samples)

    def as_converged(self) -> Self:
        return replace(self, samples=CONVERGED_SAMPLES)

    @property
    def sample_count_text(self) -> str:
        return f"{self.samples} {'direction' if self.samples == 1 else 'directions'}"

    @property
    def method_text(self) -> tuple[str, ...]:
        return (self._steps_text, *_radius_text(self.radius))

    @property
    def _steps_text(self) -> str:
        return f"{self.steps} steps" if self.visibility == "ray-march" else "single sample"

    def describe(self) -> str:
        layers = ["2 depth layers"] if self.depth_layers == "2" else []
        return ", ".join([self.label, f"{self.samples} samples", *_radius_text(self.radius), self._steps_text, *layers])


@dataclass(frozen=True)
class SliceTechnique(Technique, abstract=True):
    """Techniques that march both sides of slices through the view ray, with the parameters they share.

    See shaders/common/slices.glsl.
    """

    sample_param: ClassVar[str] = "slices"

    slices: int = param(2, 1, 64, "slices per pixel, planes through the view ray; more reduce noise", log=True)
    steps: int = param(16, 1, 64, "steps along each side of a slice; large radii need more", log=True)
    radius: float | None = radius_param()
    bias: float = bias_param()

    @property
    def fetches_per_sample(self) -> int:
        return 2 * self.steps

    def as_converged(self) -> Self:
        return replace(self, slices=CONVERGED_SLICES, steps=CONVERGED_STEPS)

    @property
    def sample_count_text(self) -> str:
        return f"{self.slices} {'slice' if self.slices == 1 else 'slices'}"

    @property
    def method_text(self) -> tuple[str, ...]:
        return (f"2 x {self.steps} steps", *_radius_text(self.radius))

    def describe(self) -> str:
        return ", ".join(
            [self.label, f"{self.sample_count_text} of 2 x {self.steps} steps", *_radius_text(self.radius)]
        )


def _radius_text(radius: float | None) -> tuple[str, ...]:
    return () if radius is None else (f"radius {radius:.3g} m",)
