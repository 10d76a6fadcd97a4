"""README.md from nbs/index.ipynb: the text as it is, code as Python blocks, printed results below them.

    python tools/readme.py    (tools/check.py says whether it is up to date)

Of cells with `#| echo: false` only the Markdown that they give is kept. Hidden cells, pictures in outputs and cells that begin with `<!-- site only -->` are left out; a picture for both readers is a file in nbs/images that the text links.
"""

import json, re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Written by `make readme` from nbs/index.ipynb: edit that notebook. -->\n"


def join(text):
    return text if isinstance(text, str) else "".join(text)


SITE_ONLY = "<!-- site only -->"


def from_root(markdown):
    "Links to other chapters and to pictures, relative to nbs/, become relative to the repository."
    return re.sub(r"(\]\(|src=\")(?!https?:|#|/|mailto:|data:|\.\./)", r"\1nbs/", markdown).replace("](../", "](")


def output_text(output):
    "What a reader sees of one output as plain text: printed lines or a result's representation."
    if output["output_type"] == "stream":
        return join(output["text"])
    data = output.get("data", {})
    if any(kind.startswith("image/") for kind in data):
        return ""
    return join(data.get("text/plain", ""))


def code_markdown(cell):
    "A code cell and what it printed; of one with `#| echo: false` its Markdown alone; nothing for a hidden cell."
    lines = join(cell["source"]).splitlines()
    directives = {line.replace("#|", "").split(":")[0].strip() for line in lines if line.startswith("#|")}
    if directives & {"hide", "default_exp"}:
        return ""
    if "echo" in directives:
        texts = (join(out.get("data", {}).get("text/markdown", "")) for out in cell["outputs"])
        return from_root("\n\n".join(texts).strip())
    code = "\n".join(line for line in lines if not line.startswith("#|")).strip()
    shown = "".join(text if text.endswith("\n") else text + "\n" for text in map(output_text, cell["outputs"]) if text)
    return f"```python\n{code}\n```" + (f"\n\n```text\n{shown.rstrip()}\n```" if shown.strip() else "") if code else ""


def readme(notebook):
    "The README's text for a notebook read by `json`."
    shown = [c for c in notebook["cells"] if c["cell_type"] != "raw" and not join(c["source"]).startswith(SITE_ONLY)]
    cells = (from_root(join(c["source"])) if c["cell_type"] == "markdown" else code_markdown(c) for c in shown)
    return NOTE + "\n" + "\n\n".join(text.strip() for text in cells if text.strip()) + "\n"


def main():
    notebook = json.loads((ROOT / "nbs/index.ipynb").read_text(encoding="utf-8"))
    (ROOT / "README.md").write_text(readme(notebook), encoding="utf-8")


if __name__ == "__main__":
    main()
