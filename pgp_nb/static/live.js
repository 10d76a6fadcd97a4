/**
 * The puppet, the pose and a person to drag, in a page or in JupyterLab: what the library computes, computed by the browser.
 *
 * Plain JavaScript without any library or build step. Three parts: the mathematics (which Python's tests compare with the
 * library), what is shared by the figures (a stage with handles, undo), and the figures.
 *
 * A point of an image is [right, down]; a point in space is [x, y, z] in mm, in the canonical frame (X where the body faces,
 * Y to its left, Z up) or the camera's (right, down, away from the viewer).
 *
 * @typedef {[number, number]} Point
 * @typedef {[number, number, number]} Vector
 * @typedef {[Vector, Vector, Vector]} Matrix rows
 * @typedef {{rotation: Matrix, translation: Vector}} Camera
 * @typedef {{name: string, joints: number[], anchors: number[], color: Vector, centre: Point, axis: Point, local: Point[],
 *   box: number[], span: Vector, phi: Float32Array, psi: Float32Array}} Part
 * @typedef {{joints: string[], parents: number[], sides: string[], scale: string, min_length: number, parts: Part[]}} Puppet
 * @typedef {{centre: Point, direction: Point, along: number, across: number}} Frame
 * @typedef {{size: number, phi: Float32Array, psi: Float32Array, fg: Float32Array, unc: Float32Array, filled: number[][]}} Maps
 */

// ---------------------------------------------------------------------------------------------------- the puppet, Sec. 3.1

export const N_PARTS = 10, BACKGROUND = 10, HEAD = 1;
const TAU = 0.08, STRENGTH = 3, LEAST = 0.3, MOST = 3;

/** A map of the template in [0,1], with a border of zeros. @param {string} text base64 of bytes @param {number[]} box */
function readMap(text, [left, top, right, bottom]) {
  const w = right - left, h = bottom - top, values = atob(text), map = new Float32Array((w + 2) * (h + 2));
  for (let j = 0; j < h; j++) {
    for (let i = 0; i < w; i++) map[(j + 1) * (w + 2) + i + 1] = values.charCodeAt(j * w + i) / 255;
  }
  return map;
}

/** A puppet from what Python writes (`_browser_puppet`). @param {any} data @returns {Puppet} */
export function readPuppet(data) {
  const parts = data.parts.map((/** @type {any} */ p) => ({ ...p, phi: readMap(p.phi, p.box), psi: readMap(p.psi, p.box) }));
  return { ...data, parts };
}

/** `z`, or a number in its direction that is `least` long. @param {Point} z @param {number} least @returns {Point} */
function atLeast([x, y], least) {
  const n = Math.hypot(x, y);
  if (n > least) return [x, y];
  return n > 1e-12 ? [x / n * least, y / n * least] : [least, 0];
}

/** Joints of a part about their centre. @param {Part} part @param {Point[]} q */
function offsets(part, q) {
  const x = part.anchors.reduce((sum, j) => sum + q[j][0], 0) / 4, y = part.anchors.reduce((sum, j) => sum + q[j][1], 0) / 4;
  return { centre: /** @type {Point} */ ([x, y]), offset: part.anchors.map((j) => [q[j][0] - x, q[j][1] - y]) };
}

/** The least-squares similarity of one part, or of its mirror image where that fits better. */
function similarity(/** @type {Puppet} */ puppet, /** @type {Part} */ part, /** @type {Point[]} */ q) {
  const { centre, offset } = offsets(part, q);
  const z = [0, 0], back = [0, 0];
  let energy = 0;
  part.local.forEach(([re, im], k) => {
    const [x, y] = offset[k];
    z[0] += re * x + im * y;
    z[1] += re * y - im * x;
    back[0] += re * x - im * y;
    back[1] += re * y + im * x;
    energy += re * re + im * im;
  });
  const flip = Math.hypot(back[0], back[1]) > Math.hypot(z[0], z[1]) * (1 + 1e-5), best = flip ? back : z;
  const [a, b] = atLeast([best[0] / energy, best[1] / energy], puppet.min_length / Math.sqrt(energy));
  const along = Math.hypot(a, b);
  return { centre, direction: [a / along, b / along], along, across: flip ? -along : along };
}

/** Length from the joints along the limb, width from the whole puppet, the torso's from its own shoulders and hips. */
function stretches(/** @type {Puppet} */ puppet, /** @type {Point[]} */ q) {
  const frames = puppet.parts.map((part) => {
    const { centre, offset } = offsets(part, q), z = [0, 0];
    let energy = 0, whole = 0;
    part.local.forEach(([re, im], k) => {
      z[0] += re * offset[k][0];
      z[1] += re * offset[k][1];
      energy += re * re;
      whole += re * re + im * im;
    });
    const [a, b] = atLeast([z[0] / energy, z[1] / energy], puppet.min_length / Math.sqrt(whole)), along = Math.hypot(a, b);
    return { centre, direction: [a / along, b / along], along, across: 0 };
  });
  const size = (frames.reduce((sum, f) => sum + f.along ** 8, 0) / N_PARTS) ** (1 / 8);
  const torso = frames[0], { offset } = offsets(puppet.parts[0], q), [cos, sin] = torso.direction;
  let turn = 0, energy = 0;
  puppet.parts[0].local.forEach(([, im], k) => {
    turn += im * (cos * offset[k][1] - sin * offset[k][0]);
    energy += im * im;
  });
  turn /= Math.max(energy, 4e-6);
  for (const f of frames) f.across = size;
  torso.across = Math.max(Math.abs(turn), 0.8 * torso.along) * (turn < 0 ? -1 : 1);
  for (const f of frames) f.along = Math.max(f.along, 0.3 * Math.abs(f.across));
  return frames;
}

/**
 * Where the parts lie: a template offset w goes to centre + direction (along Re w + i across Im w).
 * @param {Puppet} puppet @param {Point[]} q joints @param {string} [scale] "isotropic" or "along_limb" @returns {Frame[]}
 */
export function partFrames(puppet, q, scale = puppet.scale) {
  const frames = scale === "isotropic" ? puppet.parts.map((part) => similarity(puppet, part, q)) : stretches(puppet, q);
  return /** @type {Frame[]} */ (frames);
}

/**
 * Empty maps of an image `size` pixels wide and high. @param {number} size
 * @param {boolean} [uncertain] whether psi_p and w_unc are wanted, too @returns {Maps}
 */
export function emptyMaps(size, uncertain = true) {
  const n = size * size, few = uncertain ? n : 0;
  return { size, phi: new Float32Array(N_PARTS * n), psi: new Float32Array(N_PARTS * few), fg: new Float32Array(n), unc: new Float32Array(few), filled: [] };
}

/** Empty the windows that hold anything. @param {Maps} maps */
function clear({ size, phi, psi, fg, unc, filled }) {
  filled.forEach(([left, right, top, bottom], l) => {
    for (let row = top; row < bottom; row++) {
      const from = row * size + left, to = row * size + right, plane = l * size * size;
      phi.fill(0, plane + from, plane + to);
      fg.fill(0, from, to);
      if (!unc.length) continue;
      psi.fill(0, plane + from, plane + to);
      unc.fill(0, from, to);
    }
  });
}

/** The pixels of a posed part: from the image to its window of the template. @param {Part} part @param {Frame} f */
function backwards(part, f) {
  const [dx, dy] = f.direction, [ax, ay] = part.axis;
  const column = (/** @type {number} */ re, /** @type {number} */ im) => {
    const u = re / f.along, v = im / f.across;
    return [ax * u - ay * v, ay * u + ax * v];
  };
  const [xx, yx] = column(dx, -dy), [xy, yy] = column(dy, dx);
  return { xx, xy, yx, yy, x0: part.centre[0] - part.box[0] - 0.5, y0: part.centre[1] - part.box[1] - 0.5 };
}

/** Columns and rows, from and to, that hold a posed part. */
function reach(/** @type {Part} */ part, /** @type {Frame} */ f, /** @type {number} */ size) {
  const [left, top, right, bottom] = part.box, [ax, ay] = part.axis;
  const us = [], vs = [];
  for (const [x, y] of [[left - 0.5, top - 0.5], [right + 0.5, top - 0.5], [left - 0.5, bottom + 0.5], [right + 0.5, bottom + 0.5]]) {
    const rx = x - part.centre[0], ry = y - part.centre[1];
    const re = (ax * rx + ay * ry) * f.along, im = (ax * ry - ay * rx) * f.across;
    us.push(f.centre[0] + f.direction[0] * re - f.direction[1] * im);
    vs.push(f.centre[1] + f.direction[1] * re + f.direction[0] * im);
  }
  const inside = (/** @type {number} */ v) => Math.min(Math.max(v, 0), size);
  return [inside(Math.floor(Math.min(...us))), inside(Math.ceil(Math.max(...us))),
    inside(Math.floor(Math.min(...vs))), inside(Math.ceil(Math.max(...vs)))];
}

