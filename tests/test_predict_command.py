"The command `pgp-nb` as a user types it: exit codes, one-line errors, files named after the input."

import json
import os
import shutil

import cv2
import numpy as np
import pytest
from helpers import python
from pgp_nb import commands, finding, outputs
from pgp_nb.commands import pgp_command
from pgp_nb.finding import Found
from pgp_nb.outputs import FORMATS
from pgp_nb.people.people import load_people


def test_the_module_is_the_command():
    done = python("-m", "pgp_nb", "--help")
    assert done.returncode == 0 and "pgp-nb predict photo.jpg" in done.stdout


@pytest.fixture
def say(capsys):
    "Runs the command; its exit code, and what it said on its output and its error stream."

    def run(*words):
        try:
            code = pgp_command([str(word) for word in words])
        except SystemExit as e:
            code = e.code
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("name", ["predict", "train", "prepare", "evaluate", "export", "presets"])
def test_every_command_helps_with_examples(say, name):
    code, said, _ = say(name, "--help")
    assert code == 0 and f"usage: pgp-nb {name}" in said
    assert said.count(f"pgp-nb {name} ") > 1
    examples = [line for line in said.splitlines() if line.startswith(f"  pgp-nb {name} ")]
    assert not [line for line in examples if "   --" in line], "an example lost its line break"


def test_the_help_of_prepare_names_nothing_inner(say):
    names = say("prepare", "--help")[1].partition("data sets:\n")[2].split("\n\n")[0]
    said = {line.split()[0]: say("prepare", line.split()[0], "--help")[1] for line in names.splitlines()}
    assert "'people'" in said["videos"] and len(said) > 4
    assert not [name for name, text in said.items() if "`" in text]


@pytest.mark.parametrize(
    "words",
    [
        ("tarin",),
        ("evaluate", "nobody"),
        ("train", "--run", "x", "--set", "iteratons=3"),
        ("train",),
        ("prepare", "lsp"),
        ("predict",),
        ("predict", "nothing.jpg"),
        ("predict", "nothing.jpg", "--only", "pdf"),
        ("predict", "nothing.jpg", "--box", "5,5,1,1"),
        ("predict", "nothing.jpg", "--rate", "0"),
        ("predict", "99"),  # a camera
    ],
)
def test_errors_are_one_line_and_code_2(say, words):
    code, _, said = say(*words)
    assert (code, len(said.splitlines())) == (2, 1), said


@pytest.mark.parametrize("module", ["training", "prepare", "prediction"])
def test_the_older_commands_go_on_working(module):
    assert python("-m", f"pgp_nb.{module}", "--help").returncode == 0


@pytest.fixture(scope="module")
def people():
    return load_people("test", n=4, size=224, progress=False)


@pytest.fixture
def folder(tmp_path, people):
    "A rendered person, a grey picture, one that is none, and a film that is none."
    cv2.imwrite(str(tmp_path / "person.png"), people.images[0, 0][..., ::-1])
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((240, 320, 3), 128, np.uint8))
    (tmp_path / "broken.jpg").write_text("no picture", encoding="utf-8")
    (tmp_path / "text.mp4").write_text("no film", encoding="utf-8")
    return tmp_path


BOX = ("--box", "10,5,214,220")


def test_a_picture_gets_its_files_and_keeps_them(say, folder):
    code, said, error = say("predict", folder / "person.png", *BOX)
    assert code == 0 and "1 person" in said, error
    kinds = {p.name.removeprefix("person-") for p in folder.glob("person-*")}
    assert kinds == {"overlay.jpg", *(f"poses.{kind}" for kind in FORMATS if kind != "overlay")}
    found = json.loads((folder / "person-poses.json").read_text(encoding="utf-8"))
    [frame] = found["people"][0]["frames"]
    assert set(frame) == set(found["units"])
    before = (folder / "person-poses.json").stat().st_mtime_ns
    code, _, error = say("predict", folder / "person.png", "--only", "json")
    assert code == 2 and "--force" in error
    assert (folder / "person-poses.json").stat().st_mtime_ns == before
    assert say("predict", folder / "person.png", "--only", "json", "--force", *BOX)[0] == 0
    assert (folder / "person-poses.json").stat().st_mtime_ns != before
    assert say("predict", folder / "person.png", "--only", "csv", "--out", folder / "new", *BOX)[0] == 0
    assert (folder / "new/person-poses.csv").exists()


