"""Plants known faults, one by one, in a copy of the project and runs the tests that should notice.

python tests/tools/faults.py              every fault; prints fault / test / caught, exits 1 if one is not
python tests/tools/faults.py 4 24         these only
"""

from __future__ import annotations

import argparse
import sys
from typing import NamedTuple

from fault_injection import ROOT, Copy, in_copies

FILES = tuple(
    f"tests/{name}.py"
    for name in (
        "test_closed_forms",
        "test_faults",
        "test_pass_cache",
        "test_half_resolution",
        "test_slices",
        "test_probes",
        "test_depth_layers",
        "test_temporal",
        "test_guard_band",
        "test_denoise",
    )
)
SSDO, SSAO, PATTERN, VISIBILITY, ENVIRONMENT = (
    f"shaders/{name}" for name in ("techniques/ssdo.frag", "techniques/ssao.frag", "common/sampling.glsl", "common/ray_march.glsl", "common/environment.glsl")
)
SLICES, BITMASK, GTAO = (f"shaders/{name}" for name in ("common/slices.glsl", "techniques/bitmask.frag", "techniques/gtao.frag"))
BLUR, GBUFFER, DISPLAY, COMPOSITE, SUN = (f"shaders/{name}" for name in ("passes/denoise.frag", "passes/gbuffer.frag", "passes/display.frag", "passes/composite.frag", "passes/sun.frag"))
AGREEMENT = "shaders/common/bilateral_weight.glsl"
INTERVALS = "shaders/passes/depth_layers.frag"
SENDERS = "shaders/passes/bounce_sources.frag"
REPROJECT, TEMPORAL = "shaders/passes/temporal.frag", "app/temporal.py"
GUARD = "app/guard.py"
FAR, PROBES, GRID, PROBING = "shaders/common/probes.glsl", "shaders/passes/probe_trace.frag", "shaders/common/probe_grid.glsl", "app/far_field.py"


class Fault(NamedTuple):
    number: int
    what: str
    file: str
    good: str
    bad: str
    tests: str  # as pytest's -k takes them