/**
 * All maps of a pose, phi_p, psi_p, w_fg and w_unc, in [0,1]. @param {Puppet} puppet
 * @param {Point[]} q joints in pixels of the maps @param {Maps} maps filled
 */
export function fillMaps(puppet, q, maps) {
  const { size, phi, psi, fg, unc } = maps, n = size * size;
  clear(maps);
  maps.filled = partFrames(puppet, q).map((f, l) => {
    const part = puppet.parts[l], w = part.box[2] - part.box[0], h = part.box[3] - part.box[1];
    const { xx, xy, yx, yy, x0, y0 } = backwards(part, f), [left, right, top, bottom] = reach(part, f, size);
    for (let row = top; row < bottom; row++) {
      const dy = row + 0.5 - f.centre[1];
      for (let column = left; column < right; column++) {
        const dx = column + 0.5 - f.centre[0];
        const x = xx * dx + xy * dy + x0, y = yx * dx + yy * dy + y0;
        if (x <= -1 || y <= -1 || x >= w || y >= h) continue;
        const i = Math.floor(x), j = Math.floor(y), s = x - i, t = y - j, k = (j + 1) * (w + 2) + i + 1, below = k + w + 2;
        const a = (1 - s) * (1 - t), b = s * (1 - t), c = (1 - s) * t, d = s * t;
        const p = a * part.phi[k] + b * part.phi[k + 1] + c * part.phi[below] + d * part.phi[below + 1];
        const pixel = row * size + column;
        phi[l * n + pixel] = p;
        if (p > fg[pixel]) fg[pixel] = p;
        if (!unc.length) continue;
        const u = a * part.psi[k] + b * part.psi[k + 1] + c * part.psi[below] + d * part.psi[below + 1];
        psi[l * n + pixel] = u;
        if (u > unc[pixel]) unc[pixel] = u;
      }
    }
    return [left, right, top, bottom];
  });
}

/** d^(l): the mean depth of a part's joints. @param {Puppet} puppet @param {ArrayLike<number>} depth mm, of the joints */
export function limbDepths(puppet, depth) {
  return puppet.parts.map((part) => part.anchors.reduce((sum, j) => sum + depth[j], 0) / 4);
}

/**
 * The first depth-aware step, phi_d = softmax(phi_p / d), for one pixel. @param {Maps} maps @param {number} pixel
 * @param {number[]} divisors of the parts, see `divisorsOf` @param {Float64Array} phi_d filled
 */
function ordered(maps, pixel, divisors, phi_d) {
  const n = maps.size * maps.size;
  let most = 0, sum = 0;
  for (let l = 0; l < N_PARTS; l++) {
    phi_d[l] = maps.phi[l * n + pixel] * divisors[l];
    if (phi_d[l] > most) most = phi_d[l];
  }
  for (let l = 0; l < N_PARTS; l++) sum += phi_d[l] = Math.exp(phi_d[l] - most);
  for (let l = 0; l < N_PARTS; l++) phi_d[l] /= sum;
}

/** What phi_p is multiplied with in the softmax. @param {number[]} limbDepth mm @param {number} root mm, of the pelvis */
export function divisorsOf(limbDepth, root) {
  return limbDepth.map((d) => 1 / (TAU * Math.min(Math.max(1 + STRENGTH * (d - root) / 1000, LEAST), MOST)));
}

/**
 * The part segmentation y^p: 0..9 the part that is seen, 10 background (steps 1 to 3 of Sec. 3.1).
 * @param {Maps} maps @param {number[]} divisors @param {Uint8Array} labels filled
 */
export function fillLabels(maps, divisors, labels) {
  const phi_d = new Float64Array(N_PARTS), { phi, fg } = maps, n = labels.length, alone = Math.log(N_PARTS - 1);
  for (let pixel = 0; pixel < n; pixel++) {
    labels[pixel] = BACKGROUND;
    if (!fg[pixel]) continue;
    let best = 0, most = 0, parts = 0;
    for (let l = 0, k = pixel; l < N_PARTS; l++, k += n) {
      if (!phi[k]) continue;
      parts += 1;
      if (phi[k] * divisors[l] > most) [best, most] = [l, phi[k] * divisors[l]];
    }
    if (parts > 1) ordered(maps, pixel, divisors, phi_d);
    if (parts > 1 ? phi_d[best] > 0.5 : most > alone) labels[pixel] = best;
  }
}

/** phi_d of all parts, part by part as in `Maps`. @param {Maps} maps @param {number[]} divisors @returns {Float32Array} */
export function depthOrdered(maps, divisors) {
  const n = maps.size * maps.size, out = new Float32Array(N_PARTS * n), phi_d = new Float64Array(N_PARTS);
  for (let pixel = 0; pixel < n; pixel++) {
    ordered(maps, pixel, divisors, phi_d);
    for (let l = 0; l < N_PARTS; l++) out[l * n + pixel] = phi_d[l];
  }
  return out;
}

// -------------------------------------------------------------------------------- kinematics and camera, Sec. 3.2a

export const FOCAL = 2.5;
const MARGIN = 0.025, ZOOM = 5, NEAR = 200, PARALLEL = 0.95;
const TILT = 85 * Math.PI / 180;

/** @param {Vector} a @param {Vector} b @returns {Vector} */
const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
/** @param {Vector} a @param {Vector} b @returns {Vector} */
const plus = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
/** @param {Vector} a @param {number} s @returns {Vector} */
const times = (a, s) => [a[0] * s, a[1] * s, a[2] * s];
/** @param {Vector} a @param {Vector} b */
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
/** @param {Vector} a @param {Vector} b @returns {Vector} */
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
/** @param {Vector} a */
const norm = (a) => Math.hypot(a[0], a[1], a[2]);
/** @param {Vector} a @returns {Vector} */
const unit = (a) => times(a, 1 / Math.max(norm(a), 1e-9));
/** @param {Matrix} m @param {Vector} v @returns {Vector} */
export const turned = (m, v) => [dot(m[0], v), dot(m[1], v), dot(m[2], v)];
/** @param {Matrix} m @returns {Matrix} */
export const transposed = (m) => /** @type {Matrix} */ ([0, 1, 2].map((i) => [m[0][i], m[1][i], m[2][i]]));

/** The smallest rotation that takes one direction to another. @param {Vector} a unit @param {Vector} b unit @returns {Matrix} */
function swing(a, b) {
  const v = cross(a, b), c = dot(a, b), k = 1 / Math.max(1 + c, 1e-6), [x, y, z] = v;
  return [
    [k * x * x + c, k * x * y - z, k * x * z + y],
    [k * x * y + z, k * y * y + c, k * y * z - x],
    [k * x * z - y, k * y * z + x, k * z * z + c],
  ];
}

const [R_HIP, L_HIP, SPINE, THORAX] = [1, 4, 7, 8];

/** The axes X, Y, Z of the canonical frame in the frame of a pose. @param {Vector[]} p @returns {Matrix} */
export function bodyAxes(p) {
  const y = unit(minus(p[L_HIP], p[R_HIP]));
  const up = minus(p[THORAX], times(plus(p[R_HIP], p[L_HIP]), 0.5));
  const x = unit(cross(y, up));
  return [x, y, cross(x, y)];
}

/** The frame of what hangs on a limb: its direction, towards the face-vector, and the third. @param {Vector} u unit @returns {Matrix} */
export function limbFrame(u) {
  /** @type {Vector} */
  const side = Math.abs(u[0]) > PARALLEL ? [0, 0, Math.sign(u[0])] : [1, 0, 0];
  const e2 = unit(minus(side, times(u, dot(side, u))));
  return [u, e2, cross(u, e2)];
}

/** The limb in whose frame a joint's limb is given; -1 for the trunk. */
const CARRIER = [-1, -1, 1, 2, -1, 4, 5, -1, -1, 8, 9, 8, 11, 12, 8, 14, 15];
const ORDER = [1, 4, 7, 8, 2, 5, 9, 11, 14, 3, 6, 10, 12, 15, 13, 16];

/** Canonical pose of joints in any frame. @param {Vector[]} p @returns {Vector[]} */
export const canonicalise = (p) => {
  const axes = bodyAxes(p);
  return p.map((x) => turned(axes, minus(x, p[0])));
};

/** Local limb vectors and lengths. @param {number[]} parents @param {Vector[]} p @returns {{v: Vector[], lengths: number[]}} */
export function localVectors(parents, p) {
  const c = canonicalise(p), bones = c.map((x, j) => (j ? minus(x, c[parents[j]]) : /** @type {Vector} */ ([0, 0, 0])));
  const d = bones.map(unit);
  const v = d.map((u, j) => (CARRIER[j] < 0 ? u : turned(limbFrame(d[CARRIER[j]]), u)));
  return { v, lengths: bones.map(norm) };
}

