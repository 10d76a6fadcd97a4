"""The two diagrams of the method: nbs/images/method.svg (E, T and D) and nbs/images/algorithm1.svg (what is trained, what is frozen).

python tools/diagrams.py           draws both anew
"""

import re
from pathlib import Path

IMAGES = Path(__file__).resolve().parent.parent / "nbs/images"

# A light card with dark text, so that it reads on light and dark pages alike.
STYLE = """
text{font:15px sans-serif;fill:#1b1f24;text-anchor:middle}
.note{font-size:12.5px;fill:#4a525c}
.left{text-anchor:start}
.title{font-weight:bold}
.gradient{fill:#b3261e}
rect,path{stroke:#5b6572;stroke-width:1.4}
rect{fill:#fff}
path{fill:none}
.trained{fill:#ffd9a8;stroke:#b86a00}
.frozen{fill:#dfe3e8;stroke:#7b8592;stroke-dasharray:6 4}
.fixed{fill:#d7e6fb;stroke:#4573ad}
.loss{fill:#fbe3e1;stroke:#b3261e}
.group{fill:none;stroke:#4573ad;stroke-dasharray:2 4}
.card{fill:#fff;stroke:#d5dae0}
path.gradient{fill:none;stroke:#b3261e;stroke-width:2;stroke-dasharray:7 4}
"""
HEADS = "".join(
    f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse">'
    f'<path d="M0 0L10 5L0 10z" style="fill:{color};stroke:none"/></marker>'
    for name, color in (("head", "#5b6572"), ("back", "#b3261e"))
)


def symbols(text):
    "`p_{z}^{3D}` as text with lowered and raised pieces; one character needs no braces."
    out, level = "", 0
    for mark, inner, plain in re.findall(r"([_^])(\{[^}]*\}|.)|([^_^]+)", text):
        wanted = {"_": 5, "^": -6, "": 0}[mark]
        size = ' font-size="11"' if mark else ""
        out += f'<tspan dy="{wanted - level}"{size}>{inner.strip("{}") or plain}</tspan>'
        level = wanted
    return out


def text(x, y, line, kind=""):
    return f'<text x="{x}" y="{y}" class="{kind}">{symbols(line)}</text>'


def box(x, y, width, height, lines, kind=""):
    "A box with lines of text in its middle; the first line is its name, the others say more."
    first = y + height / 2 + 5 - 9 * (len(lines) - 1)
    words = [text(x + width / 2, first + 18 * n, line, "note" if n else "title") for n, line in enumerate(lines)]
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="7" class="{kind}"/>' + "".join(words)


def arrow(*points, kind=""):
    "An arrow along straight lines."
    path = "M" + "L".join(f"{x} {y}" for x, y in points)
    return f'<path d="{path}" class="{kind}" marker-end="url(#{"back" if kind == "gradient" else "head"})"/>'


def key(x, y, entries):
    "What the colours mean, in a row."
    out = ""
    for kind, words, width in entries:
        if kind == "gradient":
            out += arrow((x + 26, y - 5), (x, y - 5), kind=kind)
        else:
            out += f'<rect x="{x}" y="{y - 13}" width="26" height="16" rx="4" class="{kind}"/>'
        out += text(x + 34, y, words, "note left")
        x += width
    return out


def svg(width, height, title, description, shapes):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="title description">\n<title id="title">{title}</title>\n'
        f'<desc id="description">{description}</desc>\n<style>{STYLE}</style>\n<defs>{HEADS}</defs>\n'
        f'<rect x="1" y="1" width="{width - 2}" height="{height - 2}" rx="10" class="card"/>\n'
        + "\n".join(shapes)
        + "\n</svg>\n"
    )