def test_what_was_predicted_comes_back_from_bvh_and_trc(say, folder):
    from pgp_nb.datasets.mocap import _Quirks, read_clip

    say("predict", folder / "person.png", *BOX, "--only", "json", "bvh", "trc")
    frame = json.loads((folder / "person-poses.json").read_text(encoding="utf-8"))["people"][0]["frames"][0]
    joints = (np.array(frame["joints_3d"]) + frame["pelvis"]) * [1, -1, -1]
    back = read_clip(folder / "person-poses.bvh", quirks=_Quirks(unit=10, rest=False)).joints[0]
    assert np.abs(back - joints[:, [2, 0, 1]])[1:].max() < 0.1
    lines = (folder / "person-poses.trc").read_text(encoding="utf-8").split("\n")
    assert lines[2].split("\t")[2:5] == ["1", "17", "mm"]
    assert np.abs(np.array(lines[6].split("\t")[2:], float).reshape(17, 3) - joints).max() < 0.02


def test_failures_say_what_to_do_and_the_rest_goes_on(say, folder):
    code, said, error = say("predict", folder, "--only", "csv", "--people", "2")
    assert code == 2 and len(error.splitlines()) == 3, error
    assert "person-poses.csv" in said
    for name, advice in {"grey.png": "--box", "broken.jpg": "damaged", "text.mp4": "decoded"}.items():
        assert any(name in line and advice in line for line in error.splitlines())
    assert not list(folder.glob(".*"))
    assert "followed" in say("predict", folder / "text.mp4", *BOX)[2]
    assert "outside" in say("predict", folder / "person.png", "--box", "900,900,950,990", "--force")[2]


def test_a_package_that_is_missing_stops_one_input_and_no_other(say, folder, monkeypatch):
    def one(pgp, path, options):
        if path.suffix == ".mp4":
            raise ImportError("superpixels need scikit-image")
        return f"{path.name}: done"

    monkeypatch.setattr(commands, "_predict_one", one)
    code, said, error = say("predict", folder / "text.mp4", folder / "person.png")
    assert code == 2 and "person.png: done" in said and "text.mp4: superpixels need" in error


def test_inputs_of_one_name_do_not_overwrite_each_other(say, folder):
    new = folder / "new"
    for place in ("one", "two"):
        (folder / place / "frames").mkdir(parents=True)
        shutil.copy(folder / "person.png", folder / place / "photo.png")
    for names in ("photo.png", "frames"):
        words = ("predict", folder / "one" / names, folder / "two" / names, "--out", new)
        code, _, error = say(*words, *(["--film"] if names == "frames" else []))
        assert code == 2 and "would get the same files" in error and len(error.splitlines()) == 1
    assert not new.exists()


def test_a_tiff_that_is_named_is_a_picture_and_heic_has_its_remedy(say, folder):
    cv2.imwrite(str(folder / "person.tif"), cv2.imread(str(folder / "person.png")))
    code, said, error = say("predict", folder / "person.tif", "--only", "csv", "--box", "-3,5,214,220")
    assert code == 0 and "person-poses.csv" in said, error
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(16))
    assert "as iPhones write" in say("predict", folder / "phone.heic")[2]


def test_every_number_that_is_measured_is_shown(say, tmp_path, monkeypatch):
    found = {
        "LSP-extended": {"all": {"pictures": 6, "limb_pck_2d": 0.375}},
        "films": {"walk": {"pictures": 9, "agree": 0.5}},
    }
    monkeypatch.setattr(commands, "real_test", lambda net, folder: found)
    monkeypatch.setattr(commands, "prepared_pairs", lambda folder, *_: folder)
    monkeypatch.setattr(commands, "_measured", lambda pgp, name, pairs: {"pa_mpjpe": 10.0 * len(pairs)})
    out = tmp_path / "found.json"
    said = say("evaluate", "semi", "--pairs", "0", "--samples", "s", "--data", "a/mine", "bcd/mine", "--out", out)[1]
    assert all(
        x in said for x in ("a/mine", "60.0", "bcd/mine", "80.0", "LSP-extended: all", "0.375", "films: walk", "0.5")
    )
    kept = json.loads(out.read_text(encoding="utf-8"))
    assert kept["films: walk"] == found["films"]["walk"] and set(kept) >= {"a/mine", "bcd/mine", "LSP-extended: all"}


def test_boxes_of_another_program_say_where_people_are(say, folder):
    (folder / "labels").mkdir()
    (folder / "labels/person.txt").write_text(
        "0 0.5 0.5 0.9 0.96\n0 0.2 0.5 0.3 0.9\n16 0.1 0.1 0.1 0.1\n", encoding="utf-8"
    )
    words = ("predict", folder / "person.png", "--only", "json", "bvh")
    code, said, error = say(*words, "--detector", folder / "labels")
    assert code == 0 and "2 people" in said and "person-poses-1.bvh" in said, error
    box = json.loads((folder / "person-poses.json").read_text(encoding="utf-8"))["people"][0]["frames"][0]["box"]
    np.testing.assert_allclose(box, [11.2, 4.48, 212.8, 219.52], atol=0.01)
    coco = [dict(image_id="person", category_id=1, bbox=[10, 5, 200, 214], score=0.9)]
    (folder / "coco.json").write_text(json.dumps(coco), encoding="utf-8")
    (folder / "person-poses-01.bvh").touch()  # nothing of ours
    assert "1 person" in say(*words, "--detector", folder / "coco.json", "--force")[1]
    assert not (folder / "person-poses-1.bvh").exists() and (folder / "person-poses-01.bvh").exists()
    assert "no detector" in say(*words, "--detector", folder / "none.onnx", "--force")[2]
    (folder / "labels/person.txt").unlink()
    assert "labels has nobody in person.png" in say(*words, "--detector", folder / "labels", "--force")[2]


