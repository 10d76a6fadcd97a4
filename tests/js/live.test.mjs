// The mathematics of the live figures against what the library computes: `PGP_LIVE_CASES` names the folder it was written to.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as live from "../../pgp_nb/static/live.js";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const { puppet: data, poses } = JSON.parse(read("../../pgp_nb/static/puppet.json"));
const puppet = live.readPuppet(data), folder = process.env.PGP_LIVE_CASES;
const cases = folder ? JSON.parse(readFileSync(`${folder}/cases.json`, "utf8")) : null;
const skip = !folder && "PGP_LIVE_CASES is not set: pytest sets it";
const close = (a, b, eps, what) => {
  const apart = Math.max(...[a].flat(9).map((x, i) => Math.abs(x - [b].flat(9)[i])));
  assert.ok(apart <= eps, `${what}: ${apart} apart, ${eps} allowed`);
};

test("part maps, w_fg, w_unc and segmentation are the library's within 2/255", { skip }, () => {
  const { size } = cases, n = size * size, all = new Uint16Array(readFileSync(`${folder}/maps.bin`).buffer.slice(0));
  const maps = live.emptyMaps(size), labels = new Uint8Array(n);
  let worst = 0, wrong = 0;
  cases.q.forEach((q, k) => {
    const wanted = all.subarray(k * 23 * n, (k + 1) * 23 * n);
    live.fillMaps(puppet, q, maps);
    [maps.phi, maps.psi, maps.fg, maps.unc].reduce((start, got) => {
      got.forEach((x, i) => { worst = Math.max(worst, Math.abs(x - wanted[start + i] / 65535)); });
      return start + got.length;
    }, 0);
    live.fillLabels(maps, live.divisorsOf(live.limbDepths(puppet, cases.depth[k]), cases.depth[k][0]), labels);
    labels.forEach((l, i) => { wrong += wanted[22 * n + i] !== 255 && l !== wanted[22 * n + i]; });
  });
  assert.ok(worst < 2 / 255, `${worst * 255} / 255`);
  assert.equal(wrong, 0);
});

test("limbs stretched along are the library's", { skip }, () => {
  cases.q.forEach((q, k) => {
    const frames = live.partFrames(puppet, q, "along_limb");
    close(frames.map((f) => f.along), cases.along[k], 1e-6, "along");
    close(frames.map((f) => f.across), cases.across[k], 1e-6, "across");
  });
});

test("local vectors, T_fk and T_c are the library's", { skip }, () => {
  cases.p.forEach((p, k) => {
    const { v, lengths } = live.localVectors(puppet.parents, p);
    close(v, cases.v[k], 1e-5, "local vectors");
    close(lengths, cases.lengths[k], 1e-3, "lengths");
    close(live.forwardKinematics(puppet.parents, v, lengths), cases.again[k], 1e-3, "T_fk");
    close(live.headTurn(cases.x[k]), cases.turn[k], 1e-4, "turn of the head");
    const camera = { rotation: cases.rotation[k], translation: cases.translation[k] };
    close(live.toCamera(p, camera), cases.x[k], 1e-2, "camera frame");
    const raw = cases.raw[k], degrees = 180 / Math.PI, share = raw.slice(4).map((x) => 1 / (1 + Math.exp(-x)));
    const values = { azimuth: Math.atan2(raw[1], raw[0]) * degrees, elevation: 85 * Math.tanh(raw[2]), roll: 85 * Math.tanh(raw[3]),
      left_right: share[0], up_down: share[1], distance: share[2] };
    const made = live.cameraOf(values, p);
    close(made.rotation, camera.rotation, 1e-6, "rotation");
    close(made.translation, camera.translation, 0.1, "translation");
  });
});

test("a limb that is pulled keeps its length and its side", () => {
  const p = poses[0].pose, { parents } = puppet, camera = live.cameraOf(
    { azimuth: 20, elevation: 0, roll: 0, left_right: 0.5, up_down: 0.5, distance: 0.1 }, p);
  const x = live.toCamera(p, camera), length = (y, j) => Math.hypot(...y[j].map((c, i) => c - y[parents[j]][i]));
  for (const joint of [3, 5, 8, 10, 12, 13, 16]) {
    const goal = live.project(x, 1)[joint].map((c, i) => c + [0.02, -0.03][i]);
    const at = (depth) => goal.map((c) => (c - 0.5) * depth / live.FOCAL);
    const y = live.pull(parents, x, joint, at);
    parents.forEach((parent, j) => { if (parent >= 0) close(length(y, j), length(x, j), 0.1, puppet.joints[j]); });
  }
  const goal = live.project(x, 1)[13].map((c, i) => c + [0.01, -0.01][i]);
  const y = live.pull(parents, x, 13, (depth) => goal.map((c) => (c - 0.5) * depth / live.FOCAL));
  close(live.project(y, 1)[13], goal, 1e-3, "the wrist is where it was pulled to");
  close(length(live.leaned(parents, x, 12, 80), 12), length(x, 12), 0.1, "leaned towards the viewer");
  const halfway = live.morphed(parents, poses[1].pose, poses[3].pose, 0.5);
  for (const j of [2, 3, 12, 13]) close(length(halfway, j), length(poses[1].pose, j), 2, puppet.joints[j]);
  const other = live.flipped(parents, x, 13);
  close(other[13][2] - other[12][2], x[12][2] - x[13][2], 1e-9, "flipped in depth");
});

test("angles and directions are each other's inverse", () => {
  for (const [bend, turn] of [[30, 45], [90, -120], [170, 10]]) close(live.anglesOf(live.directionOf(bend, turn)), [bend, turn], 1e-9, "angles");
  assert.deepEqual(live.hangingOn(puppet.parents, 11), [11, 12, 13]);
});
