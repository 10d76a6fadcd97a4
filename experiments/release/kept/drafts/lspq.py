import sys, torch
from pathlib import Path
from pgp_nb.datasets.real_test import _photographs, _found
from pgp_nb.engine.measure import predict_batches
from pgp_nb.prediction import PGP
from pgp_nb.networks import load_net
S=Path("/work/shared/data/lsp_extended_sample")
for w in sys.argv[1:]:
    if w.endswith(".pt"):
        from pgp_nb.engine import files
        import pgp_nb.prediction as P
        d=torch.load(w,map_location="cpu",weights_only=False); print(list(d)[:10] if isinstance(d,dict) else type(d)); 
        import pgp_nb.engine.config as C
        from pgp_nb.networks import PGPNet
        cfg=C.load_config(str(Path(w).parent/"config.yaml")); net=PGPNet(cfg.network)
        key=[k for k in d if "ema" in k or "mean" in k or "average" in k]
        sd=d[key[0]] if key else d.get("net",d.get("model")); net.load_state_dict(sd); net.eval()
    else: net=(PGP.from_run(w,"cpu") if "/" in w else PGP.from_pretrained(w,"cpu")).net
    ph=_photographs(S,net.cfg.size)
    f=predict_batches(net,ph.held.images,decoder=False,flip_test=True)
    q=ph.held.truth["joints_2d"]; a,n=_found(f["joints_2d"],q); b,_=_found(f["points_2d"],q)
    t=ph.tilt.abs(); r=lambda m:f"{float(a[m].sum()/n[m].sum()):.3f}"
    print(w,"all",r(t==t if False else torch.ones(len(t),dtype=torch.bool)),"points",f"{float(b.sum()/n.sum()):.3f}","<20",r(t<20),"20-60",r((t>=20)&(t<60)),">60",r(t>=60),"odd",r(ph.numbers%2==1),flush=True)
