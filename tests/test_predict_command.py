"The command `pgp-nb` as a user types it: exit codes, one-line errors, files beside the input."

import json
import shutil

import cv2
import numpy as np
import pytest
from helpers import python
from pgp_nb.outputs import Found


@pytest.mark.parametrize("words", [("--help",), (), ("train", "--help"), ("prepare", "--help"), ("presets",)])
def test_the_command_hands_over_and_teaches(words):
    done = python("-m", "pgp_nb", *words)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) > 5


def test_errors_are_one_line_and_code_2():
    for words in (("tarin",), ("evaluate", "nobody"), ("train", "--run", "x", "--set", "iteratons=3")):
        done = python("-m", "pgp_nb", *words)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["training", "prepare"])
def test_the_older_commands_go_on_working(module):
    assert python("-m", f"pgp_nb.{module}", "--help").returncode == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    "A folder with a rendered person, a grey picture and a film that is none."
    from pgp_nb.people.people import load_people

    folder = tmp_path_factory.mktemp("pictures")
    person = load_people("test", n=4, size=224, progress=False).images[0, 0]
    cv2.imwrite(str(folder / "person.png"), person[..., ::-1])
    cv2.imwrite(str(folder / "grey.png"), np.full((240, 320, 3), 128, np.uint8))
    (folder / "text.mp4").write_text("not a film")
    return folder


def predict(*words):
    return python("-m", "pgp_nb", "predict", *words, "--weights", "semi")


def test_a_picture_gets_its_files_and_keeps_them(folder):
    done = predict(folder / "person.png", "--box", "10,5,214,220")
    assert done.returncode == 0, done.stderr
    kinds = {p.name.removeprefix("person-") for p in folder.glob("person-*")}
    assert kinds == {"overlay.jpg", *(f"poses.{kind}" for kind in ("json", "npz", "csv", "bvh", "html"))}
    found = json.loads((folder / "person-poses.json").read_text())
    assert set(found["people"][0]["frames"][0]) == set(found["units"])
    before = (folder / "person-poses.json").stat().st_mtime_ns
    again = predict(folder / "person.png", "--only", "json")
    assert (again.returncode, len(again.stderr.splitlines())) == (2, 1) and "--force" in again.stderr
    assert (folder / "person-poses.json").stat().st_mtime_ns == before
    assert predict(folder / "person.png", "--only", "json", "--force").returncode == 0


def test_what_was_predicted_comes_back_from_bvh(folder):
    from pgp_nb.datasets.mocap import _Quirks, read_clip

    predict(folder / "person.png", "--box", "10,5,214,220", "--only", "json", "bvh", "--force")
    frame = json.loads((folder / "person-poses.json").read_text())["people"][0]["frames"][0]
    joints = np.array(frame["joints_3d"]) + frame["pelvis"]
    back = read_clip(folder / "person-poses.bvh", quirks=_Quirks(unit=10, rest=False)).joints[0]
    assert np.abs(back - (joints * [1, -1, -1])[:, [2, 0, 1]])[1:].max() < 0.1


def test_failures_say_what_to_do_and_the_rest_goes_on(folder):
    nobody = predict(folder / "grey.png")
    assert (nobody.returncode, len(nobody.stderr.splitlines())) == (2, 1) and "--box" in nobody.stderr
    broken = predict(folder / "text.mp4")
    assert (broken.returncode, len(broken.stderr.strip().splitlines())) == (2, 1) and "decoded" in broken.stderr
    both = predict(folder / "grey.png", folder / "person.png", "--only", "csv", "--force")
    assert both.returncode == 2 and "grey.png" in both.stderr and "person-poses.csv" in both.stdout
    assert predict(folder / "nothing.jpg").returncode == 2
    assert predict(folder / "text.mp4", "--box", "0,0,9,9").returncode == 2
    assert not list(folder.glob(".*"))


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
    for option in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(option)
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        browser.get(page.as_uri())
        picture = "return document.getElementById('view').toDataURL()"
        first = browser.execute_script(picture)
        browser.execute_script("azimuth += 1; draw()")
        turned = browser.execute_script(picture)
        browser.execute_script("time.value = 3; time.oninput()")
        later = browser.execute_script(picture)
        browser.execute_script("shown[0].checked = false; draw()")
        empty = browser.execute_script(picture)
        assert len({first, turned, later, empty}) == 4
        assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    finally:
        browser.quit()
