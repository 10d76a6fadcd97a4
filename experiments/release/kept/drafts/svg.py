"svg.py NB CELL out.png: the picture of a cell, by chromium if it is an SVG."
import json,base64,sys,subprocess
nb,cid,out=sys.argv[1:]
for c in json.load(open(nb))["cells"]:
    if c["id"]==cid:
        for o in c["outputs"]:
            for k,v in o.get("data",{}).items():
                v="".join(v)
                if k=="image/svg+xml":
                    open("/tmp/t/f.svg","w").write(v)
                    subprocess.run(["chromium","--headless","--no-sandbox","--disable-gpu",f"--screenshot={out}","--window-size=1200,700","/tmp/t/f.svg"],capture_output=True)
                elif k.startswith("image/"): open(out,"wb").write(base64.b64decode(v))
