import sys
from pgp_nb.prediction import PGP
from pgp_nb.synthesis import compare_synthesis, film_reference
ref=film_reference(24,224,seed=0)
for w in sys.argv[1:]:
    net=(PGP.from_run(w,"cpu") if "/" in w else PGP.from_pretrained(w,"cpu")).net
    for t,v in compare_synthesis(net,ref).items(): print(w,t,{k:{a:round(b,3) for a,b in s.items() if isinstance(b,float)} for k,s in v.items() if 'decoder' in k},flush=True)