/** T_fk: the canonical pose of local vectors. @param {number[]} parents @param {Vector[]} v @param {number[]} lengths @returns {Vector[]} */
export function forwardKinematics(parents, v, lengths) {
  /** @type {Vector[]} */
  const p = v.map(() => [0, 0, 0]), d = v.map((x) => unit(x));
  for (const j of ORDER) {
    if (CARRIER[j] >= 0) d[j] = turned(transposed(limbFrame(d[CARRIER[j]])), d[j]);
    p[j] = plus(p[parents[j]], times(d[j], lengths[j]));
    if (j === THORAX) { // the trunk is there: turn it so that the face-vector is +X
      const axes = bodyAxes(p);
      for (const k of [R_HIP, L_HIP, SPINE, THORAX]) [p[k], d[k]] = [turned(axes, p[k]), turned(axes, d[k])];
    }
  }
  return p;
}

/** Bend, away from the parent's direction, and turn about it, in degrees. @param {Vector} v @returns {Point} */
export function anglesOf([x, y, z]) {
  const side = Math.hypot(y, z), degrees = 180 / Math.PI;
  return [Math.atan2(side, x) * degrees, side > 1e-6 ? Math.atan2(z, y) * degrees : 0];
}

/** The inverse of `anglesOf`. @param {number} bend @param {number} turn @returns {Vector} */
export function directionOf(bend, turn) {
  const b = bend * Math.PI / 180, t = turn * Math.PI / 180;
  return [Math.cos(b), Math.sin(b) * Math.cos(t), Math.sin(b) * Math.sin(t)];
}

/** R = R_z(roll) R_x(elevation) R_0 R_Z(azimuth). @param {number} azimuth degrees @param {number} elevation @param {number} roll @returns {Matrix} */
export function cameraRotation(azimuth, elevation, roll) {
  const [a, e, r] = [azimuth, elevation, roll].map((x) => x * Math.PI / 180);
  const [ca, ce, cr, sa, se, sr] = [Math.cos(a), Math.cos(e), Math.cos(r), Math.sin(a), Math.sin(e), Math.sin(r)];
  /** @type {Vector} */
  const x = [sa, ca, 0], y = /** @type {Vector} */ ([se * ca, -se * sa, -ce]), z = /** @type {Vector} */ ([-ce * ca, ce * sa, -se]);
  return [minus(times(x, cr), times(y, sr)), plus(times(x, sr), times(y, cr)), z];
}

/**
 * The camera of Sec. 3.2a from three angles in degrees and three shares of what is allowed, with all joints in view.
 * @param {{azimuth: number, elevation: number, roll: number, left_right: number, up_down: number, distance: number}} values
 * @param {Vector[]} p canonical pose @returns {Camera}
 */
export function cameraOf(values, p) {
  const tilt = (/** @type {number} */ x) => Math.min(Math.max(x, -TILT * 180 / Math.PI), TILT * 180 / Math.PI);
  const rotation = cameraRotation(values.azimuth, tilt(values.elevation), tilt(values.roll));
  const k = (0.5 - MARGIN) / FOCAL, x = p.map((joint) => turned(rotation, joint));
  const most = (/** @type {(v: Vector) => number} */ f) => Math.max(...x.map(f));
  const high = [0, 1].map((i) => most((v) => v[i] - k * v[2])), low = [0, 1].map((i) => most((v) => -v[i] - k * v[2]));
  const nearest = Math.max((high[0] + low[0]) / (2 * k), (high[1] + low[1]) / (2 * k), NEAR + most((v) => -v[2]));
  const share = [values.left_right, values.up_down, values.distance].map((s) => Math.min(Math.max(s, 1e-3), 1 - 1e-3));
  const tz = nearest * ZOOM ** share[2];
  const place = (/** @type {number} */ i) => low[i] - k * tz + share[i] * (2 * k * tz - high[i] - low[i]);
  return { rotation, translation: [place(0), place(1), tz] };
}

/** @param {Vector[]} p @param {Camera} camera @returns {Vector[]} in the camera's frame */
export const toCamera = (p, camera) => p.map((x) => plus(turned(camera.rotation, x), camera.translation));

/** The fixed perspective. @param {Vector[]} x in the camera's frame @param {number} size of the image @returns {Point[]} */
export const project = (x, size) => x.map(([u, v, z]) => {
  const scale = size * FOCAL / Math.max(z, 1);
  return [scale * u + size / 2, scale * v + size / 2];
});

/** All joints that hang on a joint, itself included. @param {number[]} parents @param {number} joint */
export function hangingOn(parents, joint) {
  return parents.map((_, j) => j).filter((j) => {
    while (j > joint) j = parents[j];
    return j === joint;
  });
}

/**
 * Pull a joint to where it is seen at a point: the limb turns about its parent, as near as its length lets it, on the side of
 * the parent (nearer or farther) where it was; what hangs on it comes along.
 * @param {number[]} parents @param {Vector[]} x in the camera's frame, or any frame with z away from the viewer
 * @param {number} joint @param {(depth: number) => Point} at right and down in mm, of the point, at a depth @returns {Vector[]}
 */
export function pull(parents, x, joint, at) {
  const base = joint === THORAX || joint === SPINE ? 0 : joint === 10 ? THORAX : parents[joint];
  const carried = joint === THORAX ? hangingOn(parents, SPINE) : joint === 10 ? [9, 10] : hangingOn(parents, joint);
  const bone = minus(x[joint], x[base]), length = norm(bone), sign = bone[2] < 0 ? -1 : 1;
  let depth = x[joint][2];
  /** @type {Vector} */
  let goal = bone;
  for (let k = 0; k < 4; k++) { // the depth decides where the point is, and the point the depth
    const [right, down] = at(depth), dx = right - x[base][0], dy = down - x[base][1], flat = Math.hypot(dx, dy);
    const short = flat > length ? length / flat : 1;
    goal = [dx * short, dy * short, sign * Math.sqrt(Math.max(length * length - Math.min(flat, length) ** 2, 0))];
    depth = x[base][2] + goal[2];
  }
  if (joint === THORAX || joint === 10) {
    const rotation = swing(unit(bone), unit(goal));
    return x.map((v, j) => (carried.includes(j) ? plus(x[base], turned(rotation, minus(v, x[base]))) : v));
  }
  const shift = minus(goal, bone);
  return x.map((v, j) => (carried.includes(j) ? plus(v, shift) : v));
}

/** Bring a joint nearer: its limb turns towards the viewer. @param {number[]} parents @param {Vector[]} x @param {number} joint @param {number} mm @returns {Vector[]} */
export function leaned(parents, x, joint, mm) {
  const base = x[parents[joint]], bone = minus(x[joint], base);
  const shift = minus(times(unit(plus(bone, [0, 0, -mm])), norm(bone)), bone), carried = hangingOn(parents, joint);
  return x.map((v, j) => (carried.includes(j) ? plus(v, shift) : v));
}

/** A pose between two, limbs turning and keeping their lengths. @param {number[]} parents @param {Vector[]} a @param {Vector[]} b @param {number} t @returns {Vector[]} */
export function morphed(parents, a, b, t) {
  /** @type {Vector[]} */
  const p = [];
  parents.forEach((parent, j) => {
    if (parent < 0) return p.push(between(a[j], b[j], t));
    const [u, v] = [a, b].map((x) => minus(x[j], x[parent]));
    return p.push(plus(p[parent], times(unit(between(unit(u), unit(v), t)), norm(u) + (norm(v) - norm(u)) * t)));
  });
  return p;
}

/** The other pose of a limb that looks the same from far away. @param {number[]} parents @param {Vector[]} x @param {number} joint @returns {Vector[]} */
export function flipped(parents, x, joint) {
  const carried = hangingOn(parents, joint), shift = 2 * (x[parents[joint]][2] - x[joint][2]);
  return x.map((v, j) => (carried.includes(j) ? [v[0], v[1], v[2] + shift] : v));
}

/**
 * The turn of the head about the axis from neck to crown, radians; 0 where it faces the viewer. Told by the nose, and by the body
 * as much as if it were a nose so many mm long. @param {Vector[]} x in the camera's frame @param {number} [body] mm
 */
export function headTurn(x, body = 0) {
  const axis = unit(minus(x[10], x[THORAX])), nose = plus(minus(x[9], x[THORAX]), times(bodyAxes(x)[0], body));
  const ahead = minus(nose, times(axis, dot(nose, axis)));
  const flat = Math.max(Math.hypot(axis[0], axis[1]), 1e-6), side = (ahead[0] * -axis[1] + ahead[1] * axis[0]) / flat;
  return Math.atan2(side, -ahead[2] + 1e-6);
}

