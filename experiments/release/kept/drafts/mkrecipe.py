"The recipe chapter with the release's part: from /tmp/t/recipe.txt (fresh dump) to /tmp/t/recipe_new.txt."
import re
text = open("/tmp/t/recipe.txt").read()
cells = re.split(r"(?m)^%%%% ", text)[1:]
ids = [c.split()[0] for c in cells]
cut = {i: c for i, c in zip(ids, cells)}
def sub(i, old, new):
    assert old in cut[i], (i, old[:60])
    cut[i] = cut[i].replace(old, new)
sub("228ccc86", """| cut-outs and self-training | 103.1 to 94.9; at 64 px about one | 96 px |
| Algorithm 1 after a good bootstrap | nothing for the pose; it trains the decoder | 64 px |
| larger images | 92.5 to 76.5 | 96 to 224 px |
| painted bodies and averaged weights | 76.5 to 73.9 | 224 px |
| pseudo-labels of films | 73.9 to 72.5 | 224 px |
""", """| cut-outs | about one | 64 px |
| Algorithm 1 after a good bootstrap | nothing for the pose; it trains the decoder | 64 px |
| larger images | @L96 to @L224 | 96 to 224 px |
""")
sub("228ccc86", "[results](results.ipynb) come from longer runs, and so do the later sections here.", "[results](results.ipynb) come from longer runs. The last sections are about one of those: the\nrelease, from ImageNet weights to the file that ships.")
start = cut["0eb587a0"].index('    "lite-paint":'); end = cut["0eb587a0"].index("}\n\n\ndef held")
cut["0eb587a0"] = cut["0eb587a0"][:start] + '''    "unsup-96": "96 px",
    "unsup-160": "160 px",
    "unsup-224": "224 px",
    "unsup-224-more": "224 px, once more",
    "unsup-decoder-more": "224 px, with a decoder",
''' + cut["0eb587a0"][end:]
sub("9166763d", "\n\nAt 96 px, from an encoder that had seen 4,500 iterations of paintings, cut-outs and self-training are worth ten\nmillimetres:", " At 96 px,\nafter 4,500 iterations of paintings, they were worth more (`experiments/NOTES.md`).")
first, last = ids.index("422f4ef7") - 1, ids.index("509dc4d9")
assert ids[first] == "95759073" or True
sub("95759073", cut["95759073"][cut["95759073"].index("## Larger images at the end"):], open("/tmp/t/release_intro.txt").read())
order = ids[:ids.index("b119e19a")] + ids[ids.index("26c50853") + 1 : ids.index("422f4ef7")]
assert "## Self-training" in cut["26c50853"]
cut["9166763d"] = cut["9166763d"].rstrip("\n") + "\n\n" + cut["26c50853"][cut["26c50853"].index("## Self-training"):]
tail = ids[last:]
out = "".join(f"%%%% {cut[i]}" for i in order) + open("/tmp/t/release_part.txt").read() + "".join(f"%%%% {cut[i]}" for i in tail)
open("/tmp/t/recipe_new.txt", "w").write(out)
print(sorted(set(re.findall(r"@\w+", out))))
