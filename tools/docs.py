"""Render the site into _docs: the chapters as nbdev processes them, under the names their links use, with the sidebar of _quarto.yml.

    python tools/docs.py            build the site and check it
    python tools/docs.py preview    serve what was built, as it will be published

Needs no Quarto. A sidebar entry whose chapter does not exist yet is left out. Fails on any fault that `docs_check` finds.
"""

import functools, http.server, shutil, subprocess, sys, threading, time
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent))
import docs_card, docs_chapters, docs_check, docs_live, docs_look, docs_pages
from docs_chapters import EXTRAS, ROOT, SITE, plain, unnumbered
from docs_pages import BASE

__all__ = ["plain"]
OUT = ROOT / "_docs"
THEME = Path(__file__).parent / "docs_theme"
RENDER = Path(sys.executable).parent / "smalldocs"
PORT = 8000


def existing(contents):
    "The sidebar without the chapters that are not there."
    kept = []
    for entry in contents:
        if isinstance(entry, dict) and "contents" in entry:
            inner = existing(entry["contents"])
            kept += [{**entry, "contents": inner}] if inner else []
        elif (SITE / (entry["href"] if isinstance(entry, dict) else entry)).exists():
            kept.append(entry)
    return kept


def configure(reference):
    "Put _quarto.yml, the theme, the licence, how to cite, the contributor's page and the notes beside the processed chapters."
    shutil.copytree(THEME, SITE, dirs_exist_ok=True)
    docs_card.card(SITE / "card.jpg")
    for extra in EXTRAS:
        (SITE / extra).parent.mkdir(exist_ok=True)
        text = (ROOT / extra).read_text(encoding="utf-8").replace("](nbs/", "](")
        (SITE / extra).write_text(unnumbered(text), encoding="utf-8")
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    bar = config["website"]["sidebar"]
    bar["contents"] = [*existing(bar["contents"]), reference]
    (SITE / "_quarto.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def build():
    "The whole site; stops at the first step that fails."
    if not RENDER.exists():
        sys.exit("docs: smalldocs is not installed; it needs Python 3.11 or newer")
    begun = time.time()
    docs_chapters.process()
    docs_chapters.link()
    configure(docs_chapters.reference())
    shutil.rmtree(OUT, ignore_errors=True)
    if code := subprocess.run([RENDER, "render", str(SITE)]).returncode:
        sys.exit(code)
    docs_live.place(OUT)
    faults = docs_pages.finish(OUT, docs_chapters.pages()) + docs_check.check(OUT, docs_chapters.pages())
    if lacking := docs_look.missing():
        print(f"site: not looked at in a browser, {lacking}")
    else:
        faults += looked_at()
    print(f"site: built and checked in {time.time() - begun:.0f} s")
    for fault in faults:
        print(f"   {fault}")
    if faults:
        sys.exit(f"docs: {len(faults)} faults")


class Published(http.server.SimpleHTTPRequestHandler):
    "The site as its host serves it: under its base address, with its own page for what is not there."

    def translate_path(self, path):
        return super().translate_path("/" + path.removeprefix(BASE))

    def send_error(self, code, message=None, explain=None):
        if code != 404:
            return super().send_error(code, message, explain)
        page = (OUT / "404.html").read_bytes()
        self.send_response(404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format, *args):
        pass


def server(port=PORT):
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), functools.partial(Published, directory=OUT))


def looked_at(folder=None):
    "Faults that a browser finds; screenshots of the main pages into `folder`."
    served = server(port=0)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    found = []
    try:
        for fault in docs_look.look(OUT, f"127.0.0.1:{served.server_address[1]}", BASE, folder):
            found.append(fault)
    except Exception as error:
        found.append(f"the browser gave up: {str(error).splitlines()[0]}")
    finally:
        served.shutdown()
    return found


def preview():
    if not OUT.exists():
        sys.exit("docs: there is no site yet, run make docs")
    print(f"site: http://localhost:{PORT}{BASE} (end with Ctrl-C)")
    try:
        server().serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    preview() if sys.argv[1:] == ["preview"] else build()
