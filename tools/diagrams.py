"""The diagrams of the method: nbs/images/method.svg (E, T and D; method-narrow.svg for phones) and nbs/images/algorithm1.svg (what is trained, what is frozen).

    python tools/diagrams.py           draws them anew

On the landing page the boxes of the first lead to the chapters that build them. A picture that is linked as a file cannot do that, so there a cell
puts it into the page itself.
"""

import re
from pathlib import Path

IMAGES = Path(__file__).resolve().parent.parent / "nbs/images"

# A light card with dark text, so that it reads on light and dark pages alike. Inside a page a drawing styles itself and nothing else.
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
a{text-decoration:none}
a:hover rect,a:focus rect{stroke-width:3.2}
a:hover text,a:focus text{text-decoration:underline}
"""
STYLE = re.sub(r"(^|,)(?=[\w.])(?=[^{}]*{)", r"\1.drawing ", STYLE, flags=re.M)
HEADS = {"head": "#5b6572", "back": "#b3261e"}


def heads(name):
    "The heads of arrows, under names that no other drawing of a page has."
    return "".join(
        f'<marker id="{name}-{head}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        f'orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" style="fill:{color};stroke:none"/></marker>'
        for head, color in HEADS.items()
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


def box(x, y, width, height, lines, kind="", page=""):
    "A box with lines of text in its middle; the first line is its name, the others say more. With a page it leads there."
    first = y + height / 2 + 5 - 9 * (len(lines) - 1)
    words = [text(x + width / 2, first + 18 * n, line, "note" if n else "title") for n, line in enumerate(lines)]
    drawn = f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="7" class="{kind}"/>' + "".join(words)
    return f'<a href="../{page}">{drawn}</a>' if page else drawn


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
    name = re.sub(r"\W+", "-", title.lower())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'class="drawing" aria-labelledby="{name} {name}-text">\n<title id="{name}">{title}</title>\n'
        f'<desc id="{name}-text">{description}</desc>\n<style>{STYLE}</style>\n<defs>{heads(name)}</defs>\n'
        f'<rect x="1" y="1" width="{width - 2}" height="{height - 2}" rx="10" class="card"/>\n'
        + "\n".join(shapes).replace("url(#", f"url(#{name}-")
        + "\n</svg>\n"
    )


def method():
    "The encoder E, the transforms T without weights and the decoder D, from two frames to an image and its segmentation."
    shapes = [
        box(24, 66, 88, 52, ["frame I_s", "who"], page="datasets/samples.html"),
        box(24, 196, 88, 52, ["frame I_t", "which pose"], page="datasets/samples.html"),
        text(68, 40, "one video", "note"),
        box(154, 56, 92, 202, ["E", "encoder", "(the same", "for both)"], "trained", page="networks.html"),
        arrow((112, 92), (152, 92)),
        arrow((112, 222), (152, 222)),
        '<rect x="314" y="140" width="458" height="140" rx="10" class="group"/>',
        text(543, 160, "T: geometry, nothing to learn, differentiable", "note"),
        box(330, 176, 122, 60, ["T_{fk}", "limbs to joints"], "fixed", page="kinematics.html"),
        box(500, 176, 100, 60, ["T_c", "camera"], "fixed", page="camera.html"),
        box(648, 176, 108, 60, ["T_s", "puppet"], "fixed", page="puppet.html"),
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
        box(840, 56, 92, 202, ["D", "decoder"], "trained", page="networks.html"),
        arrow((932, 92), (972, 92)),
        arrow((932, 206), (972, 206)),
        box(974, 66, 120, 52, ["Î", "image"], page="losses.html"),
        box(974, 180, 120, 52, ["ŷ", "segmentation"], page="segmentation.html"),
        box(330, 318, 122, 52, ["p_z", "unpaired 3D poses"], page="people/motions.html"),
        arrow((452, 344), (576, 344), (576, 238)),
        text(590, 306, "in turn with the predicted pose,", "note left"),
        text(590, 322, "under a random camera", "note left"),
        key(862, 350, [("trained", "has weights", 130), ("fixed", "has none", 110)]),
    ]
    return svg(
        1114,
        390,
        "The method",
        "The encoder E takes two frames of one video. From frame s comes the appearance a_s, which goes straight to the decoder D. "
        "From frame t come local limb vectors and a camera; forward kinematics, the camera and the puppet, which have no weights, "
        "turn them into part maps p for D. D returns an image and its segmentation. Unpaired 3D poses enter before the camera.",
        shapes,
    )


def narrow_method():
    "The same from top to bottom, for phones."
    shapes = [
        box(16, 16, 110, 48, ["frame I_s", "who"], page="datasets/samples.html"),
        box(176, 16, 134, 48, ["frame I_t", "which pose"], page="datasets/samples.html"),
        arrow((40, 64), (40, 92)),
        arrow((243, 64), (243, 92)),
        box(16, 94, 328, 50, ["E", "encoder (the same for both frames)"], "trained", "networks.html"),
        arrow((40, 144), (40, 430)),
        text(52, 372, "a_s", "left"),
        text(52, 390, "appearance", "note left"),
        arrow((243, 144), (243, 176)),
        text(253, 164, "v^{3D}, limbs", "note left"),
        box(176, 178, 134, 50, ["T_{fk}", "limbs to joints"], "fixed", "kinematics.html"),
        arrow((243, 228), (243, 260)),
        text(253, 248, "p^{3D}", "left"),
        box(176, 262, 134, 50, ["T_c", "camera"], "fixed", "camera.html"),
        arrow((330, 144), (330, 287), (312, 287)),
        text(338, 210, "c", "left"),
        box(58, 178, 92, 68, ["p_z", "unpaired", "3D poses"], page="people/motions.html"),
        arrow((104, 246), (104, 287), (174, 287)),
        arrow((243, 312), (243, 344)),
        text(253, 332, "q, d", "left"),
        box(176, 346, 134, 50, ["T_s", "puppet"], "fixed", "puppet.html"),
        arrow((243, 396), (243, 430)),
        text(253, 418, "p, part maps", "note left"),
        box(16, 432, 328, 50, ["D", "decoder"], "trained", "networks.html"),
        arrow((71, 482), (71, 512)),
        arrow((243, 482), (243, 512)),
        box(16, 514, 110, 48, ["Î", "image"], page="losses.html"),
        box(176, 514, 134, 48, ["ŷ", "segmentation"], page="segmentation.html"),
        key(60, 592, [("trained", "has weights", 130), ("fixed", "has none", 110)]),
    ]
    words = "The method from top to bottom: the encoder, the transforms without weights, the decoder."
    return svg(360, 610, "The method, narrow", words, shapes)


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
    for name, drawing in (("method", method()), ("method-narrow", narrow_method()), ("algorithm1", algorithm())):
        (IMAGES / f"{name}.svg").write_text(drawing, encoding="utf-8")


if __name__ == "__main__":
    main()