// ------------------------------------------------------------------------------------------- what the figures share

/** A new element. @param {Element} parent @param {string} tag @param {Record<string, any>} [attributes] @param {string} [text] @returns {any} */
export function el(parent, tag, attributes = {}, text = "") {
  const svg = ["svg", "line", "circle", "path", "text"].includes(tag);
  const e = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  if (text) e.textContent = text;
  parent.appendChild(e);
  return e;
}

/** "right wrist" for r_wrist. @param {string} name */
export const spoken = (name) => name.replace(/^l_/, "left ").replace(/^r_/, "right ").replace(/_/g, " ");

/** Draw at the next frame, once however often it is asked for. @param {() => void} draw */
function onFrame(draw) {
  let asked = 0;
  return () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      draw();
    });
  };
}

/** A canvas whose pixels are painted one by one. @param {Element} parent @param {number} size @param {string} [label] */
function bitmap(parent, size, label = "") {
  const canvas = el(parent, "canvas", { width: size, height: size, role: "img", "aria-label": label });
  const context = canvas.getContext("2d"), image = context.createImageData(size, size);
  return { canvas, pixels: image.data, show: () => context.putImageData(image, 0, 0) };
}

/** States to go back to. @template T @param {() => T} get @param {(state: T) => void} set */
function history(get, set) {
  /** @type {T[]} */
  const past = [];
  let last = "", when = 0;
  return {
    /** Remember the present; several steps of one kind, soon after each other, count as one. @param {string} [kind] */
    mark(kind = "") {
      const now = performance.now();
      if (!kind || kind !== last || now - when > 800) past.push(structuredClone(get()));
      [last, when] = [kind, now];
    },
    undo() {
      last = "";
      const state = past.pop();
      if (state) set(state);
    },
  };
}

/** From 0 to 1 in half a second, at once where the reader wants no motion. @param {(t: number) => void} step */
function animate(step) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return step(1);
  const begun = performance.now();
  const next = (/** @type {number} */ now) => {
    const t = Math.min(Math.max((now - begun) / 500, 0), 1);
    step(t * t * (3 - 2 * t));
    if (t < 1) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}

/** @param {any} a @param {any} b numbers or nested arrays of them @param {number} t */
const between = (a, b, t) => (typeof a === "number" ? a + (b - a) * t : a.map((/** @type {any} */ x, /** @type {number} */ i) => between(x, b[i], t)));

const KEYS = /** @type {Record<string, Point>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] });
const STEP = 1 / 128, NEAR_ENOUGH = 0.12;

/**
 * A square picture with handles on joints. Places are shares of its side. `act` says what handles do:
 * grab(joint) before a drag, move(joint, place), depth(joint, steps) for + and -, flip(joint) for f, turn(right, down) for
 * a drag beside all handles.
 * @param {Element} parent @param {Puppet} puppet @param {number[]} joints that have handles @param {any} act
 */
function stage(parent, puppet, joints, act) {
  const box = el(parent, "div", { class: "pgp-stage" });
  const svg = el(box, "svg", { viewBox: "0 0 1 1", "aria-hidden": "true" });
  const lines = puppet.parents.map((p, j) => (p < 0 ? null : el(svg, "line", { stroke: puppet.sides[j] })));
  /** @type {Map<number, HTMLButtonElement>} */
  const handles = new Map();
  /** @type {Point[]} */
  let places = [];
  /** @type {{joint: number, offset: Point} | null} */
  let held = null;
  /** @type {Point | null} */
  let turning = null;

  const share = (/** @type {PointerEvent} */ e) => {
    const r = box.getBoundingClientRect();
    return /** @type {Point} */ ([(e.clientX - r.left) / r.width, (e.clientY - r.top) / r.height]);
  };
  const grab = (/** @type {number} */ joint, /** @type {PointerEvent} */ e) => {
    const [x, y] = share(e);
    held = { joint, offset: [places[joint][0] - x, places[joint][1] - y] };
    handles.get(joint)?.focus({ preventScroll: true });
    box.classList.add("touched");
    box.setPointerCapture(e.pointerId);
    e.preventDefault();
    act.grab?.(joint);
  };
  const nearest = (/** @type {Point} */ at) => {
    const away = (/** @type {number} */ j) => Math.hypot(places[j][0] - at[0], places[j][1] - at[1]);
    const best = joints.reduce((a, b) => (away(b) < away(a) ? b : a));
    return away(best) < NEAR_ENOUGH ? best : -1;
  };
  box.addEventListener("pointerdown", (/** @type {PointerEvent} */ e) => {
    const joint = e.pointerType === "touch" ? -1 : nearest(share(e));
    if (joint >= 0) grab(joint, e);
    else if (act.turn) {
      turning = [e.clientX, e.clientY];
      box.setPointerCapture(e.pointerId);
    }
  });
  box.addEventListener("pointermove", (/** @type {PointerEvent} */ e) => {
    if (held) {
      const [x, y] = share(e);
      act.move(held.joint, [x + held.offset[0], y + held.offset[1]]);
    } else if (turning) {
      act.turn(e.clientX - turning[0], e.clientY - turning[1]);
      turning = [e.clientX, e.clientY];
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    box.addEventListener(end, () => {
      if (held) act.release?.(held.joint);
      held = turning = null;
    });
  }
  for (const joint of joints) {
    const what = `${spoken(puppet.joints[joint])}: arrow keys move it${act.depth ? ", plus and minus bring it nearer or further" : ""}${act.flip ? ", f flips its limb in depth" : ""}`;
    const handle = el(box, "button", { type: "button", class: "pgp-handle", "data-joint": puppet.joints[joint], "aria-label": what, title: spoken(puppet.joints[joint]) });
    handle.style.setProperty("--side", puppet.sides[joint]);
    handle.addEventListener("pointerdown", (/** @type {PointerEvent} */ e) => {
      e.stopPropagation();
      grab(joint, e);
    });
    handle.addEventListener("keydown", (/** @type {KeyboardEvent} */ e) => {
      const step = KEYS[e.key], way = { "+": 1, "=": 1, "-": -1 }[e.key];
      if (step) {
        const [x, y] = places[joint], far = (e.shiftKey ? 5 : 1) * STEP;
        act.grab?.(joint, `key ${joint}`);
        act.move(joint, [x + step[0] * far, y + step[1] * far]);
        act.release?.(joint);
      } else if (way && act.depth) act.depth(joint, way);
      else if (e.key === "f" && act.flip) act.flip(joint);
      else return;
      box.classList.add("touched");
      e.preventDefault();
      e.stopPropagation();
    });
    if (act.depth) {
      handle.addEventListener("wheel", (/** @type {WheelEvent} */ e) => {
        if (document.activeElement !== handle) return;
        act.depth(joint, e.deltaY < 0 ? 1 : -1);
        e.preventDefault();
      }, { passive: false });
    }
    if (act.flip) handle.addEventListener("dblclick", () => act.flip(joint));
    handles.set(joint, handle);
  }
  return {
    box, svg, handles,
    /** Show the skeleton and the handles at these places. @param {Point[]} q */
    place(q) {
      places = q;
      lines.forEach((line, j) => {
        if (!line) return;
        const [x1, y1] = q[puppet.parents[j]], [x2, y2] = q[j];
        for (const [k, v] of Object.entries({ x1, y1, x2, y2 })) line.setAttribute(k, String(v));
      });
      for (const [j, handle] of handles) {
        handle.style.left = `${q[j][0] * 100}%`;
        handle.style.top = `${q[j][1] * 100}%`;
      }
    },
  };
}

/** A row of buttons of which one is pressed. @param {Element} parent @param {string} label @param {string[]} names @param {(k: number) => void} choose */
function choices(parent, label, names, choose) {
  const row = el(parent, "div", { class: "pgp-choices", role: "group", "aria-label": label });
  const buttons = names.map((name, k) => {
    const button = el(row, "button", { type: "button" }, name);
    button.addEventListener("click", () => choose(k));
    return button;
  });
  return { row, buttons, press: (/** @type {number} */ k) => buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(i === k))) };
}

/** Undo and reset, by button and by key. @param {Element} root @param {Element} bar @param {{undo: () => void}} past @param {() => void} reset */
function undoAndReset(root, bar, past, reset) {
  const row = el(bar, "div", { class: "pgp-choices" });
  el(row, "button", { type: "button", "data-do": "undo" }, "undo").addEventListener("click", () => past.undo());
  el(row, "button", { type: "button", "data-do": "reset" }, "reset").addEventListener("click", reset);
  root.addEventListener("keydown", (/** @type {any} */ e) => {
    const plain = !e.ctrlKey && !e.metaKey && !e.altKey;
    if (e.key === "z" && !plain) past.undo();
    else if (e.key === "r" && plain) reset();
    else return;
    e.preventDefault();
    e.stopPropagation();
  });
}

