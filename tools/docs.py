"""Render the site into _docs: the chapters as nbdev processes them, under the names their links use, with the sidebar of _quarto.yml.

Needs no Quarto. A sidebar entry whose chapter does not exist yet is left out.
"""
import re, shutil, subprocess, sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_proc"
EXTRAS = ("LICENSE", "CONTRIBUTING.md")
RENDER = Path(sys.executable).parent / "smalldocs"


def plain(name): return re.sub(r"^\d+_", "", name)


def process():
    "nbdev's own processing: front matter, hidden cells, `show_doc` tables. It reads no other configuration than settings.ini."
    from nbdev.serve import proc_nbs
    shutil.rmtree(SITE, ignore_errors=True)
    proc_nbs(str(ROOT / "nbs"), n_workers=1)
    for made in (SITE / "_quarto.yml", SITE / "nbdev.yml"): made.unlink(missing_ok=True)


def rename():
    "nbdev links to `puppet.html` on the published host; the file is 01_puppet.ipynb. Take the number off files and links, and make links relative."
    from nbdev.config import get_config
    cfg = get_config(path=ROOT)
    host = f"{cfg.doc_host.rstrip('/')}/{cfg.doc_baseurl.strip('/')}/"
    for path in SITE.rglob("*.ipynb"):
        up = "../" * (len(path.relative_to(SITE).parts) - 1)
        text = path.read_text(encoding="utf-8").replace(host, up)
        text = re.sub(r"(\]\((?:[\w./]*/)?)\d+_(\w+\.ipynb)", r"\1\2", text)
        for extra in EXTRAS: text = text.replace(f"]({up}../{extra}", f"]({up}{extra}")
        path.write_text(text, encoding="utf-8")
        path.rename(path.with_name(plain(path.name)))


def existing(contents):
    "The sidebar without the chapters that are not there."
    kept = []
    for entry in contents:
        if isinstance(entry, dict) and "contents" in entry:
            inner = existing(entry["contents"])
            kept += [{**entry, "contents": inner}] if inner else []
        elif (SITE / (entry["href"] if isinstance(entry, dict) else entry)).exists(): kept.append(entry)
    return kept


def configure():
    "Put _quarto.yml, the licence and the contributor's page beside the processed chapters."
    for extra in EXTRAS: shutil.copy(ROOT / extra, SITE)
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    bar = config["website"]["sidebar"]
    bar["contents"] = existing(bar["contents"])
    (SITE / "_quarto.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def main():
    if not RENDER.exists(): sys.exit("docs: smalldocs is not installed; it needs Python 3.11 or newer")
    process()
    rename()
    configure()
    sys.exit(subprocess.run([RENDER, "render", str(SITE)]).returncode)


if __name__ == "__main__": main()
