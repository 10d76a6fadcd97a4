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
const STEP = 0.01, NEAR_ENOUGH = 0.12;

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
    if (!(e.key === "z" && (e.ctrlKey || e.metaKey))) return;
    past.undo();
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
export function seen({ pose, azimuth }) {
  const x = toCamera(pose, cameraOf({ ...PLAIN, azimuth }, pose));
  return { q: project(x, 1), depth: x.map((v) => v[2]) };
}

const STEPS = [
  ["part maps φ", "Each part of one drawing is carried to its joints: ten part maps, each in its colour. Where parts overlap nothing says which is in front."],
  ["1 by depth", "Step 1, a softmax over the parts, each map divided by its depth: where parts overlap, the nearer one wins. Where there is no part, all ten share."],
  ["2 background", "Step 2, the background is where no part has won: 1 minus the largest."],
  ["3 what is seen", "Step 3, a softmax over the parts and the background: the largest is what is seen. Pull at a joint, or a slider, and see who hides whom."],
];
const SHOWN = 320, SMALL = 64;
const MOVABLE = [0, 1, 2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 14, 15, 16];

/** Paint one view of the maps: see `STEPS`. */
function paintView(/** @type {Puppet} */ puppet, /** @type {Maps} */ maps, /** @type {number[]} */ divisors,
  /** @type {Uint8Array} */ labels, /** @type {number} */ view, /** @type {Uint8ClampedArray} */ pixels) {
  const n = maps.size * maps.size, colors = puppet.parts.map((p) => p.color);
  if (view === 3) {
    for (let i = 0; i < n; i++) {
      const part = labels[i], c = part < N_PARTS ? colors[part] : null;
      pixels[4 * i + 3] = c ? 255 : 0;
      if (c) [pixels[4 * i], pixels[4 * i + 1], pixels[4 * i + 2]] = c;
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
export function puppetFigure(host, { puppet, poses }, { start = seen(poses[0]), view = 3, changed = () => {} } = {}) {
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
  el(side, "p", { class: "pgp-hint" }, "The slider of a limb brings it nearer (right) or further (left).");

  const bar = el(root, "div", { class: "pgp-bar" });
  if (poses.length > 1) {
    choices(bar, "poses", poses.map((p) => p.name), (k) => {
      past.mark();
      const from = structuredClone(state), to = seen(poses[k]);
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
