"""The pictures of a page as files beside it, which load when they are looked at; the same picture is one file."""

import base64, hashlib, io, json, re

from PIL import Image

FOLDER = "pictures"
DRAWING = re.compile(r'<svg(?: alt="([^"]*)")? xmlns:xlink=.*?</svg>', re.S)
EMBEDDED = re.compile(r'<img\b([^>]*?)\bsrc="data:image/(\w+);base64,([^"]+)"([^>]*)>')
PIXELS = {"pt": 4 / 3, "px": 1, "": 1, "in": 96}


def sizes(notebook):
    "The sizes at which a notebook shows its dense pictures, by what they hold."
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", []) if output.get("metadata")]
    return {
        "".join(output["data"][kind]).strip(): (size["width"], size["height"])
        for output in outputs
        for kind, size in output["metadata"].items()
        if kind in output.get("data", {}) and isinstance(size, dict) and "width" in size
    }


def stored(out, data, ending):
    "The name of a picture in the folder of all pictures."
    name = f"{FOLDER}/{hashlib.md5(data).hexdigest()[:12]}.{ending}"
    (out / FOLDER).mkdir(exist_ok=True)
    (out / name).write_bytes(data)
    return name


def side(drawing, which):
    "Width or height of an SVG in pixels of the page."
    number, unit = re.search(rf'\b{which}="([\d.]+)(\w*)"', drawing).groups()
    return round(float(number) * PIXELS[unit])


def pictures(page, path, out, shown):
    "A page whose pictures are files. `shown` holds the sizes of dense ones."
    up = "../" * path.count("/")

    def tag(name, size, rest):
        sized = "" if " width=" in rest else f' width="{size[0]}" height="{size[1]}"'
        return f'<img src="{up}{name}"{sized} loading="lazy" {" ".join(rest.split())}>'

    def drawing(found):
        data = re.sub(r'^<svg alt="[^"]*"', "<svg", found[0]).encode()
        size = side(found[0], "width"), side(found[0], "height")
        return tag(stored(out, data, "svg"), size, f'class="img-fluid" alt="{found[1] or ""}"')

    def embedded(found):
        data = base64.b64decode(found[3])
        size = shown.get(found[3]) or Image.open(io.BytesIO(data)).size
        return tag(stored(out, data, found[2]), size, f"{found[1]} {found[4]}")

    return EMBEDDED.sub(embedded, DRAWING.sub(drawing, page))