/** A line that screen readers say when it changes. @param {Element} root @param {Puppet} puppet */
function announcer(root, puppet) {
  const line = el(root, "p", { class: "pgp-said", "aria-live": "polite" });
  return (/** @type {number} */ joint, /** @type {Point} */ [x, y]) => {
    line.textContent = `${spoken(puppet.joints[joint])}: ${Math.round(x * 100)} percent from the left, ${Math.round(y * 100)} from the top`;
  };
}

/** @param {Element} parent @param {string} kind @returns {any} */
const figureBox = (parent, kind) => el(parent, "div", { class: `pgp-figure pgp-${kind}`, "data-lm-suppress-shortcuts": "true" });

// ----------------------------------------------------------------------------------------------------- figure: the puppet

const PLAIN = { azimuth: 0, elevation: 0, roll: 0, left_right: 0.5, up_down: 0.5, distance: 0.14 };

/** Joints in shares of the image, and depths in mm, of a pose of the gallery. @param {{pose: Vector[], azimuth: number}} entry */
export function beforeCamera({ pose, azimuth }) {
  const x = toCamera(pose, cameraOf({ ...PLAIN, azimuth }, pose));
  return { q: project(x, 1), depth: x.map((v) => v[2]) };
}

const STEPS = [
  ["part maps φ", "Each part of one drawing is carried to its joints: ten part maps, each in its colour. Where parts overlap nothing says which is in front."],
  ["1 by depth", "Step 1, a softmax over the parts, each map divided by its depth: where parts overlap, the nearer one wins. Where there is no part, all ten share."],
  ["2 background", "Step 2, the background is where no part has won: 1 minus the largest."],
  ["3 what is seen", "Step 3, a softmax over the parts and the background: the largest is what is seen. Pull at a joint, or a slider, and see who hides whom."],
];
const SHOWN = 256, SMALL = 64;
const MOVABLE = [0, 1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 14, 15, 16];

/** Paint one view of the maps: see `STEPS`. */
function paintView(/** @type {Puppet} */ puppet, /** @type {Maps} */ maps, /** @type {number[]} */ divisors,
  /** @type {Uint8Array} */ labels, /** @type {number} */ view, /** @type {Uint8ClampedArray} */ pixels) {
  const n = maps.size * maps.size, colors = puppet.parts.map((p) => p.color);
  if (view === 3) {
    for (let i = 0; i < n; i++) {
      const part = labels[i], k = 4 * i;
      if (part === BACKGROUND) {
        pixels[k + 3] = 0;
        continue;
      }
      pixels[k] = colors[part][0];
      pixels[k + 1] = colors[part][1];
      pixels[k + 2] = colors[part][2];
      let outside = 0;
      for (const next of [i - 1, i + 1, i - maps.size, i + maps.size]) outside += Number(labels[next] === BACKGROUND);
      pixels[k + 3] = 255 - 51 * outside; // softer where the outline is
    }
    return;
  }
  const weights = view ? depthOrdered(maps, divisors) : maps.phi;
  for (let i = 0; i < n; i++) {
    let sum = 0, most = 0, r = 0, g = 0, b = 0;
    for (let l = 0; l < N_PARTS; l++) {
      const w = weights[l * n + i];
      if (!w) continue;
      sum += w;
      if (w > most) most = w;
      r += w * colors[l][0];
      g += w * colors[l][1];
      b += w * colors[l][2];
    }
    if (view === 2) r = g = b = 255 * (1 - most) * (sum = 1);
    pixels[4 * i] = r / sum;
    pixels[4 * i + 1] = g / sum;
    pixels[4 * i + 2] = b / sum;
    pixels[4 * i + 3] = view ? 255 : 255 * most;
  }
}

/** One map in one colour on a small picture, every few pixels of it. */
function paintMap(/** @type {Float32Array} */ map, /** @type {number} */ from, /** @type {number} */ size,
  /** @type {Vector} */ color, /** @type {Uint8ClampedArray} */ pixels) {
  const side = Math.sqrt(pixels.length / 4), every = size / side;
  for (let row = 0, k = 0; row < side; row++) {
    for (let column = 0; column < side; column++, k += 4) {
      [pixels[k], pixels[k + 1], pixels[k + 2]] = color;
      pixels[k + 3] = 255 * map[from + Math.floor(row * every) * size + Math.floor(column * every)];
    }
  }
}

/**
 * The puppet of Sec. 3.1 to pull at. `changed(state)` is told of every change by the reader.
 * @param {Element} host @param {{puppet: Puppet, poses: any[]}} assets
 * @param {{start?: {q: Point[], depth: number[]}, view?: number, changed?: (state: any) => void}} [options]
 */
export function puppetFigure(host, { puppet, poses }, { start = beforeCamera(poses[0]), view = 3, changed = () => {} } = {}) {
  const root = figureBox(host, "puppet"), row = el(root, "div", { class: "pgp-row" });
  let state = structuredClone(start);
  const maps = emptyMaps(SHOWN), labels = new Uint8Array(SHOWN * SHOWN);
  const past = history(() => state, (s) => set(s, true));
  const say = announcer(root, puppet);

  /** Depths move with a limb: what hangs on a joint comes along. @param {number} joint @param {number} mm towards the viewer */
  function nearer(joint, mm) {
    past.mark(`depth ${joint}`);
    for (const j of hangingOn(puppet.parents, joint)) state.depth[j] -= mm;
    draw();
    changed(state);
  }
  const act = {
    grab: (/** @type {number} */ joint, kind = "") => past.mark(kind),
    release: (/** @type {number} */ joint) => say(joint, state.q[joint]),
    depth: (/** @type {number} */ joint, /** @type {number} */ way) => nearer(joint, 50 * way),
    move(/** @type {number} */ joint, /** @type {Point} */ to) {
      const place = to.map((x) => Math.min(Math.max(x, 0), 1)), [x, y] = state.q[joint];
      for (const j of hangingOn(puppet.parents, joint)) {
        state.q[j] = [state.q[j][0] + place[0] - x, state.q[j][1] + place[1] - y];
      }
      draw();
      changed(state);
    },
  };
  const main = el(row, "div", { class: "pgp-main" });
  const picture = stage(main, puppet, MOVABLE, act), canvas = bitmap(picture.box, SHOWN, "the parts of the puppet, each in its colour");
  picture.box.prepend(canvas.canvas);
  const steps = choices(main, "what is shown", STEPS.map(([name]) => name), (k) => {
    view = k;
    draw();
  });
  const caption = el(main, "p", { class: "pgp-caption" });

  const side = el(row, "div", { class: "pgp-maps" });
  const cards = puppet.parts.map((part, l) => {
    const card = el(side, "div", { class: "pgp-card" });
    const small = bitmap(card, SMALL, `part map of the ${spoken(part.name)}`);
    el(card, "span", {}, spoken(part.name));
    if (l === 0) return { small, slider: null };
    const slider = el(card, "input", { type: "range", min: -400, max: 400, step: 10, "aria-label": `${spoken(part.name)}: how near, in mm` });
    slider.addEventListener("input", () => {
      const now = state.depth[0] - limbDepths(puppet, state.depth)[l];
      nearer(part.joints[1], 2 * (Number(slider.value) - now));
    });
    return { small, slider };
  });
  const whole = ["w_fg: where a person is", "w_unc: where the outline may be"].map((name) => {
    const card = el(side, "div", { class: "pgp-card pgp-grey" }), small = bitmap(card, SMALL, name);
    el(card, "span", {}, name.split(":")[0]).title = name;
    return small;
  });
  el(side, "p", { class: "pgp-hint" }, "Ten part maps: each is a picture that says where one part is. Its slider brings a limb nearer (right) or further (left).");

  const bar = el(root, "div", { class: "pgp-bar" });
  if (poses.length > 1) {
    choices(bar, "poses", poses.map((p) => p.name), (k) => {
      past.mark();
      const from = structuredClone(state), to = beforeCamera(poses[k]);
      animate((t) => set({ q: between(from.q, to.q, t), depth: between(from.depth, to.depth, t) }, true));
    });
  }
  undoAndReset(root, bar, past, () => {
    past.mark();
    set(structuredClone(start), true);
  });

  function paint() {
    fillMaps(puppet, state.q.map(([x, y]) => [x * SHOWN, y * SHOWN]), maps);
    const limb = limbDepths(puppet, state.depth), divisors = divisorsOf(limb, state.depth[0]);
    if (view === 3) fillLabels(maps, divisors, labels);
    paintView(puppet, maps, divisors, labels, view, canvas.pixels);
    canvas.show();
    picture.place(state.q);
    cards.forEach(({ small, slider }, l) => {
      paintMap(maps.phi, l * SHOWN * SHOWN, SHOWN, puppet.parts[l].color, small.pixels);
      small.show();
      if (slider && slider !== document.activeElement) slider.value = state.depth[0] - limb[l];
    });
    [maps.fg, maps.unc].forEach((map, k) => {
      paintMap(map, 0, SHOWN, [255, 255, 255], whole[k].pixels);
      whole[k].show();
    });
    steps.press(view);
    caption.textContent = STEPS[view][1];
    root.dataset.drawn = String(Number(root.dataset.drawn || 0) + 1);
  }
  const draw = onFrame(paint);
  /** Another state; `tell` whoever listens. */
  function set(/** @type {{q: Point[], depth: number[]}} */ s, tell = false) {
    state = structuredClone(s);
    draw();
    if (tell) changed(state);
  }
  paint();
  return { root, set, get: () => structuredClone(state), maps, labels };
}

