"""Pictures of chapters, all in one style: lines and letters as SVG with the images in it as they are, or else a JPEG as dense as fits.

`tools/execute.py` installs this in the kernel that runs a chapter; it overrides the formats that the chapter asks for itself.
"""

import base64, hashlib, io, re
from collections import Counter
from pathlib import Path

MOST = 60 * 1024  # bytes of a picture in a notebook
DENSITIES = (2, 1.5, 1)  # pixels of a JPEG for each pixel on the page
QUALITIES = (85, 75, 65, 55)
PIXELS = 4 / 3  # of the page for a point of a figure
IMAGE = re.compile(r'<image\b[^>]*?data:image/png;base64,\s*([^"]+)"[^>]*?/>')
PATH = r' d="([^"]*)"'
RUN = re.compile(r'<path d="[^"]*"(?P<rest>[^>]*)/>(?:<path d="[^"]*"(?P=rest)/>)+')
LOOK = Path(__file__).with_suffix(".mplstyle")  # sizes and colours of lines and letters
STYLE = {"svg.hashsalt": "pgp_nb", "svg.image_inline": True}


def encoded(tag, png, quality):
    "An image inside an SVG as WebP, with no more pixels than a dense screen shows: labels and masks without loss, pixel by pixel."
    from PIL import Image

    image = Image.open(io.BytesIO(base64.b64decode(png)))
    scale = float(found[1]) if (found := re.search(r"matrix\(([\d.]+)", tag)) else 1.0
    few = image.convert("RGBA").getcolors(32) is not None
    if not few:
        tag = re.sub(r' style="image-rendering[^"]*"', ' preserveAspectRatio="none"', tag)
        shrink = min(1.0, DENSITIES[0] * PIXELS * scale)
        image = image.resize([max(1, round(side * shrink)) for side in image.size], Image.Resampling.LANCZOS)
        if image.getextrema()[-1] == (255, 255):
            image = image.convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", method=6, **({"lossless": True} if few else {"quality": quality}))
    link = f'xlink:href="data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"'
    return re.sub(r'xlink:href="[^"]*"', link, re.sub(r' id="[^"]*"', "", tag), count=1)


def native(figure):
    "Let images of a figure go into the SVG pixel by pixel."
    from matplotlib.image import AxesImage

    for image in figure.findobj(AxesImage):
        if image.get_interpolation() in ("auto", "antialiased", "nearest"):
            image.set_interpolation("none")


def rounded(number):
    "A number with two decimals; a small one, which may be a scale, with four digits."
    value = float(number[0])
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) >= 1 else f"{value:.4g}"


def dense(path):
    return f' d="{re.sub(" ?([MLQCz]) ?", lambda command: command[1], path[1])}"'


def joined(run):
    "Lines of one style that follow each other as one path."
    if "fill: none" not in run["rest"] or "opacity" in run["rest"]:
        return run[0]
    return f'<path d="{"".join(re.findall(PATH, run[0]))}"{run["rest"]}/>'


def named_styles(text):
    "Styles that come again and again by a short name, the same for the same style."
    often = [style for style, times in Counter(re.findall(r' style="([^"]*)"', text)).items() if times > 2]
    names = {style: f"s{hashlib.md5(style.encode()).hexdigest()[:5]}" for style in often}
    for style, name in names.items():
        text = text.replace(f' style="{style}"', f' class="{name}"')
    sheet = "".join(f".{name}{{{style.replace('; ', ';').replace(': ', ':')}}}" for style, name in names.items())
    return text.replace(">", f"><style>{sheet}</style>", 1)


def small(text, quality):
    "An SVG without what nobody sees: comments, metadata, names of groups, hundredths of points."
    text = re.sub(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.S)
    text = IMAGE.sub(lambda found: encoded(found[0], found[1], quality), text)
    text = re.sub(r"> <", "><", re.sub(r"\s*\n\s*", " ", text).strip())
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    while (shorter := re.sub(r"<g>(<(?:path|use|image)\b[^>]*/>|)</g>", r"\1", text)) != text:
        text = shorter
    text = re.sub(r"(?<=[\s(,\"])-?\d*\.\d{3,}(?=[\s),\"])", rounded, text)
    text = re.sub(PATH, dense, text)
    return named_styles(RUN.sub(joined, text))


def svg(figure):
    "A figure as the best SVG that is small enough, the images in it as they are, letters drawn or else written; None if there is none."
    import matplotlib as mpl

    native(figure)
    for letters in ("path", "none"):
        buffer = io.StringIO()
        with mpl.rc_context({**STYLE, "svg.fonttype": letters}):
            figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
        for quality in QUALITIES:
            if len(text := small(buffer.getvalue(), quality)) <= MOST:
                return text
    return None


def jpeg(figure):
    "A figure as the densest JPEG that is small enough, with the size at which it is shown."
    for density in DENSITIES:
        for quality in QUALITIES:
            buffer = io.BytesIO()
            pil = {"quality": quality, "optimize": True, "progressive": True}
            figure.savefig(buffer, format="jpeg", bbox_inches="tight", dpi=density * figure.dpi, pil_kwargs=pil)
            if buffer.tell() <= MOST:
                return buffer.getvalue(), shown(buffer.getvalue(), density)
    return buffer.getvalue(), shown(buffer.getvalue(), density)


def shown(data, density):
    from PIL import Image

    return {k: round(x / density) for k, x in zip(("width", "height"), Image.open(io.BytesIO(data)).size)}


def install():
    "Show all figures of this kernel so."
    import matplotlib_inline.backend_inline as inline
    from IPython import get_ipython
    from matplotlib import style
    from matplotlib.figure import Figure

    style.use(LOOK)
    formatters = get_ipython().display_formatter.formatters

    def select(*arguments, **options):
        formatters["image/png"].pop(Figure, None)
        formatters["image/svg+xml"].for_type(Figure, svg)
        formatters["image/jpeg"].for_type(Figure, lambda figure: None if svg(figure) else jpeg(figure))

    inline.select_figure_formats = inline.set_matplotlib_formats = select
    select()
