"""Render the site into _docs: the chapters as nbdev processes them, under the names their links use, with the sidebar of _quarto.yml.

Needs no Quarto. A sidebar entry whose chapter does not exist yet is left out.
"""

import re, shutil, subprocess, sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_proc"
EXTRAS = ("LICENSE", "CONTRIBUTING.md", "experiments/NOTES.md")
RENDER = Path(sys.executable).parent / "smalldocs"


def plain(name):
    return re.sub(r"^\d+_", "", name)


def unnumbered(text):
    return re.sub(r"(\]\((?:[\w./]*/)?)\d+_(\w+\.ipynb)", r"\1\2", text)


def process():
    "nbdev's own processing: front matter, hidden cells, `show_doc` tables. It reads no other configuration than settings.ini."
    from nbdev.serve import proc_nbs

    shutil.rmtree(SITE, ignore_errors=True)
    proc_nbs(str(ROOT / "nbs"), n_workers=1)
    for made in (SITE / "_quarto.yml", SITE / "nbdev.yml"):
        made.unlink(missing_ok=True)


def headings(text):
    "Anchors of the functions and classes that a processed chapter documents."
    return {name.lower() for name in re.findall(r"### ([\w.]+)\\n", text)}


def relink(text, up, host, shown):
    "The links of a processed chapter as the site needs them. `up` leads to the site's root, `shown` holds the headings of each page."

    def local(link):
        "To the name's heading; for a method without one to its class, for a helper without one to its page."
        page, name = link[1], link[2]
        found = [n for n in (name, name.split(".")[0]) if n in shown.get(page, ())]
        return f"{up}{page}" + (f"#{found[0]}" if found else "")

    text = re.sub(re.escape(host) + r"([\w/]+\.html)#([\w.]+)", local, text).replace(host, up)
    text = re.sub(
        r"\[(\[`[^`]+`\]\([^)]+\))\]\([^)]+\)", r"\1", text
    )  # a name that was a link to its chapter is one to its function
    text = re.sub(r"```python.*?```", lambda code: re.sub(r"\[(`[^`]+`)\]\([^)]+\)", r"\1", code[0]), text, flags=re.S)
    text = unnumbered(text)
    text = re.sub(
        r"\]\(([\w./]*)#([\w-]+)\)", lambda link: f"]({link[1]}#{link[2].lower()})", text
    )  # Jupyter's anchors have capitals
    for extra in EXTRAS:
        text = text.replace(f"]({up}../{extra}", f"]({up}{extra}")
    return re.sub(r'\n *"output-file: .*', "", text)


def rename():
    "Take the number off files and links (01_puppet.ipynb is puppet.html), and make links relative that nbdev makes to the published host."
    from nbdev.config import get_config

    cfg = get_config(path=ROOT)
    host = f"{cfg.doc_host.rstrip('/')}/{cfg.doc_baseurl.strip('/')}/"
    texts = {path: path.read_text(encoding="utf-8") for path in SITE.rglob("*.ipynb")}
    page = {path: path.relative_to(SITE).with_name(plain(path.name)).with_suffix(".html").as_posix() for path in texts}
    shown = {page[path]: headings(text) for path, text in texts.items()}
    for path, text in texts.items():
        path.write_text(relink(text, "../" * page[path].count("/"), host, shown), encoding="utf-8")
        path.rename(path.with_name(plain(path.name)))


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


def configure():
    "Put _quarto.yml, the licence, the contributor's page and the notes beside the processed chapters."
    for extra in EXTRAS:
        (SITE / extra).parent.mkdir(exist_ok=True)
        text = (ROOT / extra).read_text(encoding="utf-8").replace("](nbs/", "](")
        (SITE / extra).write_text(unnumbered(text), encoding="utf-8")
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))
    bar = config["website"]["sidebar"]
    bar["contents"] = existing(bar["contents"])
    (SITE / "_quarto.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def main():
    if not RENDER.exists():
        sys.exit("docs: smalldocs is not installed; it needs Python 3.11 or newer")
    process()
    rename()
    configure()
    sys.exit(subprocess.run([RENDER, "render", str(SITE)]).returncode)


if __name__ == "__main__":
    main()
