"""The live figures of the site: their scripts beside the pages, loaded once by each page that has a place for one.

A place is `<div class="pgp-live" data-figure="puppet">a still picture</div>` in a chapter. Its still picture stays where scripts are off or
a page is opened as a file.
"""

import shutil
from pathlib import Path

STATIC = Path(__file__).resolve().parent.parent / "pgp_nb/static"
PLACE = 'class="pgp-live"'
IN_NOTEBOOKS = "../pgp_nb/static/"  # how chapters name the still pictures


def place(out: Path):
    "Copy the scripts into the site `out` and load them where a page has a place for a figure."
    shutil.copytree(STATIC, out / "live", dirs_exist_ok=True)
    for path in out.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        if PLACE not in page:
            continue
        live = "../" * path.relative_to(out).as_posix().count("/") + "live/"
        load = f'<link rel="stylesheet" href="{live}live.css"><script type="module" src="{live}page.js"></script>'
        page = page.replace(IN_NOTEBOOKS, live).replace("</head>", f"{load}</head>", 1)
        path.write_text(page, encoding="utf-8")
