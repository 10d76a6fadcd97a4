"The widgets in a real JupyterLab in a real browser: a joint is dragged, a slider moved, and the pictures follow."

import json, os, secrets, shutil, socket, subprocess, sys, time, urllib.request
from pathlib import Path

import pytest

from helpers import ROOT

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
NOTEBOOKS = {
    "puppet": "from pgp_nb.widgets import PuppetWidget\nPuppetWidget()",
    "pose": "from pgp_nb.widgets import PoseWidget\nPoseWidget()",
    "camera": "from pgp_nb.widgets import CAMERA_CONTROLS, PoseWidget\nPoseWidget(controls=CAMERA_CONTROLS)",
}
pytestmark = [pytest.mark.slow, pytest.mark.browser]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def notebook(code):
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    cell = {"cell_type": "code", "id": "one", "metadata": {}, "outputs": [], "execution_count": None, "source": code}
    return json.dumps({"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


def wait(what, condition, seconds=60):
    "The first true value of `condition`; otherwise a failure that says what was waited for."
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.2)
    pytest.fail(f"{what}: not within {seconds} s")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    "Address and token of a JupyterLab on this machine, with its `NOTEBOOKS`; its settings and files are temporary."
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    folder, port, token = tmp_path_factory.mktemp("lab"), free_port(), secrets.token_hex(16)
    for name, code in NOTEBOOKS.items():
        (folder / f"{name}.ipynb").write_text(notebook(code))
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "JUPYTER_TOKEN": token,
        "OMP_NUM_THREADS": "1",
        "HOME": str(folder / "home"),
        **{f"JUPYTER_{k}_DIR": str(folder / k) for k in ("CONFIG", "RUNTIME")},
    }
    settings = folder / "CONFIG/labconfig/default_setting_overrides.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(
        json.dumps({"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}})
    )
    log = open(folder / "log", "w")
    options = f"--no-browser --allow-root --ip=127.0.0.1 --port={port} --LabApp.expose_app_in_browser=True"
    command = [sys.executable, "-m", "jupyterlab", *options.split(), f"--ServerApp.root_dir={folder}"]
    server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"

    def answers():
        if server.poll() is not None:
            pytest.fail("JupyterLab ended: " + (folder / "log").read_text()[-2000:])
        try:
            return urllib.request.urlopen(f"{address}/api/status?token={token}", timeout=2).status == 200
        except OSError:
            return False

    try:
        wait("JupyterLab answers", answers)
        yield address, token
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
        log.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    "Headless chromium. Skips, saying so, where the browser, its driver or selenium is missing."
    for name, path in (("chromium", CHROMIUM), ("chromedriver", DRIVER)):
        if path is None:
            pytest.skip(f"{name} is not installed: the widgets are not tried in a browser")
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="selenium is not installed: the widgets are not tried in a browser"
    )
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    plain = "--headless=new --no-sandbox --disable-dev-shm-usage --disable-gpu --window-size=1500,1100"
    for argument in (*plain.split(), f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def open_widget(lab, browser, tmp_path):
    """Open the notebook of a widget, run it, and give the element it is drawn in.

    Leaves a screenshot, in the folder PGP_SCREENSHOTS if that is set.
    """
    address, token = lab
    from selenium.common.exceptions import WebDriverException

    opened = []

    def focused():
        "Click into the notebook: JupyterLab has no current widget in a page without focus."
        try:
            browser.find_element("css selector", ".jp-Notebook .jp-Cell .cm-content").click()
        except WebDriverException:
            return False
        return browser.execute_script("return !!window.jupyterapp.shell.currentWidget")

    def open_notebook(name):
        opened.append(name)
        browser.get(f"{address}/doc/tree/{name}.ipynb?token={token}")
        cell = "return !!(window.jupyterapp && document.querySelector('.jp-Notebook .jp-Cell'))"
        wait("the notebook", lambda: browser.execute_script(cell), 120)
        wait("its focus", focused)
        kernel = """
            const kernel = window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel;
            return kernel?.connectionStatus === 'connected' && kernel.status === 'idle'
        """
        wait("its kernel", lambda: browser.execute_script(kernel), 120)
        browser.execute_script("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        root = wait("the widget", lambda: next(iter(browser.find_elements("css selector", ".pgp")), None), 60)
        wait("the first picture", lambda: root.get_attribute("data-drawn"))
        return root

    yield open_notebook
    folder = Path(os.environ.get("PGP_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(folder / f"{opened[0]}.png"))


def pictures(browser):
    return browser.execute_script("return [...document.querySelectorAll('.pgp canvas')].map(c => c.toDataURL())")


def joint(browser, name):
    return browser.find_element("css selector", f".pgp circle[data-joint={name}]")


def place(circle):
    return [float(circle.get_attribute(k)) for k in ("cx", "cy")]


def settled(browser):
    "Wait until the pictures stay as they are."

    def still():
        before = pictures(browser)
        time.sleep(0.5)
        return pictures(browser) == before

    wait("the pictures come to rest", still)


def severe(browser):
    "Errors in the browser's console that come from the widgets."
    return [
        line["message"]
        for line in browser.get_log("browser")
        if line["level"] == "SEVERE" and ("pgp" in line["message"] or "blob:" in line["message"])
    ]


def test_dragged_joint_changes_all_maps(open_widget, browser):
    from selenium.webdriver import ActionChains

    open_widget("puppet")
    first = pictures(browser)
    assert len(first) == 4
    wrist, goal = joint(browser, "l_wrist"), place(joint(browser, "spine"))
    ActionChains(browser).drag_and_drop(wrist, joint(browser, "spine")).perform()
    wait("all four maps change", lambda: all(a != b for a, b in zip(first, pictures(browser))))
    assert max(abs(a - b) for a, b in zip(place(wrist), goal)) < 2, "the joint is where the mouse left it"
    settled(browser)
    dragged = pictures(browser)

    ActionChains(browser).send_keys("-" * 16).perform()
    wait("the forearm goes behind the torso", lambda: pictures(browser)[0] != dragged[0])
    settled(browser)
    assert pictures(browser)[1:] == dragged[1:], "depth changes the parts alone"

    ActionChains(browser).send_keys("r").perform()
    wait("r brings the first pictures back", lambda: pictures(browser) == first)
    assert browser.execute_script("return document.querySelectorAll('.jp-Notebook .jp-CodeCell').length") == 1, (
        "the key r reached the notebook"
    )
    assert browser.find_element("css selector", ".pgp-note:not(.bad)")
    assert not severe(browser)


def test_sliders_move_limb_and_camera(open_widget, browser):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    open_widget("pose")
    first = pictures(browser)
    assert len(first) == 2

    def press(slider, key, times):
        browser.execute_script(
            "arguments[0].focus()", browser.find_element("css selector", f".pgp input[name={slider}]")
        )
        ActionChains(browser).send_keys(key * times).perform()

    def value(slider):
        return float(browser.find_element("css selector", f".pgp input[name={slider}]").get_property("value"))

    elbow_3d, elbow_2d = browser.find_elements("css selector", ".pgp circle[data-joint=r_elbow]")
    before, start = (place(elbow_3d), place(elbow_2d)), value("bend")
    press("bend", Keys.ARROW_RIGHT, 40)
    wait("the limb turns in both views", lambda: place(elbow_3d) != before[0] and place(elbow_2d) != before[1])
    settled(browser)
    assert value("bend") == start + 40, "quick key presses are not lost"
    bent = pictures(browser)
    assert all(a != b for a, b in zip(first, bent))

    pose = place(elbow_3d)
    press("azimuth", Keys.ARROW_LEFT, 60)
    wait("the camera turns the picture", lambda: pictures(browser) != bent)
    settled(browser)
    assert value("azimuth") == -60 and place(elbow_3d) == pose, "the camera leaves the 3D pose alone"

    ActionChains(browser).click(joint(browser, "l_knee")).perform()
    wait(
        "a click on a joint chooses its limb",
        lambda: browser.find_element("css selector", ".pgp select").get_property("value") == "l_knee",
    )
    view = place(joint(browser, "head_top"))
    ActionChains(browser).move_to_element(
        browser.find_element("css selector", ".pgp svg")
    ).click_and_hold().move_by_offset(60, 20).release().perform()
    assert place(joint(browser, "head_top")) != view, "dragging turns the 3D view"

    browser.find_element("css selector", ".pgp button").click()
    wait("reset brings the first pictures back", lambda: pictures(browser) == first)
    assert browser.find_element("css selector", ".pgp-note:not(.bad)")
    assert not severe(browser)


def test_camera_alone_has_no_limb_to_choose(open_widget, browser):
    open_widget("camera")
    sliders = browser.find_elements("css selector", ".pgp input[type=range]")
    expected = "azimuth elevation roll left_right up_down distance".split()
    assert [s.get_attribute("name") for s in sliders] == expected
    assert not browser.find_elements("css selector", ".pgp select, .pgp circle.on")
    first = pictures(browser)
    browser.execute_script("arguments[0].value = 0.9; arguments[0].dispatchEvent(new Event('input'))", sliders[-1])
    wait("the person goes away", lambda: all(a != b for a, b in zip(first, pictures(browser))))
    assert not severe(browser)
