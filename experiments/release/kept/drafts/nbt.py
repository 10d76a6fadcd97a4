"dump NB OUT: sources as text; load NB IN: sources back (order and cells as in the text; outputs of unchanged cells stay)."
import json, sys, re, uuid
def src(c): return "".join(c["source"])
def main(mode, nb, txt):
    d = json.load(open(nb))
    if mode == "dump":
        with open(txt, "w") as f:
            for c in d["cells"]:
                out = f" [{len(c.get('outputs', []))} outputs]" if c["cell_type"] == "code" else ""
                f.write(f"%%%% {c['id']} {c['cell_type']}{out}\n{src(c)}\n")
        return
    old = {c["id"]: c for c in d["cells"]}
    cells = []
    for part in re.split(r"(?m)^%%%% ", open(txt).read())[1:]:
        head, body = part.split("\n", 1)
        body = body[:-1] if body.endswith("\n") else body
        cid, kind = head.split()[:2]
        c = old.get(cid)
        if c is None:
            c = {"cell_type": kind, "id": uuid.uuid4().hex[:8] if cid == "new" else cid, "metadata": {}, "source": []}
            if kind == "code": c.update(execution_count=None, outputs=[])
        if src(c) != body:
            c["source"] = body.splitlines(keepends=True)
            if kind == "code": c.update(execution_count=None, outputs=[])
        cells.append(c)
    d["cells"] = cells
    open(nb, "w").write(json.dumps(d, indent=1, ensure_ascii=False) + "\n")
main(*sys.argv[1:])
