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
 * @typedef {{size: number, phi: Float32Array, psi: Float32Array, fg: Float32Array, unc: Float32Array}} Maps
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

/** Empty maps of an image `size` pixels wide and high. @param {number} size @returns {Maps} */
export function emptyMaps(size) {
  const n = size * size, [phi, psi] = [0, 0].map(() => new Float32Array(N_PARTS * n));
  return { size, phi, psi, fg: new Float32Array(n), unc: new Float32Array(n) };
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
  for (const m of [phi, psi, fg, unc]) m.fill(0);
  partFrames(puppet, q).forEach((f, l) => {
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
        const u = a * part.psi[k] + b * part.psi[k + 1] + c * part.psi[below] + d * part.psi[below + 1];
        const pixel = row * size + column;
        phi[l * n + pixel] = p;
        psi[l * n + pixel] = u;
        if (p > fg[pixel]) fg[pixel] = p;
        if (u > unc[pixel]) unc[pixel] = u;
      }
    }
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
  const phi_d = new Float64Array(N_PARTS);
  for (let pixel = 0; pixel < labels.length; pixel++) {
    labels[pixel] = BACKGROUND;
    if (!maps.fg[pixel]) continue;
    ordered(maps, pixel, divisors, phi_d);
    let best = 0;
    for (let l = 1; l < N_PARTS; l++) if (phi_d[l] > phi_d[best]) best = l;
    if (phi_d[best] > 0.5) labels[pixel] = best;
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

/** The other pose of a limb that looks the same from far away. @param {number[]} parents @param {Vector[]} x @param {number} joint @returns {Vector[]} */
export function flipped(parents, x, joint) {
  const carried = hangingOn(parents, joint), shift = 2 * (x[parents[joint]][2] - x[joint][2]);
  return x.map((v, j) => (carried.includes(j) ? [v[0], v[1], v[2] + shift] : v));
}

/** The turn of the head about the axis from neck to crown, radians; 0 where it faces the viewer. @param {Vector[]} x */
export function headTurn(x) {
  const axis = unit(minus(x[10], x[THORAX])), nose = minus(x[9], x[THORAX]);
  const ahead = minus(nose, times(axis, dot(nose, axis)));
  const flat = Math.max(Math.hypot(axis[0], axis[1]), 1e-6), side = (ahead[0] * -axis[1] + ahead[1] * axis[0]) / flat;
  return Math.atan2(side, -ahead[2] + 1e-6);
}
