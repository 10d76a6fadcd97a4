import torch
from pathlib import Path
from pgp_nb.datasets.real_test import _human36m_frames,_mpi_inf_3dhp_frames,_frame_rows
from pgp_nb.engine.measure import predict_batches, mean_pose_prediction
from pgp_nb.people.people import unpaired_poses
from pgp_nb.prediction import PGP
import sys
S=Path("/work/shared/data")
d=torch.from_numpy(unpaired_poses(2000,0,upright=True))
for w in sys.argv[1:]:
    net=PGP.from_pretrained(w,"cpu").net if "/" not in w else PGP.from_run(w,"cpu").net
    n=net.cfg.size
    tot={}
    for f in (_human36m_frames(S/"h36m_samples",n), _mpi_inf_3dhp_frames(S/"mpi_inf_3dhp_samples",n)):
        for turned in (False,True):
            p=lambda held: predict_batches(net, held.images, decoder=True, flip_test=True, turned=turned)
            for k,v in _frame_rows(f,p,lambda held: mean_pose_prediction(d,held.truth,n)).items():
                print(w,turned,k,{a:round(b,3) for a,b in v.items() if "mean" not in a})
                if "pa_mpjpe" in v:
                    s=tot.setdefault((turned,k),[0,0]); s[0]+=v["pa_mpjpe"]*v["pictures"]; s[1]+=v["pictures"]
    print(w,{k:round(a/b,1) for k,(a,b) in tot.items()})
