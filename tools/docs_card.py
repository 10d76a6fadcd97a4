"""The picture that stands for the site where somebody shares a link: what the library does, above its name."""

from pathlib import Path

import yaml
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ("landing.jpg", "held_out.jpg")  # of nbs/images: the first that is there
SIZE, MARGIN = (1200, 630), 50
INK, PAPER = "#1b1f24", "#ffffff"


def font(size, weight):
    return ImageFont.truetype(
        font_manager.findfont(font_manager.FontProperties(family="DejaVu Sans", weight=weight)), size
    )


def wrapped(text, face, width):
    "A text in lines that are not wider."
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        lines[-1:] = [longer] if face.getlength(longer) <= width else [lines[-1], word]
    return "\n".join(lines)


def card(path):
    "Draw the card from a picture of the repository and the words of _quarto.yml."
    site = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))["website"]
    name = next(name for name in PICTURES if (ROOT / "nbs/images" / name).exists())
    picture = Image.open(ROOT / "nbs/images" / name).convert("RGB")
    width = SIZE[0] - 2 * MARGIN
    picture = picture.resize((width, round(width * picture.height / picture.width)), Image.Resampling.LANCZOS)
    whole = Image.new("RGB", SIZE, PAPER)
    whole.paste(picture, (MARGIN, MARGIN))
    draw, small = ImageDraw.Draw(whole), font(31, "normal")
    below = (MARGIN + picture.height + SIZE[1]) // 2
    draw.text((MARGIN, below), site["title"], INK, font(60, "bold"), "lm")
    left = MARGIN + font(60, "bold").getlength(site["title"]) + 45
    text = wrapped(site["description"], small, SIZE[0] - MARGIN - left)
    draw.multiline_text((left, below), text, INK, small, "lm", spacing=10)
    whole.save(path, quality=88, optimize=True)