// ------------------------------------------------------------------------------------------- figure: a person to drag

const TILE = { w: 48, h: 96, head: 96 }, OUTLINE = 8;
const TOP = [0, 2, 3, 4, 5], LEGS = [6, 7, 8, 9];

/**
 * The textures of a person: all of them, and those that were seen and are not guesses.
 * @param {HTMLImageElement} image half transparent where a part was never seen @returns {Sheet}
 * @typedef {{all: HTMLCanvasElement, seen: HTMLCanvasElement}} Sheet
 */
export function readSheet(image) {
  const [all, seen] = [0, 1].map((least) => {
    const canvas = document.createElement("canvas"), context = /** @type {any} */ (canvas.getContext("2d"));
    [canvas.width, canvas.height] = [image.width, image.height];
    context.drawImage(image, 0, 0);
    const data = context.getImageData(0, 0, image.width, image.height);
    for (let i = 3; i < data.data.length; i += 4) data.data[i] = 2 * data.data[i] - 255 * least;
    context.putImageData(data, 0, 0);
    return canvas;
  });
  return { all, seen };
}

/** Where a head is laid flat. @typedef {{all: any, seen: any, sheet: Sheet | null, turn: number}} Heads contexts of canvases as large as a tile */
const makeHeads = () => {
  const [all, seen] = [0, 0].map(() => Object.assign(document.createElement("canvas"), { width: TILE.w, height: TILE.h }).getContext("2d"));
  return /** @type {Heads} */ ({ all, seen, sheet: null, turn: 0 });
};

/** The head as it looks when turned, from its texture all around. @param {Puppet} puppet @param {Sheet} sheet @param {number} turn radians @param {Heads} heads */
function turnHead(puppet, sheet, turn, heads) {
  if (heads.sheet === sheet && Math.abs(heads.turn - turn) < 0.02) return;
  [heads.sheet, heads.turn] = [sheet, turn];
  const half = puppet.parts[HEAD].span[2], { w, h, head } = TILE, left = 9 * w;
  for (const which of /** @type {("all" | "seen")[]} */ (["all", "seen"])) {
    const flat = heads[which];
    flat.globalCompositeOperation = "source-over";
    flat.clearRect(0, 0, w, h);
    for (let i = 0; i < w; i++) {
      const side = (2 * (i + 0.5) / w - 1) * half / (half - OUTLINE);
      const share = (Math.asin(Math.min(Math.max(side, -0.98), 0.98)) - turn) / (2 * Math.PI) + 0.5;
      flat.drawImage(sheet[which], left + Math.floor((share - Math.floor(share)) * head), 0, 1, h, i, 0, 1, h);
    }
    flat.globalCompositeOperation = "destination-in";
    flat.drawImage(sheet.all, left, h, head, h, 0, 0, w, h);
  }
}

/**
 * A puppet dressed in textures, drawn part by part from the farthest to the nearest; then once more without what was never seen,
 * the ends of limbs that lie under others.
 * @param {CanvasRenderingContext2D} context @param {Puppet} puppet @param {Sheet[]} sheets of each part
 * @param {Vector[]} x joints in the camera's frame @param {Heads} heads
 */
export function dress(context, puppet, sheets, x, heads) {
  const size = context.canvas.width, { w, h } = TILE, frames = partFrames(puppet, project(x, size), "along_limb");
  const depth = limbDepths(puppet, x.map((v) => v[2])), row = bodyAxes(x)[0][2] < 0 ? 0 : h;
  const order = depth.map((_, l) => l).sort((a, b) => depth[b] - depth[a]);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, size, size);
  turnHead(puppet, sheets[HEAD], headTurn(x, 60), heads);
  for (const which of /** @type {("all" | "seen")[]} */ (["all", "seen"])) {
    for (const l of order) {
      const { centre, direction: [cos, sin], along, across } = frames[l], [first, last, half] = puppet.parts[l].span;
      const down = along * (last - first) / h, right = across * 2 * half / w, [t, s] = [along * first, -across * half];
      context.setTransform(-sin * right, cos * right, cos * down, sin * down, centre[0] + cos * t - sin * s, centre[1] + sin * t + cos * s);
      if (l === HEAD) context.drawImage(heads[which].canvas, 0, 0);
      else context.drawImage(sheets[l][which], (l - (l > HEAD ? 1 : 0)) * w + 1, row + 1, w - 2, h - 2, 1, 1, w - 2, h - 2);
    }
  }
}

const FAR = 5500, PULLED = [0, 2, 3, 5, 6, 8, 10, 12, 13, 15, 16];

/** A choice from a list, with its label. @param {Element} parent @param {string} label @param {string[]} names @param {(k: number) => void} choose */
function list(parent, label, names, choose) {
  const box = el(parent, "label", { class: "pgp-list" }, `${label} `), select = el(box, "select", { name: label });
  names.forEach((name, k) => el(select, "option", { value: k }, name));
  select.addEventListener("change", () => choose(Number(select.value)));
  return select;
}

/**
 * A person whose joints can be dragged, from any side, in anybody's clothes.
 * @param {Element} host @param {{puppet: Puppet, poses: any[], people: {name: string, sheet: Sheet}[]}} assets
 */
