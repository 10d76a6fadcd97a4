"""The finished site in a real browser: its console stays silent, it asks no other host, and nothing is cut off on a wide or narrow screen.

    python tools/docs_look.py [folder for screenshots]

Needs chromium, its driver and selenium; `make docs` says so where one is missing. What people need who cannot see, or use no
mouse, is checked by axe-core on all pages where it is there: `npm install --no-save axe-core@4`.
"""

import shutil, sys, tempfile
from pathlib import Path
from urllib.parse import urlsplit

WIDE, NARROW = (1400, 900), (390, 844)
SHOWN = [
    f"{page}.html"
    for page in (
        *("index", "puppet", "segmentation", "training", "synthesis", "prediction"),
        *("tutorials/first_run", "explanations/gallery", "explanations/results", "explanations/symbols"),
        "reference/engine",
    )
]
AXE = Path(__file__).resolve().parent.parent / "node_modules/axe-core/axe.min.js"
DRAWN = """
document.head.append(Object.assign(document.createElement("style"), {textContent: "* { transition: none !important; }"}));
const done = arguments[0], places = [...document.querySelectorAll(".pgp-live")];
const wait = () => places.every((place) => place.querySelector("[data-drawn]")) ? done() : setTimeout(wait, 50);
wait();
"""
FEW = """
[...document.querySelectorAll("main pre code")].slice(2).forEach((code) => { code.textContent = code.textContent; });
[...document.querySelectorAll("main math")].slice(3).forEach((formula) => formula.replaceChildren("x"));
"""  # of the pieces that a page has by the thousand, which axe looks at one by one
AXE_RUN = """
const [dark, done] = arguments, page = {exclude: [["main pre code span"]]}, begun = Date.now();
const isDark = () => document.documentElement.classList.contains("quarto-dark");
const themed = () => isDark() === dark || Date.now() - begun > 5000 ? setTimeout(run, 200) : setTimeout(themed, 50);
const run = () => axe.run(page, {resultTypes: ["violations"], rules: {"image-alt": {enabled: false}}}).then((found) => done(
  found.violations.filter((fault) => ["serious", "critical"].includes(fault.impact))
    .map((fault) => `${fault.help}, ${fault.nodes.length} times: ${fault.nodes[0].html.slice(0, 100)}`)));
themed();
"""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
ASKED = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
SCROLLS = "return document.documentElement.scrollWidth - window.innerWidth"
CUT_OFF = """
return [...document.querySelectorAll("main pre, main .math.display, main table, main .sd-table, main .cell-output")]
  .filter((box) => box.offsetParent && box.scrollWidth > box.clientWidth + 1)
  .filter((box) => !(box.matches("pre") && getComputedStyle(box).overflowX === "auto" && arguments[0]))
  .filter((box) => arguments[0] || !box.matches(".sd-table"))
  .filter((box) => !box.closest("details:not([open])"))
  .map((box) => `${box.tagName.toLowerCase()} ${box.className}: ${[...box.innerText.trim()].slice(0, 50).join("")}`)
"""


def missing():
    "What this machine lacks to look, in words; empty if it lacks nothing."
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed"
    return "" if CHROMIUM and DRIVER else "chromium or its driver is not installed"


def browser(profile):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))


def screen(driver, size, dark=False):
    "The size of the window, and whether the reader's system is dark."
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == NARROW}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})


def page_faults(driver, address, host):
    "What goes wrong while one page is loaded and shown at both widths."
    screen(driver, WIDE)
    driver.get(address)
    for size in (WIDE, NARROW):
        screen(driver, size)
        if (over := driver.execute_script(SCROLLS)) > 0:
            yield f"scrolls sideways by {over} px at {size[0]} px"
        yield from (f"cuts off at {size[0]} px: {box}" for box in driver.execute_script(CUT_OFF, size == NARROW))
    yield from (f"console: {entry['message']}" for entry in driver.get_log("browser") if entry["level"] == "SEVERE")
    for url in driver.execute_script(ASKED):
        if urlsplit(url).scheme in ("http", "https") and urlsplit(url).netloc != host:
            yield f"asks {url}"


def barriers(driver):
    "Serious and critical findings of axe-core on the page that is open, narrow and light, wide and dark; texts of pictures are counted elsewhere."
    driver.execute_async_script(DRAWN)
    driver.execute_script(FEW + AXE.read_text(encoding="utf-8"))
    for size, dark in ((NARROW, False), (WIDE, True)):
        screen(driver, size, dark)
        where = f"axe at {size[0]} px, {'dark' if dark else 'light'}"
        yield from (f"{where}: {fault}" for fault in driver.execute_async_script(AXE_RUN, dark))


def shoot(driver, base, folder):
    "Pictures of the main pages at both widths, light and dark."
    folder.mkdir(parents=True, exist_ok=True)
    for size in (WIDE, NARROW):
        for dark in (False, True):
            screen(driver, size, dark)
            for page in SHOWN:
                driver.get(base + page)
                name = f"{page.removesuffix('.html').replace('/', '-')}-{size[0]}-{'dark' if dark else 'light'}.png"
                driver.save_screenshot(str(folder / name))


def look(out, host, base, folder=None):
    "Faults of all pages in `out`, served at `host` below `base`, in words, as they are found."
    with tempfile.TemporaryDirectory() as profile:
        driver = browser(profile)
        driver.set_page_load_timeout(120)
        driver.set_script_timeout(300)
        try:
            for page in sorted(path.relative_to(out).as_posix() for path in out.rglob("*.html")):
                yield from (f"{page}: {fault}" for fault in page_faults(driver, f"http://{host}{base}{page}", host))
                yield from (f"{page}: {fault}" for fault in (barriers(driver) if AXE.exists() else ()))
            if folder:
                shoot(driver, f"http://{host}{base}", folder)
        finally:
            driver.quit()
    if not AXE.exists():
        print("site: not checked with axe-core, which is not installed: npm install --no-save axe-core@4")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    from docs import looked_at

    sys.exit("\n".join(looked_at(*map(Path, sys.argv[1:]))) or 0)
