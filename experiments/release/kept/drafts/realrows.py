"realrows.py RUN...: the real test of runs, into their metrics.json, as evaluate.ipynb does."
import json,sys,time,os
from pathlib import Path
from pgp_nb.datasets.real_test import real_test
from pgp_nb.evaluation import write_metrics
from pgp_nb.prediction import PGP
import inspect
for run in map(Path,sys.argv[1:]):
    s=time.time()
    net=PGP.from_run(run).net
    real=real_test(net,os.environ["PGP_SAMPLES"],10000)
    m=json.loads((run/"metrics.json").read_text())
    write_metrics(run/"metrics.json",m|{"real":real}); print(run,time.time()-s,real["LSP-extended"]["all"],flush=True)
