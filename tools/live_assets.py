"""Write what the live figures read, pgp_nb/static: the puppet and a few poses, and people's textures.

    python tools/live_assets.py puppet           puppet.json: the puppet of the library, poses of the embedded motions
    python tools/live_assets.py people           people.json, and a picture of the textures of each rendered person
    python tools/live_assets.py film VIDEO       the same of the woman of a sample film, as the shipped network sees her
    python tools/live_assets.py stills           still pictures of the figures, for readers without scripts

A picture of textures holds two rows, seen from the front and from behind: nine parts, each 48 x 96 texels, and last 96 columns for
the head, in the first row its texture all around, in the second its outline. They are half transparent where a part was never seen.
"""

import functools, http.server, json, sys, tempfile, threading, time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from pgp_nb.camera import faces_camera
from pgp_nb.conventions import EXAMPLE_POSE, N_PARTS, PART_NAMES
from pgp_nb.networks import _head_turn
from pgp_nb.people.clothes import random_person
from pgp_nb.people.motions import sample_poses
from pgp_nb.people.people import bodies_of
from pgp_nb.people.rendering import Rendered, camera_around, pose_person, render
from pgp_nb.people.scenery import random_background
from pgp_nb.prediction import PGP
from pgp_nb.puppet import Puppet, _best_seen, fill_textures
from pgp_nb.segmentation import one_hot
from pgp_nb.widgets import _browser_puppet

STATIC = Path(__file__).resolve().parent.parent / "pgp_nb/static"
POSES = {  # name: its number among the poses drawn, the camera's azimuth in degrees
    "arms wide": (42, 20),
    "a step aside": (0, -25),
    "seated": (17, 40),
    "arms crossed": (4, -15),
    "hands on hips": (44, 15),
    "walking": (16, 50),
    "hands to the head": (12, -30),
}
PEOPLE = {"red stripes": 4, "pink shirt": 7, "green stripes": 5, "blue and white": 18}  # the seed of each
FILM = "woman of a film"
FIGURES = ("puppet", "person", "pose")
VIEWS = (0, 40, -40, 90, -90, 140, -140, 180)  # degrees
TEXELS = (96, 48)  # along and across a part
SIDE = 320  # px of the pictures that textures are read from
HEAD = PART_NAMES.index("head")


def poses() -> list[dict]:  # name, pose (17,3) mm in the canonical frame, azimuth of the camera in degrees
    "The poses of the gallery."
    drawn = sample_poses("val", 48, np.random.default_rng(5))
    made = [("waving", EXAMPLE_POSE, 0), *((name, drawn[i], a) for name, (i, a) in POSES.items())]
    return [dict(name=n, pose=np.round(p).astype(int).tolist(), azimuth=a) for n, p, a in made]


def puppet_data() -> dict:
    "What puppet.json holds."
    return dict(puppet=_browser_puppet(Puppet.load()), poses=poses())


def written(data) -> str:
    return json.dumps(data, separators=(",", ":")) + "\n"


def write_puppet():
    (STATIC / "puppet.json").write_text(written(puppet_data()), encoding="utf-8")


def filmed(seed: int) -> Rendered:  # (V,...)
    "A person with arms and legs apart, rendered from all around."
    person = random_person(np.random.default_rng(seed), bodies_of("test"))
    apart = sample_poses("val", 48, np.random.default_rng(5))[[42, 1]]
    posed, place = pose_person(person, apart), random_background(np.random.default_rng(3))
    shots = [
        render(person, posed, t, camera_around(posed.joints[t], np.radians(a), 0.05, margin=0.12), place, SIDE)
        for t in range(len(apart))
        for a in VIEWS
    ]
    return Rendered(*map(np.stack, zip(*shots)))


def sheet(
    pictures: torch.Tensor,  # (V,3,S,S) in [0,1]
    q: torch.Tensor,  # (V,17,2) px
    visible: torch.Tensor,  # (V,10,S,S)
    joints: torch.Tensor,  # (V,17,3) mm, camera frame
) -> np.ndarray:  # (2*96, 9*48+96, 4) uint8 RGBA
    "The textures of one person, from pictures of all sides."
    puppet, (h, w) = Puppet.load(scale="along_limb"), TEXELS
    seen = puppet.part_textures(pictures, q, visible, (h, 2 * w), _head_turn(joints))
    front = faces_camera(joints)
    squarely = torch.linalg.cross(joints[:, 4] - joints[:, 1], joints[:, 8] - joints[:, 0])
    seen[:, :, -1] *= (squarely[:, 2].abs() / squarely.norm(dim=1)).view(-1, 1, 1, 1) ** 2
    near = F.interpolate(puppet._reach.float(), size=(h, 2 * w), mode="bilinear", align_corners=False)
    alpha = ((near - 0.6) / 0.3).clamp(0, 1)
    shown = lambda best: 0.5 + 0.5 * (3 * best[0, :, -1:]).clamp(0, 1)
    every = _best_seen(seen)
    rows = []
    for side in (front, ~front if (~front).any() else front):
        best = _best_seen(seen[side])
        tiles = torch.cat([fill_textures(best)[0, :, :3], alpha * shown(best)], 1)
        tiles = F.interpolate(tiles, size=(h, w), mode="area")
        rows.append([t for l, t in enumerate(tiles) if l != HEAD])
    rows[0].append(torch.cat([fill_textures(every)[0, HEAD, :3], shown(every)[HEAD]]))
    rows[1].append(torch.cat([torch.zeros(3, h, 2 * w), alpha[HEAD]]))
    whole = torch.cat([torch.cat(row, 2) for row in rows], 1)
    return (whole.clamp(0, 1) * 255 + 0.5).byte().permute(1, 2, 0).numpy()