def test_a_folder_that_is_no_film_says_what_is_wrong(say, folder):
    (folder / "empty").mkdir()
    assert "empty holds no pictures" in say("predict", folder / "empty", "--film", "--only", "csv")[2]
    words = ("predict", folder, "--film", "--only", "csv", "--detector", "people", "--rate", "25")
    assert "begins with broken.jpg, which cannot be read" in say(*words)[2]
    (folder / "broken.jpg").unlink()
    code, _, error = say(*words)
    assert code == 2 and "frames of 224x224 and 320x240 px" in error, error
    assert not list(folder.glob(".*"))


def test_an_interrupted_film_goes_on_without_doing_anything_twice(say, tmp_path, people, monkeypatch):
    noise = np.random.default_rng(0).integers(60, 200, (16, 24, 3), np.uint8)
    wall, film = cv2.resize(noise, (360, 240)), tmp_path / "walk.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 5, (360, 240))
    for t in range(8):
        image, x = wall.copy(), 16 * t
        here = image[8:232, x : x + 224]
        here[people.masks[1, 0] > 0] = people.images[1, 0][people.masks[1, 0] > 0]
        writer.write(np.ascontiguousarray(image[..., ::-1]))
    writer.release()
    words = ("predict", film, "--only", "overlay", "json", "bvh")
    for function in ("_draw_film", "_write_poses"):  # the second time the overlay is there already
        with monkeypatch.context() as during:
            during.setattr(outputs, function, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            code, _, error = say(*words)
        assert code == 130 and "goes on" in error
        assert (tmp_path / ".walk.avi.part/00000.npz").exists()
    assert (tmp_path / "walk-overlay.mp4").exists()
    os.utime(tmp_path / "walk-overlay.mp4", (0, 0))
    assert "walk-overlay.mp4 is there already" in say(*words)[2]  # it is older than this try
    os.utime(tmp_path / "walk-overlay.mp4")
    with monkeypatch.context() as during:
        during.setattr(finding, "_read", lambda *_: pytest.fail("a stretch is predicted twice"))
        code, said, error = say(*words)
    assert code == 0 and "walk-overlay.mp4" in said, error
    files = "walk.avi walk-overlay.mp4 walk-poses.json walk-poses.bvh walk-poses-1.bvh".split()
    assert {p.name for p in tmp_path.iterdir()} == set(files)
    found = json.loads((tmp_path / "walk-poses.json").read_text(encoding="utf-8"))
    assert found["rate"] == 5 and max(len(p["frames"]) for p in found["people"]) > 5
    assert cv2.VideoCapture(str(tmp_path / "walk-overlay.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 8


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_shows_a_pose_that_turns(tmp_path):
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("chromium and its driver are not installed")
    webdriver = pytest.importorskip("selenium.webdriver")
    poses = np.random.default_rng(0).normal(0, 300, (5, 17, 3))
    poses -= poses[:, :1]
    n, flat, no = np.arange(5), poses[..., :2] + 200, np.zeros(5, bool)
    box, square, size = np.full((5, 4), 100.0), np.full((5, 3), 100.0), (400, 400)
    parts = np.zeros((0, 0, 0), np.uint8)
    found = Found(0, n, n / 5, size, box, square, poses, poses[:, 0], flat, flat, no, parts, no, [""] * 5)
    page = found.save(tmp_path / "page.html")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in ("--headless=new", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"):
        options.add_argument(option)
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        browser.get(page.as_uri())
        picture = "return document.getElementById('view').toDataURL()"
        first = browser.execute_script(picture)
        view, play = browser.find_element("id", "view"), browser.find_element("id", "play")
        webdriver.ActionChains(browser).drag_and_drop_by_offset(view, 90, 30).perform()
        turned = browser.execute_script(picture)
        play.click()
        waiting = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait(browser, 10)
        waiting.until(lambda _: browser.execute_script("return Number(time.value)") > 1)
        play.click()
        later = browser.execute_script("time.value = 3; draw(); " + picture)  # it may have begun anew
        browser.execute_script("shown[0].checked = false; draw()")
        empty = browser.execute_script(picture)
        assert len({first, turned, later, empty}) == 4
        assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    finally:
        browser.quit()
