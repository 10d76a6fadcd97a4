"""The supervised reference of the real test: MediaPipe's Pose on the same photographs, by tilt and posture.

python tools/supervised.py SAMPLES FOLDER     writes experiments/mediapipe.json

SAMPLES is the folder that PGP_SAMPLES names. MediaPipe has requirements of its own (NumPy 1), so it runs in a process of its own:
`pip install --target FOLDER "mediapipe==0.10.21" "numpy<2" "protobuf<5"` keeps them apart.

It gets the crops that our networks get, larger; a person whom it does not find has no joint in place. Its model is the full one
(complexity 1), trained by Google on annotated photographs, among which pictures like these may be.
"""

import argparse, json, os, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIDE = 448  # px of a crop
NOWHERE = -1e6  # px: a joint that is not found
LANDMARKS = {"shoulder": 11, "elbow": 13, "wrist": 15, "hip": 23, "knee": 25, "ankle": 27}  # left; right: one more


def landmarks(pictures):
    "As MediaPipe's process: (N,33,2) px of (N,H,W,3) uint8 in a file of NumPy, NaN where nobody is found."
    import mediapipe
    import numpy as np

    images, found = np.load(pictures), []
    with mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1) as pose:
        for image in images:
            seen = pose.process(image).pose_landmarks
            at = [(p.x, p.y) for p in seen.landmark] if seen else [(np.nan, np.nan)] * 33
            found.append(np.array(at) * image.shape[1::-1])
    np.save(pictures, np.stack(found))


def predictor(folder):
    "What the real test asks: joints in pictures, of MediaPipe in `folder`."
    import numpy as np
    import torch
    from pgp_nb.conventions import N_JOINTS, joint_index

    def predict(held, parts=True, turned=False):
        with tempfile.TemporaryDirectory() as at:
            pictures = Path(at) / "pictures.npy"
            np.save(pictures, np.ascontiguousarray(held.images.permute(0, 2, 3, 1).numpy()))
            own = os.environ | {"PYTHONPATH": str(folder)}
            subprocess.run([sys.executable, __file__, "--process", str(pictures)], env=own, check=True)
            found = np.load(pictures)
        q = torch.full((len(found), N_JOINTS, 2), torch.nan)
        for name, left in LANDMARKS.items():
            q[:, joint_index(f"l_{name}", f"r_{name}")] = torch.from_numpy(found[:, [left, left + 1]]).float()
        return {"joints_2d": q.nan_to_num(NOWHERE)}

    return predict


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", metavar="SAMPLES", help="the folder that PGP_SAMPLES names")
    parser.add_argument("folder", metavar="FOLDER", help="where MediaPipe is installed")
    options = parser.parse_args()

    from pgp_nb.datasets.real_test import real_test_of
    from pgp_nb.engine.files import write_text

    found = real_test_of(predictor(options.folder), options.samples, SIDE, data=("LSP-extended",))["LSP-extended"]
    kept = {name: row for name, row in found.items() if "searched" not in name and "points" not in name}
    kept = {name: {k: v for k, v in row.items() if not k.endswith("_mean_pose")} for name, row in kept.items()}
    to = ROOT / "experiments/mediapipe.json"
    write_text(to, json.dumps({"LSP-extended": kept}, indent=1, ensure_ascii=False) + "\n")
    for name, row in kept.items():
        print(f"{name:40} {row['limb_pck_2d']:.3f}  {row['pictures']:4} photographs")
    print(f"written to {to.relative_to(ROOT)}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--process"]:
        landmarks(sys.argv[2])
    else:
        main()