def write_sheet(name: str, textures: np.ndarray):
    "The picture of one person's textures, and its place in people.json."
    file = f"{name.replace(' ', '_')}.webp"
    bgra = np.ascontiguousarray(textures[..., [2, 1, 0, 3]])
    cv2.imwrite(str(STATIC / file), bgra, [cv2.IMWRITE_WEBP_QUALITY, 90])
    listed = STATIC / "people.json"
    people = json.loads(listed.read_text(encoding="utf-8")) if listed.exists() else []
    people = [p for p in people if p["name"] != name] + [dict(name=name, file=file)]
    order = [FILM, *PEOPLE]
    listed.write_text(written(sorted(people, key=lambda p: order.index(p["name"]))), encoding="utf-8")


def write_people():
    for name, seed in PEOPLE.items():
        shots = filmed(seed)
        pictures = torch.from_numpy(shots.image).permute(0, 3, 1, 2) / 255
        visible = one_hot(torch.from_numpy(shots.parts))[:, :N_PARTS]
        q, joints = torch.from_numpy(shots.joints_2d), torch.from_numpy(shots.joints_3d)
        write_sheet(name, sheet(pictures, q, visible, joints))


def before_white(picture: np.ndarray) -> np.ndarray:  # (H,W) bool
    "The largest thing that is not white and does not touch the border of a picture (H,W,3)."
    height, width = picture.shape[:2]
    boxes = cv2.connectedComponentsWithStats((picture.min(-1) < 232).astype(np.uint8))
    inner = [
        (area, k)
        for k, (x, y, w, h, area) in enumerate(boxes[2])
        if k and x > 0 and y > 0 and x + w < width and y + h < height
    ]
    inside = (boxes[1] == max(inner)[1]).astype(np.uint8)
    return cv2.erode(inside, np.ones((5, 5))) > 0


def write_film(video: str, n: int = 3, every: int = 4):
    "The woman before a white wall, who faces the camera: her back is not in the film and wears what her front shows."
    film = cv2.VideoCapture(video)
    shown = np.stack([film.read()[1][..., ::-1] for _ in range(n * every)][::every])
    her = np.stack([before_white(f) for f in shown])
    places = [np.argwhere(m) for m in her]
    boxes = [(*at.min(0)[::-1], *at.max(0)[::-1]) for at in places]
    found = PGP.from_pretrained("semi").predict_crops(list(shown), boxes, film=True)
    pictures = torch.from_numpy(shown).permute(0, 3, 1, 2) / 255
    visible = one_hot(found.parts)[:, :N_PARTS] * torch.from_numpy(her)[:, None]
    write_sheet(FILM, sheet(pictures, found.points_2d, visible, found.joints_3d))


PAGE = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="live.css"><style>
body { margin: 12px; width: 900px } .pgp-caption, .pgp-choices, .pgp-hint { display: none } .pgp-handle::after { display: none }</style>
<div class="pgp-live" data-figure="FIGURE"></div><script type="module" src="page.js"></script>"""


class StaticWithPages(http.server.SimpleHTTPRequestHandler):
    "The folder of the figures, and a page for each."

    def log_message(self, format, *arguments):
        pass

    def do_GET(self):
        kind = self.path.strip("/").removesuffix(".html")
        if kind not in FIGURES:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE.replace("FIGURE", kind).encode())


def write_stills():
    import docs_look

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(StaticWithPages, directory=STATIC))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as profile:
        driver = docs_look.browser(profile)
        try:
            docs_look.screen(driver, (930, 900))
            for kind in FIGURES:
                driver.get(f"http://127.0.0.1:{server.server_port}/{kind}.html")
                while not driver.find_elements("css selector", "[data-drawn]"):
                    time.sleep(0.1)
                rows = driver.find_element("css selector", ".pgp-row").screenshot_as_png
                picture = cv2.imdecode(np.frombuffer(rows, np.uint8), cv2.IMREAD_COLOR)
                cv2.imwrite(str(STATIC / f"{kind}.webp"), picture, [cv2.IMWRITE_WEBP_QUALITY, 80])
        finally:
            driver.quit()


if __name__ == "__main__":
    {"puppet": write_puppet, "people": write_people, "film": write_film, "stills": write_stills}[sys.argv[1]](
        *sys.argv[2:]
    )
