"""The finished site against what it promises: exported code is on its page, links lead somewhere, nothing comes from another host.

python tools/docs_check.py
"""

import json, re, sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).parent))
from docs_pages import HEADING, blocks, text_of

SHARE = 0.95  # of the exported lines
SIZE = 25  # MB
EXPORTED = re.compile(r"^#\|\s*export[si]?\b", re.M)
LOADED = re.compile(r"""(?:url\(|@import|\bfrom|\bimport|\bfetch\()\s*["']?((?:https?:)?//[^"')\s]+)""")
NAME_LINK = re.compile(r'<a class="code-name" href="([^"]*)">(.*?)</a>', re.S)
DEFINED = re.compile(r'<span id="(def-[^"]+)">(.*?)</span>', re.S)
LIVE = re.compile(r'<div class="pgp-live".*?</div>', re.S)  # its figure has captions of its own
FIGURE = re.compile(r"<figure\b(?:(?!</figure>).)*<figcaption\b.*?</figure>", re.S)
RAW_FORMULA = re.compile(r"\\[(\[].*?\\[)\]]|\$\\?[a-zA-Z][^$\n]*\$")


class Page(HTMLParser):
    "What a page holds: its anchors, links, what it loads, pictures without a text, code, and words outside code and formulas."

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loads, self.silent = [], [], [], 0
        self.code, self.words, self.inside = [], [], Counter()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        have = dict(attributes)
        if tag in ("pre", "code", "math", "script", "style", "textarea"):
            self.inside[tag] += 1
        if have.get("id"):
            self.anchors.append(have["id"])
        if tag == "a" and have.get("href") is not None:
            self.links.append(have["href"])
        elif tag != "a" and tag != "base":
            self.loads += [
                have[k] for k in ("src", "href", "data", "poster") if have.get(k) and not have[k].startswith("data:")
            ]
        if tag == "img" and not have.get("alt"):
            self.silent += 1

    def handle_endtag(self, tag):
        self.inside[tag] -= tag in self.inside
        if tag == "pre":
            self.code.append("\n")

    def handle_data(self, data):
        if self.inside["pre"] > 0:
            self.code.append(data)
        elif not any(count > 0 for count in self.inside.values()):
            self.words.append(data)


def lines(code):
    return [line.rstrip() for line in code.splitlines() if line.strip() and not line.startswith("#|")]


def exported_lines(notebook):
    "The lines of a notebook's exported cells."
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return [line for code in sources if EXPORTED.search(code) for line in lines(code)]


def code_share(notebooks, found):
    "How many exported lines there are, and how many of them their page shows."
    wanted, shown = 0, 0
    for notebook, path in notebooks.items():
        needed = Counter(exported_lines(notebook))
        wanted += needed.total()
        shown += (needed & Counter(lines("".join(found[path].code)))).total()
    return wanted, shown


def destination(out, path, link):
    "The file of the site that a link on the page `path` leads to, and its anchor."
    parts = urlsplit(link)
    place = (out / path).parent / unquote(parts.path) if parts.path else out / path
    file = place.resolve()
    return (file / "index.html" if file.is_dir() else file), unquote(parts.fragment)


def link_faults(out, path, page, anchors):
    "Links of a page to a file or an anchor that is not there."
    for link in page.links + page.loads:
        if re.match(r"\w+:|//", link) or link in ("", "#"):
            continue
        file, anchor = destination(out, path, link)
        if not file.exists():
            yield f"leads to {link}, which is not there"
        elif anchor and file in anchors and anchor not in anchors[file]:
            yield f"leads to {link}, which has no such anchor"


def anchored(text):
    "The words at the anchors of a page: its headings, and what its code defines."
    headings = {anchor: text_of(inner) for _, anchor, inner in HEADING.findall(text)}
    return headings | {anchor: text_of(inner) for anchor, inner in DEFINED.findall(text)}


def name_faults(out, path, text, named):
    "Links of names, in code and text, that do not lead to the definition of that name. `named` holds the words at the anchors of each page."
    for link, inner in NAME_LINK.findall(text):
        file, anchor = destination(out, path, link)
        name = text_of(inner).removesuffix("()")
        found = named.get(file, {}).get(anchor, "")
        if not found or found not in (name, name.rpartition(".")[0], name.rpartition(".")[2]):
            yield f"leads from {name} to {link}, where {found or 'nothing'} is defined"


def signature_faults(text, source):
    "Signatures that hide the parameters which the source names."
    for code, kind in blocks(text):
        if kind == "signature" and "*args, **kwargs" in " ".join(code.split()) and code not in source:
            yield f"has a signature that hides its parameters: {code.splitlines()[0]}"


def uncaptioned(text):
    "How many pictures of a page have no caption."
    main = text.partition("<main")[2].partition("</main>")[0]
    return FIGURE.sub("", LIVE.sub("", main)).count("<img ")


def page_faults(page, text):
    "What is wrong with a page by itself."
    yield from (f"loads {load} from another host" for load in page.loads if re.match(r"https?:|//", load))
    yield from (f"has the anchor {a} {n} times" for a, n in Counter(page.anchors).items() if n > 1)
    yield from (f"shows a formula as {found[0]}" for found in RAW_FORMULA.finditer("".join(page.words)))
    if page.silent:
        yield f"has {page.silent} pictures without a text: write `#| fig-alt:` in their cells"
    if bare := uncaptioned(text):
        yield f"has {bare} pictures without a caption: write `#| fig-cap:` in their cells"


def foreign(out):
    "Style sheets and scripts that load something from another host."
    for file in [*out.rglob("*.css"), *out.rglob("*.js")]:
        for found in LOADED.finditer(file.read_text(encoding="utf-8")):
            yield f"{file.relative_to(out).as_posix()}: loads {found[1]}"


def check(out, notebooks):
    "Faults of the site in `out`, in words; `notebooks` holds the page of each notebook."
    paths = {path: path.relative_to(out).as_posix() for path in out.rglob("*.html")}
    texts = {name: path.read_text(encoding="utf-8") for path, name in paths.items()}
    found = {name: Page(text) for name, text in texts.items()}
    named = {path.resolve(): anchored(texts[name]) for path, name in paths.items()}
    source = "\n".join(code for text in texts.values() for code, kind in blocks(text) if kind == "source")
    anchors = {path.resolve(): set(found[name].anchors) | {"top"} for path, name in paths.items()}
    faults = list(foreign(out))
    for name, page in found.items():
        links = [] if name == "404.html" else list(link_faults(out, name, page, anchors))
        names = [*name_faults(out, name, texts[name], named), *signature_faults(texts[name], source)]
        faults += [f"{name}: {fault}" for fault in dict.fromkeys([*page_faults(page, texts[name]), *links, *names])]
    wanted, shown = code_share(notebooks, found)
    size = sum(p.stat().st_size for p in out.rglob("*") if p.is_file()) / 1e6
    pictures = sum(text.count("<img ") for text in texts.values())
    print(
        f"site: {len(found)} pages, {pictures} pictures, {sum(len(p.links) for p in found.values())} links, {size:.1f} MB"
    )
    print(f"site: {shown} of {wanted} exported lines are on their pages ({shown / wanted:.1%})")
    if shown < SHARE * wanted:
        faults.append(
            f"{shown / wanted:.1%} of the exported lines are on their pages, at least {SHARE:.0%} are asked for"
        )
    if size > SIZE:
        faults.append(f"the site has {size:.1f} MB, {SIZE} are allowed")
    return faults


if __name__ == "__main__":
    from docs_chapters import ROOT, pages

    sys.exit("\n".join(check(ROOT / "_docs", pages())) or 0)