FAULTS = (
    Fault(
        1,
        "cosine counted twice",
        SSDO,
        "found.a * vec4(radiance_around(w_map), 1.0)",
        "found.a * vec4(radiance_around(w_map) * s.local.z, 1.0)",
        "f1 or f8",
    ),
    Fault(1, "1/N for pi/N", SSDO, "vec4(vec3(PI), 1.0);", "vec4(vec3(1.0), 1.0);", "f1 or white_sky"),
    Fault(1, "1/pi missing", COMPOSITE, "albedo.rgb / PI_ *", "albedo.rgb *", "white_sky"),
    Fault(
        1,
        "directions uniform, not cosine-weighted",
        PATTERN,
        "vec3(sqrt(u) * turned(p.turn, TURNS[k]), sqrt(1.0 - u))",
        "vec3(sqrt(1.0 - u * u) * turned(p.turn, TURNS[k]), u)",
        "f2",
    ),
    Fault(
        1,
        "sectors even by angle, not by cosine",
        SLICES,
        "side) ? found :",
        "side) ? (side * angle_of(x) - s.gamma) / PI + 0.5 :",
        "test_slices and f2",
    ),
    Fault(1, "slices even by azimuth", SLICES, "return sin(clamp(phi, -0.5 * PI, 0.5 * PI));", "return sin(even);", "test_slices and f2"),
    Fault(2, "strength knob", SSAO, "open / float(ssao.samples)", "1.0 - 4.0 * (1.0 - open / float(ssao.samples))", "f2 or 02"),
    Fault(
        3,
        "SSAO multiplied onto sunlight",
        COMPOSITE,
        "(far + textureLod(light_sun, uv, 0.0).rgb)",
        "(far + textureLod(light_sun, uv, 0.0).rgb * textureLod(light_direct, uv, 0.0).a)",
        "03",
    ),
    Fault(4, "no range check", VISIBILITY, "seen > q.z && nearer < thickness * seen * q.z", "seen > q.z", "test_04"),
    Fault(5, "range check too strict", VISIBILITY, "nearer < thickness * seen * q.z", "nearer < 0.02 * seen * q.z", "f2"),
    Fault(6, "range check on the wrong pair", VISIBILITY, "nearer < thickness * seen * q.z", "abs(1.0 / r.at.z - 1.0 / seen) < 0.3", "f4"),
    Fault(7, "bias of the wrong sign", VISIBILITY, "+ y.rise * s;", "+ y.rise * s - 1e-3 * q.z;", "f1 or f9"),
    Fault(7, "bias far too large", VISIBILITY, "+ bias * reach", "+ 15.0 * bias * reach", "f2 or contact"),
    Fault(4, "sectors closed beyond the radius", BITMASK, "+ bitmask.radius * bitmask.radius", "+ 1e6", "test_slices and (f2 or pole)"),
    Fault(
        8,
        "depth in half precision",
        GBUFFER,
        "out_depth = depth;",
        "float k = exp2(floor(log2(depth)) - 10.0); out_depth = floor(depth / k + 0.5) * k;",
        "f1 or f2",
    ),
    Fault(9, "hyperbolic depth taken for metres", "shaders/passes/gbuffer.frag", "out_depth = depth;", "out_depth = gl_FragCoord.z;", "09 or f2"),
    Fault(10, "directions into the surface", "shaders/common/screen.glsl", "min(dot(w, flat_normal), 0.0)", "max(dot(w, flat_normal), 0.0)", "f2 or f8"),
    Fault(10, "back faces keep their normal", GBUFFER, "gl_FrontFacing ? normal : -normal", "normal", "test_10"),
    Fault(11, "broken tangent frame", PATTERN, "s = n.z >= 0.0 ? 1.0 : -1.0", "s = 1.0", "test_11"),
    Fault(
        11,
        "left-handed frame",
        PATTERN,
        "vec3(1.0 + s * n.x * n.x * a, s * b, -s * n.x), vec3(b",
        "-vec3(1.0 + s * n.x * n.x * a, s * b, -s * n.x), vec3(b",
        "test_11",
    ),
    Fault(12, "environment in view space", SSDO, "w_map = p.map_from_local * direction", "w_map = p.vs_from_local * direction", "test_12 or f8"),
    Fault(12, "sectors in view space", BITMASK, "w_map = map_from_view * above", "w_map = above", "test_slices and f8"),
    Fault(12, "bent normal in view space", GTAO, "normalize(mat3(frame.world_from_view) * bent_vs)", "normalize(bent_vs)", "test_slices and f8"),
    Fault(13, "environment mirrored", ENVIRONMENT, "atan(w_ws.x, -w_ws.z)", "atan(-w_ws.x, -w_ws.z)", "f8 or test_13"),
    Fault(13, "environment upside down", ENVIRONMENT, "acos(clamp(w_ws.y, -1.0, 1.0))", "acos(clamp(-w_ws.y, -1.0, 1.0))", "f8 or f9"),
    Fault(13, "environment turned the wrong way", ENVIRONMENT, "- frame.sky_rotation", "+ frame.sky_rotation", "test_13"),
    Fault(
        13,
        "seam",
        "app/gpu.py",
        "texture.repeat_x, texture.repeat_y = True, False",
        "texture.repeat_x, texture.repeat_y = False, False",
        "test_13 or f8 or test_12",
    ),
    Fault(13, "environment of directions mirrored", ENVIRONMENT, "w_map.x < 0.0 ? -p.x : p.x", "w_map.x < 0.0 ? p.x : -p.x", "f8 or test_13"),
    Fault(13, "environment of directions turned the wrong way", ENVIRONMENT, "mat3(c, 0.0, -s, 0.0, 1.0, 0.0, s", "mat3(c, 0.0, s, 0.0, 1.0, 0.0, -s", "f8"),
    Fault(13, "environment of directions folded at the wrong edge", ENVIRONMENT, "p = 1.0 - p.yx", "p = 1.0 - p", "f8 or test_13"),
    Fault(14, "environment not prefiltered", "app/light.py", "key=lambda n: abs(math.log(wanted / n))", "key=lambda n: -n", "14"),
    Fault(
        14,
        "levels of every second texel, not of means",
        "app/environment.py",
        "levels.append(_averaged(levels[-1], max(columns // 2, 1), columns))",
        "levels.append(np.ascontiguousarray(levels[-1][::2, ::2]))",
        "14",
    ),
    Fault(15, "blur of 5 equal taps", BLUR, "(i == blur.radius ? 0.5 : 1.0)", "1.0", "15"),
    Fault(16, "tile of 3", PATTERN, "(px.x ^ px.y) & 3, y = px.y & 3", "(px.x ^ px.y) % 3, y = px.y % 3", "15_16"),
    Fault(17, "blur crosses depth edges", AGREEMENT, "clamp(2.0 - apart.x, 0.0, 1.0) * ", "", "test_17"),
    Fault(17, "blur takes in the sky", AGREEMENT, "clamp(2.0 - apart.x, 0.0, 1.0) * clamp(2.0 - apart.y, 0.0, 1.0)", "1.0", "test_17"),
    Fault(18, "blur not a partition of unity", BLUR, "total += w.x + w.y;", "total += 1.0;", "test_18"),
    Fault(18, "the picture's border counts twice", BLUR, "return inside(q) * agreement(r, q)", "return agreement(r, q)", "test_denoise and count_by"),
    Fault(18, "no variance where nothing is closed", BLUR, "max(p * (1.0 - p), 0.0) + 0.02", "p * (1.0 - p)", "test_denoise and constant"),
    Fault(18, "the noise of one sample for that of all", BLUR, "noise.samples * (a - b)", "(a - b)", "test_denoise and (count_by or contact)"),
    Fault(18, "the noise of one pixel for that of a row", "app/blur.py", '("down", 2 * self.radius)', '("down", 1)', "test_denoise and (count_by or error)"),
    Fault(18, "beside an edge one side counts in full", BLUR, "mix(vec2(min(w.x, w.y)), w, noise.lopsided)", "w", "test_denoise and (count_by or corner)"),
    Fault(18, "a lobe as noisy as the hemisphere", "app/blur.py", "technique.lobes", "technique.count", "test_denoise and lobe"),
    Fault(18, "a lobe guided by the hemisphere", BLUR, "open = gloss.a;", "open = textureLod(light_direct, uv, 0.0).a;", "test_denoise and lobe"),
    Fault(19, "down goes in steps of two pixels", BLUR, "void down() { along(vec2(0.0, 1.0)); }", "void down() { along(vec2(0.0, 2.0)); }", "test_19"),
    Fault(19, "down goes aslant", BLUR, "void down() { along(vec2(0.0, 1.0)); }", "void down() { along(vec2(1.0, 1.0)); }", "test_19"),
    Fault(
        19, "down weighs all neighbours alike", BLUR, "        direct += w.x * ", "        if (one.y > 0.0) w = vec2(1.0);\n        direct += w.x * ", "test_19"
    ),
    Fault(
        20,
        "blur after albedo",
        BLUR,
        "direct += w.x * direct_q + w.y * direct_p;",
        "direct += (w.x * direct_q + w.y * direct_p) * (0.9 + 0.1 * step(0.5, fract(q.x * 8.0)));",
        "test_20 or test_18",
    ),
    Fault(
        21,
        "off-screen taken for an occluder",
        VISIBILITY,
        "return seen > q.z",
        "return q.z > 0.0 && px != clamp(px, vec2(0.0), frame.size - 1.0) || seen > q.z",
        "f1 or test_21",
    ),
    Fault(
        22,
        "sky as an occluder",
        VISIBILITY,
        ", nearer = seen - q.z;",
        ";\n    if (seen > 0.0 && seen < 1e-20) seen = q.z / (1.0 - 0.1 * thickness * q.z);\n    float nearer = seen - q.z;",
        "test_22 or f7",
    ),
    Fault(
        22,
        "sky shaded",
        COMPOSITE,
        "radiance = vec4(radiance_from(",
        "radiance = textureLod(light_direct, uv - vec2(0.0, 8.0) / frame.size, 0.0).a * vec4(radiance_from(",
        "test_22",
    ),
    Fault(23, "infinite thickness", VISIBILITY, "nearer < thickness * seen * q.z", "nearer < 1e9", "test_23"),
    Fault(23, "sectors of infinite thickness", BITMASK, "min(thickness * q.stretch, root - b)", "root - b", "test_slices and pole"),
    Fault(
        24, "bounce from back faces, by sectors", BITMASK, "if (front_of(q.uv, p.p_vs) > 0.0) return behind", "if (true) return behind", "test_slices and 24"
    ),
    Fault(
        24,
        "sectors closed from below the horizon",
        SLICES,
        "inside && q.depth * height_of(p.receiver.plane, px) - p.receiver.height > bias * length(q.d_vs)",
        "inside",
        "test_slices and (24 or f1)",
    ),
    Fault(
        24,
        "bounce from back faces",
        SSDO,
        "front ? textureLod(sender_radiance, uv, 0.0).rgb : vec3(0.0);",
        "textureLod(sender_radiance, uv, 0.0).rgb;",
        "test_24 or 26 or 30",
    ),
    Fault(24, "below the horizon", VISIBILITY, " && stands > least * seen;", ";", "test_24 or f1"),
    Fault(25, "1/d^2 without a floor", SSDO, "max(d2, least)", "d2", "25"),
    Fault(25, "floor of 1/d^2 in metres", SSDO, "max(d2, least)", "max(d2, 0.01)", "25"),
    Fault(26, "bounce makes energy", SSDO, "float weight = PI /", "float weight = 2.0 * PI /", "26 or f7 or f10"),
    Fault(
        27,
        "bounce not gated by visibility",
        SSDO,
        "hit == 0u ? vec3(0.0) : returned(p, s, ray_of(p, s), int(hit))",
        "i + k >= ssdo.samples ? vec3(0.0) : returned(p, s, ray_of(p, s), hit == 0u ? p.steps : int(hit))",
        "27 or f10",
    ),
    Fault(27, "another direction's hit", SSDO, "found >> uint(shift) &", "found &", "27 or f10 or f7"),
    Fault(27, "one texel's hits for another's", SSDO, "batch.first + batch.each, batch_hits_2", "batch.first + batch.each, batch_hits", "27 or f10 or f7"),
    Fault(27, "some samples twice, others never", SSDO, "looked(p, q, batch.first + 2 *", "looked(p, q, batch.first +", "27 or f10 or f7"),
    Fault(27, "earlier batches forgotten", SSDO, "textureLod(before, uv_here(), 0.0) + sum", "sum", "27"),
    Fault(27, "what is beyond the screen mistaken for hits", "app/techniques/ssdo.py", "more[texels]", "more[0]", "27"),
    Fault(27, "earlier batches' bounce forgotten", SSDO, "textureLod(before, uv_here(), 0.0) + vec4(ssdo", "vec4(ssdo", "26 or f7 or f10"),
    Fault(
        27,
        "sectors send that were closed before",
        BITMASK,
        "closed_at(p, s, q, side, second) & ~closed;",
        "closed_at(p, s, q, side, second);",
        "test_slices and (f10 or 26)",
    ),
    Fault(
        28,
        "bounce from tone-mapped colour",
        "shaders/passes/bounce_sources.frag",
        "    radiance = vec4(textureLod(gbuffer_emission",
        "    irradiance = irradiance / (1.0 + irradiance);\n    radiance = vec4(textureLod(gbuffer_emission",
        "28",
    ),
    Fault(
        29,
        "bounce multiplied by the receiver's own light",
        SSDO,
        "vec4(ssdo.bounce_gain * sum, 0.0);",
        "vec4(ssdo.bounce_gain * sum * max(dot(normal_ws_at(uv_here()), frame.sun_direction), 0.0), 0.0);",
        "29",
    ),
    Fault(
        30,
        "sender ignores its shadow",
        SUN,
        "irradiance.rgb = frame.sun_irradiance * cosine * lit(p_ws, flat_ws);",
        "irradiance.rgb = frame.sun_irradiance * cosine;",
        "30",
    ),
    Fault(31, "gamma 2.2 for sRGB", DISPLAY, "1.055 * pow(max(c, 0.0031308), vec3(1.0 / 2.4)) - 0.055", "pow(c, vec3(1.0 / 2.2))", "31"),
    Fault(31, "no gamma", DISPLAY, "c = srgb(clamp(c, 0.0, 1.0));", "c = clamp(c, 0.0, 1.0);", "31"),
    Fault(32, "images not linearised", "app/gpu.py", "= {} if linear else {", "= {} if True else {", "32"),
    Fault(
        33,
        "exposure follows the terms",
        COMPOSITE,
        "vec3 far = ",
        "vec3 far = (1.0 - 0.1 * step(0.01, textureLod(light_indirect, uv, 0.0).g)) * ",
        "33",
    ),
    Fault(34, "facets close one another: bias subtracted", VISIBILITY, "+ bias * reach", "- bias * reach", "test_34"),
    Fault(
        34,
        "facets close one another: whatever is nearer",
        VISIBILITY,
        " && stands > least * seen;",
        ";",
        "test_34",
    ),
    Fault(35, "radius in pixels", SSDO, "direction_of(p, s), ssdo.radius,", "direction_of(p, s), ssdo.radius / p.receiver.at.z / 6.0,", "35"),
    Fault(36, "mean depends on N", SSAO, "direct.a = open / float(ssao.samples);", "direct.a = open / float(ssao.samples + 1);", "36 or f1"),
    Fault(36, "samples repeat", PATTERN, "u = (number + p.stratum)", "u = (2.0 * floor(number / 2.0) + p.stratum)", "36 or f2"),
    Fault(37, "every pixel takes the same directions", PATTERN, "float(bitfieldReverse(uint(tile)) >> 28) / 16.0", "0.0 * float(tile)", "37 or 15"),
    Fault(
        38,
        "half a texel aside",
        VISIBILITY,
        "vec2 px = floor(q.xy);",
        "vec2 px = floor(q.xy + vec2(0.5, 0.0));",
        "38",
    ),
    Fault(
        38,
        "depth filtered at edges",
        "shaders/common/screen.glsl",
        "return textureLod(gbuffer_depth, uv, 0.0).r;",
        "return 0.5 * (textureLod(gbuffer_depth, uv, 0.0).r + textureLod(gbuffer_depth, uv + vec2(1.0, 0.0) / frame.size, 0.0).r);",
        "04 or 38",
    ),
    Fault(39, "aspect missing in reprojection", VISIBILITY, "/ frame.tangent - p_vs.z", "/ frame.tangent.yy - p_vs.z", "f6 or f2"),
    Fault(
        40,
        "pattern from one frame to the next",
        "app/frame.py",
        "    count = index + 65536 * seed",
        "    import random\n    count = index + 65536 * seed + random.randrange(999)",
        "test_40",
    ),
    Fault(41, "unequal samples", SSAO, "asked_of(i, ssao.samples)", "asked_of(i, max(ssao.samples / 2, 1))", "41 or f1"),
    Fault(42, "mean for median", "app/gpu.py", "median(times) for", "sum(times) / len(times) for", "test_42"),
    Fault(42, "pass not waited for", "app/gpu.py", "            yield\n            self.ctx.finish()\n", "            yield\n", "test_42"),
    Fault(42, "what came before not waited for", "app/gpu.py", "            self.ctx.finish()\n            start", "            start", "test_42"),
    Fault(42, "timer queries on a software renderer", "app/gpu.py", "any(word in ctx", "all(word in ctx", "test_42"),
    Fault(42, "a query's first reading believed", "app/gpu.py", "elif turn >= LATE:", "elif turn >= LATE - 3:", "test_42"),
    Fault(
        42,
        "a time without its timer",
        "app/viewer/session.py",
        "{in_words(sum(known))}, {self.stage.timer}",
        "{in_words(sum(known))}",
        "test_42",
    ),
    Fault(
        43,
        "march tries its last point only",
        VISIBILITY,
        "for (int k = steps; k > 0; k--)",
        "for (int k = steps; k == steps; k--)",
        "brightens",
    ),
    Fault(43, "a horizon sinks to the last point", GTAO, ": mix(horizon, cosine, gtao.thin)", ": cosine", "test_slices and f2"),
    Fault(43, "point mode marches", SSDO, "== SSDO_VISIBILITY_MARCH ? ssdo.steps : 0", "== SSDO_VISIBILITY_MARCH ? ssdo.steps : 8", "tunnels"),
    Fault(44, "surfaces kept although the camera moves", "app/gpu.py", "which, shared_blocks, given)", "which, given)", "44"),
    Fault(44, "surfaces kept although the scene is another", "app/gpu.py", "self._stamp(geometry.vertices), ", "", "44"),
    Fault(44, "sunlight kept although the sun moves", "app/gpu.py", "key = (shader, blocks, {", "key = (shader, {", "44"),
    Fault(44, "light kept although the surfaces are others", "app/gpu.py", ", {name: self._stamp(t) for name, t in textures.items()})", ")", "44"),
    Fault(44, "kept although drawn over", "app/gpu.py", " or stamps != tuple(t.extra for t in source.textures)", "", "44"),
    Fault(44, "kept although shaders are loaded again", "app/gpu.py", "        self.forget()\n", "", "44"),
    Fault(44, "a side's time without what is copied", "app/viewer/stage.py", "(not side.clock.times and scale == self.rest(slot, shot)) or ", "", "44"),
    Fault(44, "a time without what was kept", "app/pipeline.py", "            gpu.forget()\n", "", "44"),
    Fault(
        45,
        "a mean of four surfaces for one",
        "shaders/passes/subsample.frag",
        "return texelFetch(all, min(ivec2(pick.first) + pick.step * ivec2(gl_FragCoord.xy), textureSize(all, 0) - 1), 0);",
        "ivec2 px = 2 * ivec2(gl_FragCoord.xy); return 0.5 * (texelFetch(all, px, 0) + texelFetch(all, min(px + 1, textureSize(all, 0) - 1), 0));",
        "exactly or f1_a_plane_is_open_at_half",
    ),
    Fault(
        45,
        "half a pixel aside at half the resolution",
        "app/frame.py",
        "shift=(frame.tangent[0] * middle[0], frame.tangent[1] * middle[1])",
        "shift=(0.0, 0.0)",
        "shifted_lens",
    ),
    Fault(45, "the shift forgotten on the way back", VISIBILITY, "(p_vs.xy + frame.shift * p_vs.z)", "p_vs.xy", "shifted_lens"),
    Fault(45, "the shift forgotten in the plane", VISIBILITY, "dot(frame.shift - frame.tangent,", "dot(-frame.tangent,", "shifted_lens"),
    Fault(45, "light leaks across a step", AGREEMENT, "clamp(2.0 - apart.x, 0.0, 1.0) * ", "", "on_its_face"),
    Fault(45, "light leaks around a corner", AGREEMENT, " * clamp(2.0 - apart.y, 0.0, 1.0)", "", "on_its_face"),
    Fault(45, "left for right in upsampling", "shaders/passes/upsample.frag", "vec4(near.x, far.x, near.x, far.x)", "vec4(far.x, near.x, far.x, near.x)", "its_own"),
    Fault(45, "thin things have no light", "shaders/passes/upsample.frag", "vec4(irradiance_at(r.n_ws), 1.0)", "vec4(0.0, 0.0, 0.0, 1.0)", "seen_at_none"),
    Fault(46, "probes see the surface itself", FAR, "max(4.0 / grid.directions - dot", "max(0.0 * grid.directions - dot", "plane or convex"),
    Fault(46, "probes behind the surface are asked", FAR, "share.z * front *", "share.z *", "plane or convex or shelter or side"),
    Fault(46, "probes behind a wall are asked", FAR, "? 1.0 : UNSEEN", "? 1.0 : 1.0", "through_walls"),
    Fault(46, "probes close what the screen has found open", FAR, "> r.radius ?", "> 0.0 ?", "within_the_radius"),
    Fault(46, "nothing is beyond the radius", FAR, "seen.a < 1e8 &&", "seen.a < 0.0 &&", "closed_room"),
    Fault(
        46,
        "probes are asked with the wrong turn",
        FAR,
        "vec4 seen = seen_by(r.first + corner, unfolded(w))",
        "vec4 seen = seen_by(r.first + corner, unfolded(w.zyx))",
        "side",
    ),
    Fault(46, "probes look the wrong way round", PROBES, "* map_from_world();", "* transpose(map_from_world());", "side"),
    Fault(46, "probes look mirrored", GRID, "q.x < 0.0 ? -w.x : w.x", "q.x < 0.0 ? w.x : -w.x", "side or too_large"),
    Fault(46, "probes stand elsewhere", GRID, "(probe + 0.5) * grid.cell", "(probe + 1.5) * grid.cell", "test_probes and (closed_room or behind or side)"),
    Fault(46, "what is beyond sends nothing", SSDO, "afar += sent;", "", "behind_the_camera"),
    Fault(46, "what is beyond sends nothing, bitmask", BITMASK, "afar += open * far.rgb;", "", "behind_the_camera"),
    Fault(46, "what is beyond counts twice", PROBES, "seen.rgb += radiance_of", "seen.rgb += 2.0 * radiance_of", "furnace or behind_the_camera"),
    Fault(
        46,
        "the environment is not dimmed",
        SSDO,
        "return found.a * vec4(radiance_around(w_map), 1.0)",
        "return vec4(radiance_around(w_map), found.a)",
        "closed_room or furnace",
    ),
    Fault(
        46,
        "probes are kept when the light has changed",
        "app/far_field.py",
        "eye=(0.0, 0.0, 0.0), jitter",
        "eye=(0.0, 0.0, 0.0), sun_direction=(0.0, 1.0, 0.0), jitter",
        "once",
    ),
    Fault(46, "probes are drawn for every camera", PROBING, "eye=(0.0, 0.0, 0.0), jitter", "jitter", "once"),
    Fault(47, "a body has no back", VISIBILITY, "seen.x > q.z && q.z > seen.y && ", "seen.x > q.z && ", "test_depth_layers and thick"),
    Fault(47, "a second body closes nothing", VISIBILITY, " || seen.z > q.z && q.z > seen.w && stands > least * seen.z", "", "test_depth_layers and hides"),
    Fault(
        47,
        "a second body stands where the first does",
        VISIBILITY,
        "seen.z > q.z && q.z > seen.w && stands > least * seen.z",
        "seen.x > q.z && q.z > seen.w && stands > least * seen.x",
        "test_depth_layers and hides",
    ),
    Fault(47, "sectors of a body without a back", BITMASK, "depths.y - depths.x", "bitmask.thickness", "test_depth_layers and thick"),
    Fault(47, "sectors of one body alone", BITMASK, "second = closed_by(p, s, q, depths.w - depths.z, side);", "", "test_depth_layers and hides"),
    Fault(47, "a sheet lends the next body's back", INTERVALS, "back >= min(second, BACKGROUND)", "back >= BACKGROUND", "test_depth_layers and sheet_before"),
    Fault(47, "a sheet has no depth", INTERVALS, "min(front + guess.thickness, second)", "front", "test_depth_layers and as_is_guessed"),
    Fault(47, "a surface lies behind itself", "shaders/common/depth_peel.glsl", ".r * 1.00001", ".r * 0.99", "test_depth_layers and depths"),
    Fault(47, "fronts taken for backs", "app/gpu.py", '"front" if backs else "back"', '"back"', "test_depth_layers and depths"),
    Fault(47, "sheets taken for bodies", "app/intervals.py", "(balance[edge] != 0).any(1) | pierced", "pierced", "test_depth_layers and (sheet or told)"),
    Fault(
        47, "what has holes is a body", "app/intervals.py", "(balance[edge] != 0).any(1) | pierced", "(balance[edge] != 0).any(1)", "test_depth_layers and told"
    ),
    Fault(47, "backs turned to the camera", GBUFFER, "LAYER_BACKS ? -1.0 : 1.0", "LAYER_BACKS ? 1.0 : 1.0", "test_depth_layers and hidden_send"),
    Fault(47, "a hidden body sends nothing", SSDO, ": from_second(uv, p.receiver.p_vs)", ": vec3(0.0)", "test_depth_layers and hidden_send"),
    Fault(47, "a back sends nothing", SSDO, "(first ? from_back(seen, uv, p.receiver.p_vs) :", "(first ? vec3(0.0) :", "test_depth_layers and hidden_send"),
    Fault(
        47, "sectors of a hidden body send nothing", BITMASK, "if (TWO_INTERVALS && second != 0u) behind", "if (false) behind", "test_depth_layers and hidden_send"
    ),
    Fault(47, "bodies that touch are two", INTERVALS, "if (second - back < second", "if (second - back < -second", "test_depth_layers and hidden_send"),
    Fault(48, "light of another surface remembered", REPROJECT, "near * agreement(apart(r, q, there.a, there.xyz))", "near", "test_temporal and (hidden or cut)"),
    Fault(48, "light remembered from outside the picture", REPROJECT, "q == clamp(q, 0.0, 1.0) ?", "true ?", "test_temporal and hidden"),
    Fault(
        48,
        "the camera of the frame before not used",
        TEMPORAL,
        "from_view(view.frame, camera)",
        "from_view(view.frame, view.frame)",
        "test_temporal and (hidden or stays)",
    ),
    Fault(48, "its shift not used", TEMPORAL, "camera.tangent, camera.shift)", "camera.tangent, (0.0, 0.0))", "test_temporal and (hidden or mean)"),
    Fault(48, "not begun anew at index 0", TEMPORAL, "if index == 0 or last != index - 1:", "if last is None:", "test_temporal and (twice or before)"),
    Fault(48, "ghosts of light that has changed", REPROJECT, "share = min(most / max(abs(off), 1e-20), 1.0)", "share = vec4(1.0)", "test_temporal and ghost"),
    Fault(48, "every frame counts as much as all before", REPROJECT, "(1.0 - 1.0 / frames)", "0.5", "test_temporal and (mean or noise)"),
    Fault(48, "the pattern stands still", "app/frame.py", "count = index + 65536 * seed", "count = 65536 * seed", "test_temporal and noise"),
    Fault(48, "one memory for all slots", "app/gpu.py", "name, spec = self._scope + name,", "name, spec = name,", "test_temporal and (twice or viewer)"),
    Fault(49, "the picture taken a pixel aside from its band", GUARD, "lit = (band, band,", "lit = (band + 1, band,", "test_guard_band and larger"),
    Fault(49, "surfaces taken a pixel aside from the band", GUARD, "Pick((band, band), 1), frame", "Pick((band, band + 1), 1), frame", "test_guard_band and places"),
    Fault(
        49, "a band without the wider lens", "app/frame.py", "tangent=(frame.tangent[0] * grown[0], frame.tangent[1] * grown[1]),\n    )", "    )", "test_guard_band"
    ),
    Fault(49, "no light on what is outside, for senders", SENDERS, "px == HERE ?", "true ?", "test_guard_band and outside"),
    Fault(49, "all of the sky on what is outside", SENDERS, "textureLod(light_direct, px / frame.size, 0.0).a;", "1.0;", "test_guard_band and outside"),
    Fault(49, "what is outside and hidden has no light", SENDERS, "guessed(clamp(HERE, lit.low, lit.high))", "guessed(HERE)", "test_guard_band and outside"),
    Fault(49, "a band of half a tile at half the resolution", GUARD, "TILES = 8", "TILES = 4", "test_guard_band and takes_the_samples"),
    Fault(49, "the band lit like the picture", "app/techniques/ssao.py", "within=view.within, ", "", "test_guard_band and only"),
    Fault(49, "a pixel taken apart that lies in the band", "app/viewer/probe.py", "Pixel((left + x + 0.5,", "Pixel((x + 0.5,", "test_guard_band and apart"),
    Fault(49, "senders pointed at as if there were no band", "app/viewer/probe.py", "guard.inside(view, place[:, :2])", "place[:, :2]", "test_guard_band and apart"),
    Fault(49, "the menu shows the band", "app/viewer/buffers.py", "if view and view.within and", "if view and not view.within and", "test_guard_band and menu"),
)


def plant(copy: Copy, fault: Fault) -> tuple[bool, str]:
    """Whether a test failed with the fault in place, and the first that did."""
    text = (ROOT / fault.file).read_text("utf-8")
    if fault.good not in text:
        return False, f"cannot be planted: {fault.file} has no {fault.good!r}"
    test, said = copy.tested(fault.file, text.replace(fault.good, fault.bad), [*FILES, "-k", fault.tests])
    if "ShaderError" in said or "SyntaxError" in said:
        return False, "does not compile"
    return bool(test), test or said.strip().splitlines()[-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", type=int, metavar="N", help="only these faults")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time, each in a copy of its own [2]")
    arguments = parser.parse_args()
    faults = [f for f in FAULTS if not arguments.numbers or f.number in arguments.numbers]
    missed: set[int] = set()
    for fault, (caught, test) in zip(faults, in_copies(arguments.jobs, faults, plant), strict=True):
        missed |= set() if caught else {fault.number}
        print(f"{fault.number:3}  {fault.what:48} {'caught' if caught else 'MISSED':7} {test}", flush=True)
    numbers = {f.number for f in faults}
    print(f"{len(numbers - missed)} of {len(numbers)} faults caught ({len(faults)} plants)")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