export function personFigure(host, { puppet, poses, people }) {
  const root = figureBox(host, "person"), row = el(root, "div", { class: "pgp-row" }), { parents } = puppet;
  const begin = () => ({ p: /** @type {Vector[]} */ (structuredClone(poses[0].pose)), azimuth: -15, elevation: 4, worn: [0, 0, 0] });
  let state = begin(), joint = 16;
  const past = history(() => state, (s) => {
    state = s;
    draw();
  });
  const say = announcer(root, puppet);
  const camera = () => /** @type {Camera} */ ({ rotation: cameraRotation(state.azimuth, state.elevation, 0), translation: [0, -60, FAR] });
  /** Change joints as the camera sees them. @param {(x: Vector[]) => Vector[]} change */
  const through = (change) => {
    const c = camera(), back = transposed(c.rotation);
    state.p = change(toCamera(state.p, c)).map((v) => turned(back, minus(v, c.translation)));
    draw();
  };
  const act = {
    grab(/** @type {number} */ j, kind = "") {
      joint = j;
      past.mark(kind);
    },
    release: (/** @type {number} */ j) => say(j, project(toCamera(state.p, camera()), 1)[j]),
    move(/** @type {number} */ j, /** @type {Point} */ to) {
      const [u, v] = to.map((c) => Math.min(Math.max(c, 0.02), 0.98));
      const at = (/** @type {number} */ depth) => /** @type {Point} */ ([(u - 0.5) * depth / FOCAL, (v - 0.5) * depth / FOCAL]);
      through((x) => {
        if (j) return pull(parents, x, j, at);
        const [right, down] = at(x[0][2]);
        return x.map((y) => plus(y, [right - x[0][0], down - x[0][1], 0]));
      });
    },
    depth(/** @type {number} */ j, /** @type {number} */ way) {
      past.mark(`depth ${j}`);
      if (j) through((x) => leaned(parents, x, j, 50 * way));
    },
    flip(/** @type {number} */ j) {
      past.mark();
      if (j) through((x) => flipped(parents, x, j));
    },
    turn(/** @type {number} */ right, /** @type {number} */ down) {
      past.mark("turn");
      state.azimuth = ((state.azimuth + right * 0.6 + 540) % 360) - 180;
      state.elevation = Math.min(Math.max(state.elevation + down * 0.3, -35), 35);
      draw();
    },
  };
  const main = el(row, "div", { class: "pgp-main" }), picture = stage(main, puppet, PULLED, act);
  picture.box.classList.add("pgp-turns", "pgp-quiet");
  const canvas = el(picture.box, "canvas", { width: 440, height: 440, role: "img", "aria-label": "a person dressed in textures of their parts" });
  picture.box.prepend(canvas);
  const context = canvas.getContext("2d"), heads = makeHeads();
  el(main, "p", { class: "pgp-caption" }, "Pull at a hand. Every part was read off a picture and is carried along; limbs keep their length and turn nearer or further. Drag beside the person to walk around.");

  const other = el(row, "div", { class: "pgp-main" }), bare = stage(other, puppet, [], {});
  const maps = emptyMaps(SHOWN, false), labels = new Uint8Array(SHOWN * SHOWN), parts = bitmap(bare.box, SHOWN, "the part maps of the puppet, each in its colour");
  bare.box.prepend(parts.canvas);
  el(other, "p", { class: "pgp-caption" }, "The puppet beneath: ten part maps, each in its colour. A part map is a picture that says where one part of the body is; here the nearer parts hide the others.");

  const bar = el(root, "div", { class: "pgp-row" }), side = el(bar, "div", { class: "pgp-side" }), second = el(bar, "div", { class: "pgp-side" });
  const names = people.map((p) => p.name);
  const wear = el(side, "div", { class: "pgp-wear" });
  const lists = ["head", "shirt", "trousers"].map((what, i) => list(wear, what, names, (k) => {
    past.mark();
    state.worn[i] = k;
    draw();
  }));
  const swap = choices(side, "clothes", ["next shirt", "everything from the next"], (k) => {
    past.mark();
    const next = (/** @type {number} */ i) => (state.worn[i] + 1) % people.length;
    state.worn = k ? [next(0), next(0), next(0)] : [state.worn[0], next(1), state.worn[2]];
    draw();
  });
  swap.row.dataset.do = "swap";
  const controls = el(second, "div", { class: "pgp-controls" });
  el(controls, "span", {}, "camera");
  const slider = el(controls, "input", { type: "range", min: -180, max: 180, step: 1, "aria-label": "azimuth of the camera in degrees" });
  const degrees = el(controls, "output");
  slider.addEventListener("input", () => {
    past.mark("turn");
    state.azimuth = Number(slider.value);
    draw();
  });
  const flip = choices(second, "depth", ["flip"], () => act.flip(joint)).buttons[0];
  choices(second, "poses", poses.map((p) => p.name), (k) => {
    past.mark();
    const from = state.p;
    animate((t) => {
      state.p = morphed(parents, from, poses[k].pose, t);
      draw();
    });
  });
  undoAndReset(root, second, past, () => {
    past.mark();
    state = begin();
    draw();
  });

  function paint() {
    const x = toCamera(state.p, camera()), q = project(x, 1);
    const sheets = puppet.parts.map((_, l) => people[state.worn[TOP.includes(l) ? 1 : LEGS.includes(l) ? 2 : 0]].sheet);
    dress(context, puppet, sheets, x, heads);
    fillMaps(puppet, project(x, SHOWN), maps);
    const divisors = divisorsOf(limbDepths(puppet, x.map((v) => v[2])), x[0][2]);
    fillLabels(maps, divisors, labels);
    paintView(puppet, maps, divisors, labels, 3, parts.pixels);
    parts.show();
    picture.place(q);
    bare.place(q);
    lists.forEach((select, i) => { select.value = state.worn[i]; });
    slider.value = state.azimuth;
    degrees.textContent = `${Math.round(state.azimuth)}°`;
    flip.textContent = `flip the ${spoken(puppet.joints[joint])} in depth`;
    root.dataset.drawn = String(Number(root.dataset.drawn || 0) + 1);
  }
  const draw = onFrame(paint);
  paint();
  return { root, get: () => structuredClone(state) };
}

// ------------------------------------------------------------------------------------- figure: kinematics and camera

/** The joints whose limbs are given in their parent's frame: each has two angles of its own. */
const BENDING = [2, 3, 5, 6, 9, 10, 11, 12, 13, 14, 15, 16];
const REACH = 1150;
const LIMB_CONTROLS = [["bend", "limb: bend", 0, 180, 1], ["turn", "limb: turn", -180, 180, 1]];
const CAMERA_CONTROLS = [["azimuth", "camera: azimuth", -180, 180, 1], ["elevation", "camera: elevation", -84, 84, 1], ["roll", "camera: roll", -84, 84, 1],
  ["left_right", "place: left to right", 0, 1, 0.01], ["up_down", "place: up to down", 0, 1, 0.01], ["distance", "place: near to far", 0, 1, 0.01]];

/** Rows of sliders. @param {Element} parent @param {any[][]} controls name, text, low, high, step @param {(name: string, value: number) => void} send */
function sliders(parent, controls, send) {
  const box = el(parent, "div", { class: "pgp-controls" });
  const rows = controls.map(([name, text, min, max, step]) => {
    el(box, "span", {}, text);
    const input = el(box, "input", { type: "range", min, max, step, name, "aria-label": text }), shown = el(box, "output");
    input.addEventListener("input", () => send(name, Number(input.value)));
    input.addEventListener("keydown", (/** @type {KeyboardEvent} */ e) => {
      const way = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[e.key];
      if (!way) return;
      input.stepUp(way);
      send(name, Number(input.value));
      e.preventDefault(); // JupyterLab keeps arrow keys from sliders
      e.stopPropagation();
    });
    return { name, input, shown, digits: step < 1 ? 2 : 0 };
  });
  return (/** @type {Record<string, number>} */ values) => {
    for (const { name, input, shown, digits } of rows) {
      if (Math.abs(input.value - values[name]) > Number(input.step) / 2) input.value = values[name];
      shown.textContent = values[name].toFixed(digits);
    }
  };
}

/** Joints, depths and the labels of their picture from a pose and a camera: T_c. @param {Vector[]} p @param {any} values */
function throughCamera(p, values) {
  const x = toCamera(p, cameraOf(values, p));
  return { q: project(x, 1), shown: project(x, SHOWN), depth: x.map((v) => v[2]) };
}

/**
 * A 3D pose that turns under the finger, with the angles of its limbs, and beside it what the camera sees of it (Sec. 3.2a).
 * @param {Element} host @param {{puppet: Puppet, poses: any[]}} assets
 * @param {{start?: any, controls?: any[][], limbs?: boolean, changed?: (state: any) => void}} [options] `start`: pose, limb and camera values
 */
