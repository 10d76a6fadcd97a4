"ed(nb, (old, new), ...): exact replacement within single cells' sources; writes only if every pair matches exactly once."
import json
def ed(nb, *pairs):
    d = json.load(open(nb)); ok = True
    for old, new in pairs:
        hits = [c for c in d["cells"] if old in "".join(c["source"])]
        n = sum("".join(c["source"]).count(old) for c in hits)
        if n != 1: print(f"{nb}: {n} hits: {old[:80]!r}"); ok = False; continue
        c = hits[0]; c["source"] = "".join(c["source"]).replace(old, new).splitlines(keepends=True)
    if ok: open(nb, "w").write(json.dumps(d, indent=1, ensure_ascii=False) + "\n")
    return ok