def method():
    "The encoder E, the transforms T without weights and the decoder D, from two frames to an image and its segmentation."
    shapes = [
        box(24, 66, 88, 52, ["frame I_s", "who"]),
        box(24, 196, 88, 52, ["frame I_t", "which pose"]),
        text(68, 40, "one video", "note"),
        box(154, 56, 92, 202, ["E", "encoder", "(the same", "for both)"], "trained"),
        arrow((112, 92), (152, 92)),
        arrow((112, 222), (152, 222)),
        '<rect x="314" y="140" width="458" height="140" rx="10" class="group"/>',
        text(543, 160, "T: geometry, nothing to learn, differentiable", "note"),
        box(330, 176, 122, 60, ["T_{fk}", "limbs to joints"], "fixed"),
        box(500, 176, 100, 60, ["T_c", "camera"], "fixed"),
        box(648, 176, 108, 60, ["T_s", "puppet"], "fixed"),
        arrow((246, 206), (328, 206)),
        text(286, 197, "v^{3D}"),
        text(286, 223, "limbs", "note"),
        arrow((452, 206), (498, 206)),
        text(475, 197, "p^{3D}"),
        arrow((600, 206), (646, 206)),
        text(623, 197, "q, d"),
        arrow((246, 248), (286, 248), (286, 260), (550, 260), (550, 238)),
        text(420, 254, "c, camera", "note"),
        arrow((756, 206), (838, 206)),
        text(804, 197, "p"),
        text(806, 223, "part maps", "note"),
        arrow((246, 92), (838, 92)),
        text(543, 82, "a_s, appearance: clothes, skin, hair"),
        box(840, 56, 92, 202, ["D", "decoder"], "trained"),
        arrow((932, 92), (972, 92)),
        arrow((932, 206), (972, 206)),
        box(974, 66, 120, 52, ["Î", "image"]),
        box(974, 180, 120, 52, ["ŷ", "segmentation"]),
        box(330, 318, 122, 52, ["p_z", "unpaired 3D poses"]),
        arrow((452, 344), (576, 344), (576, 238)),
        text(590, 306, "in turn with the predicted pose,", "note left"),
        text(590, 322, "under a random camera", "note left"),
        key(862, 350, [("trained", "has weights", 130), ("fixed", "has none", 110)]),
    ]
    return svg(
        1114,
        390,
        "E, T and D",
        "The encoder E takes two frames of one video. From frame s comes the appearance a_s, which goes straight to the decoder D. "
        "From frame t come local limb vectors and a camera; forward kinematics, the camera and the puppet, which have no weights, "
        "turn them into part maps p for D. D returns an image and its segmentation. Unpaired 3D poses enter before the camera.",
        shapes,
    )


def energy_row(y, title, trained):
    "One energy update: D paints a_s in the pose p_z, E looks at it again; one of the two networks is frozen."
    e, d = ("trained", "frozen") if trained == "E" else ("frozen", "trained")
    word = {"trained": "trained", "frozen": "frozen"}
    shapes = [
        text(28, y, title, "title left"),
        text(60, y + 55, "I_s"),
        arrow((76, y + 50), (108, y + 50)),
        box(110, y + 22, 90, 56, ["E", word[e]], e),
        arrow((200, y + 50), (318, y + 50)),
        text(258, y + 42, "a_s"),
        text(388, y + 100, "p_z"),
        arrow((365, y + 104), (365, y + 80)),
        box(320, y + 22, 90, 56, ["D", word[d]], d),
        arrow((410, y + 50), (498, y + 50)),
        text(454, y + 42, "Î"),
        box(500, y + 22, 90, 56, ["E", f"{word[e]}, again"], e),
        arrow((590, y + 50), (678, y + 50)),
        text(634, y + 42, "p̂_z, â_s"),
        box(680, y + 22, 190, 56, ["| p_z − p̂_z |", "and | a_s − â_s |"], "loss"),
    ]
    ends = [(680, 592), (498, 412), (318, 202)] if trained == "E" else [(680, 592), (498, 412)]
    return shapes + [arrow((a, y + 71), (b, y + 71), kind="gradient") for a, b in ends]


def algorithm():
    "Algorithm 1: two alternating energy updates, and after each of them the consistency losses."
    y = 300
    shapes = [
        text(28, 34, "each iteration:  first one of these two …", "note left"),
        *energy_row(66, "odd: the energies train E", "E"),
        *energy_row(184, "even: the energies train D", "D"),
        text(28, y + 8, "… then this one", "note left"),
        text(28, y + 38, "every iteration: the consistency losses train both", "title left"),
        text(60, y + 87, "I_s, I_t"),
        arrow((88, y + 82), (108, y + 82)),
        box(110, y + 54, 90, 56, ["E", "trained"], "trained"),
        arrow((200, y + 82), (318, y + 82)),
        text(258, y + 74, "a_s, p_t"),
        text(388, y + 132, "p_z"),
        arrow((365, y + 136), (365, y + 112)),
        box(320, y + 54, 90, 56, ["D", "trained"], "trained"),
        arrow((410, y + 82), (678, y + 82)),
        text(544, y + 74, "Î, ŷ"),
        box(680, y + 54, 190, 56, ["ℒ_I^u,  ℒ_I^c,  ℒ_{seg}"], "loss"),
        arrow((680, y + 103), (412, y + 103), kind="gradient"),
        arrow((318, y + 103), (202, y + 103), kind="gradient"),
        arrow((870, y + 82), (900, y + 82), (900, 30), (330, 30)),
        key(
            110,
            y + 172,
            [
                ("trained", "trained", 95),
                ("frozen", "frozen: no update, gradients pass through", 295),
                ("loss", "losses, an optimizer for each", 220),
                ("gradient", "gradient", 90),
            ],
        ),
    ]
    return svg(
        920,
        496,
        "Algorithm 1",
        "In each iteration first an energy update: D paints the appearance a_s in the unpaired pose p_z, and E looks at the painted image again. "
        "In odd iterations E is trained and D frozen, in even ones D is trained and E frozen; gradients pass through the frozen network. "
        "Then, in every iteration, the consistency losses train both networks.",
        shapes,
    )


def main():
    for name, drawing in (("method", method()), ("algorithm1", algorithm())):
        (IMAGES / f"{name}.svg").write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main()