export function poseFigure(host, { puppet, poses }, { start, controls = [...LIMB_CONTROLS, ...CAMERA_CONTROLS], limbs = true, changed = () => {} } = {}) {
  const root = figureBox(host, "pose"), row = el(root, "div", { class: "pgp-row" }), { parents } = puppet;
  const begin = () => structuredClone(start ?? { pose: poses[0].pose, limb: 15, values: { azimuth: 20, elevation: -5, roll: 0, left_right: 0.5, up_down: 0.5, distance: 0.14 } });
  let state = begin(), azimuth = 35, height = 12, pulling = -1;
  const past = history(() => state, (s) => set(s, true));
  const say = announcer(root, puppet);

  const view = () => /** @type {Camera} */ ({ rotation: cameraRotation(-azimuth, -height, 0), translation: [0, -60, 0] });
  const flat = (/** @type {Vector} */ v) => /** @type {Point} */ ([0.5 + v[0] / (2 * REACH), 0.5 + v[1] / (2 * REACH)]);
  /** Turn the limb that ends at a joint, its new direction given in the canonical frame; what hangs on it follows. */
  const redirect = (/** @type {number} */ joint, /** @type {Vector} */ direction) => {
    const { v, lengths } = localVectors(parents, state.pose), c = canonicalise(state.pose), carrier = CARRIER[joint];
    const along = unit(minus(c[carrier], c[parents[carrier]]));
    v[joint] = turned(limbFrame(along), unit(direction));
    state.pose = forwardKinematics(parents, v, lengths);
  };
  const act = {
    grab(/** @type {number} */ joint, kind = "") {
      past.mark(kind);
      state.limb = pulling = joint;
    },
    release(/** @type {number} */ joint) {
      pulling = -1;
      say(joint, flat(toCamera(state.pose, view())[joint]));
      draw();
    },
    move(/** @type {number} */ joint, /** @type {Point} */ to) {
      const { rotation, translation } = view(), x = toCamera(state.pose, { rotation, translation }), base = x[parents[joint]];
      const goal = to.map((c) => (c - 0.5) * 2 * REACH), bone = minus(x[joint], base), length = norm(bone);
      const [right, down] = [goal[0] - base[0], goal[1] - base[1]], far = Math.hypot(right, down), short = far > length ? length / far : 1;
      const depth = Math.sqrt(Math.max(length * length - Math.min(far, length) ** 2, 0)) * (bone[2] < 0 ? -1 : 1);
      redirect(joint, turned(transposed(rotation), [right * short, down * short, depth]));
      tell();
    },
    depth(/** @type {number} */ joint, /** @type {number} */ way) {
      past.mark(`depth ${joint}`);
      const c = view(), x = toCamera(state.pose, c), bone = minus(x[joint], x[parents[joint]]);
      redirect(joint, turned(transposed(c.rotation), plus(bone, [0, 0, -50 * way])));
      tell();
    },
    turn(/** @type {number} */ right, /** @type {number} */ down) {
      azimuth += right * 0.6;
      height = Math.min(Math.max(height + down * 0.4, -85), 85);
      draw();
    },
  };
  const main = el(row, "div", { class: "pgp-main" }), orbit = stage(main, puppet, limbs ? BENDING : [], act);
  orbit.box.classList.add("pgp-turns");
  const faint = { stroke: "currentColor", "stroke-dasharray": ".012 .008" };
  const axes = ["X", "Y", "Z"].map((name) => ({ line: el(orbit.svg, "line", faint), text: el(orbit.svg, "text", {}, name) }));
  const frame = ["e₁", "e₂", "e₃"].map((name) => ({ line: el(orbit.svg, "line", { stroke: "#ffb000" }), text: el(orbit.svg, "text", {}, name) }));
  const ring = el(orbit.svg, "circle", { class: "pgp-ring" });
  const said = el(main, "p", { class: "pgp-caption" });

  const other = el(row, "div", { class: "pgp-main" }), seenBox = stage(other, puppet, [], {});
  const canvas = bitmap(seenBox.box, SHOWN, "what the camera sees: the parts of the puppet");
  seenBox.box.prepend(canvas.canvas);
  const maps = emptyMaps(SHOWN, false), labels = new Uint8Array(SHOWN * SHOWN);
  el(other, "p", { class: "pgp-caption" }, "T_c: the same pose before its camera, a fixed perspective. However it is turned, every joint stays in view.");

  const bar = el(root, "div", { class: "pgp-row" }), left = el(bar, "div", { class: "pgp-side" }), right = el(bar, "div", { class: "pgp-side" });
  const limb = limbs && list(el(left, "div", { class: "pgp-wear" }), "limb ending at", BENDING.map((j) => spoken(puppet.joints[j])), (k) => {
    state.limb = BENDING[k];
    tell();
  });
  const changeValue = (/** @type {string} */ name, /** @type {number} */ value) => {
    past.mark(name);
    if (name === "bend" || name === "turn") {
      const { v, lengths } = localVectors(parents, state.pose), angles = { ...angle, [name]: value };
      angle = angles;
      v[state.limb] = directionOf(angles.bend, angles.turn);
      state.pose = forwardKinematics(parents, v, lengths);
    } else state.values[name] = value;
    tell();
  };
  const isLimb = (/** @type {any[]} */ c) => c[0] === "bend" || c[0] === "turn";
  const showLimb = sliders(left, limbs ? controls.filter(isLimb) : [], changeValue);
  const showCamera = sliders(right, controls.filter((c) => !isLimb(c)), changeValue);
  if (poses.length > 1) {
    choices(left, "poses", poses.map((p) => p.name), (k) => {
      past.mark();
      const from = state.pose;
      animate((t) => {
        state.pose = canonicalise(morphed(parents, from, poses[k].pose, t));
        tell();
      });
    });
  }
  undoAndReset(root, limbs ? left : right, past, () => {
    past.mark();
    set(begin(), true);
  });

  /** The angles that are shown: those of the limb, but the turn of a straight limb stays as it was set. */
  let angle = { bend: 0, turn: 0 };
  function paint() {
    const { v, lengths } = localVectors(parents, state.pose), [bend, turn] = anglesOf(v[state.limb]);
    angle = { bend, turn: bend < 0.5 || bend > 179.5 ? angle.turn : turn };
    const camera = view(), x = toCamera(state.pose, camera), spot = (/** @type {Vector} */ p) => flat(toCamera([p], camera)[0]);
    orbit.place(x.map(flat));
    const draft = (/** @type {any} */ { line, text }, /** @type {Vector} */ from, /** @type {Vector} */ to) => {
      const [[x1, y1], [x2, y2]] = [spot(from), spot(to)];
      for (const [k, n] of Object.entries({ x1, y1, x2, y2 })) line.setAttribute(k, n);
      text.setAttribute("x", 1.12 * x2 - 0.12 * x1);
      text.setAttribute("y", 1.12 * y2 - 0.12 * y1 + 0.012);
    };
    axes.forEach((axis, k) => draft(axis, [0, 0, 0], /** @type {Vector} */ ([0, 1, 2].map((i) => (i === k ? 520 : 0)))));
    const c = canonicalise(state.pose), carrier = CARRIER[state.limb], base = c[parents[state.limb]];
    const local = limbFrame(unit(minus(c[carrier], c[parents[carrier]])));
    frame.forEach((axis, k) => {
      draft(axis, base, plus(base, times(local[k], 230)));
      axis.line.style.display = axis.text.style.display = limbs ? "" : "none";
    });
    const [cx, cy] = flat(x[parents[state.limb]]);
    for (const [k, n] of Object.entries({ cx, cy, r: lengths[state.limb] / (2 * REACH) })) ring.setAttribute(k, String(n));
    ring.style.display = pulling >= 0 ? "" : "none";
    for (const [j, handle] of orbit.handles) handle.setAttribute("aria-pressed", String(j === state.limb));
    said.textContent = limbs
      ? `Canonical frame: X where the body faces, Y to its left, Z up; drag beside the figure to look around. The limb to the ${spoken(puppet.joints[state.limb])}: ${Math.round(lengths[state.limb])} mm however you pull; its bend and turn are measured in the frame e₁ e₂ e₃ of the limb before it.`
      : "Canonical frame: X where the body faces, Y to its left, Z up; drag to look around.";
    const { q, shown, depth } = throughCamera(state.pose, state.values);
    fillMaps(puppet, shown, maps);
    const divisors = divisorsOf(limbDepths(puppet, depth), depth[0]);
    fillLabels(maps, divisors, labels);
    paintView(puppet, maps, divisors, labels, 3, canvas.pixels);
    canvas.show();
    seenBox.place(q);
    if (limb) limb.value = BENDING.indexOf(state.limb);
    showLimb(angle);
    showCamera(state.values);
    root.dataset.drawn = String(Number(root.dataset.drawn || 0) + 1);
  }
  const draw = onFrame(paint);
  function tell() {
    draw();
    changed(state);
  }
  function set(/** @type {any} */ s, loud = false) {
    state = structuredClone(s);
    draw();
    if (loud) changed(state);
  }
  paint();
  return { root, set, get: () => structuredClone(state) };
}

// --------------------------------------------------------------------------------------------- the widgets in JupyterLab

/**
 * The widget of a model: the browser draws, Python reads and sets the traits. @param {{model: any, el: Element}} cell
 */
function render({ model, el: host }) {
  const puppet = readPuppet(model.get("template")), get = (/** @type {string} */ name) => structuredClone(model.get(name));
  const send = (/** @type {Record<string, any>} */ traits) => {
    for (const [name, value] of Object.entries(traits)) model.set(name, value);
    model.save_changes();
  };
  if (model.get("kind") === "puppet") {
    const size = model.get("size"), shares = (/** @type {Point[]} */ q) => q.map(([u, v]) => /** @type {Point} */ ([u / size, v / size]));
    const [joints, depths] = get("start");
    const figure = puppetFigure(host, { puppet, poses: [] }, {
      start: { q: shares(joints), depth: depths },
      changed: (s) => send({ joints: s.q.map((/** @type {Point} */ [u, v]) => [u * size, v * size]), depths: [...s.depth] }),
    });
    const follow = () => figure.set({ q: shares(get("joints")), depth: get("depths") });
    model.on("change:joints change:depths", follow);
    follow();
  } else {
    const state = (/** @type {any} */ [pose, limb, values]) => ({ pose, limb: puppet.joints.indexOf(limb), values });
    const figure = poseFigure(host, { puppet, poses: [] }, {
      start: state(get("start")), controls: model.get("controls"), limbs: model.get("limbs").length > 0,
      changed: (s) => {
        const [bend, turn] = anglesOf(localVectors(puppet.parents, s.pose).v[s.limb]);
        send({ pose: structuredClone(s.pose), limb: puppet.joints[s.limb], values: { ...s.values, bend, turn } });
      },
    });
    const follow = () => figure.set(state([get("pose"), get("limb"), get("values")]));
    model.on("change:pose change:limb change:values", follow);
    follow();
  }
}

export default { render };
