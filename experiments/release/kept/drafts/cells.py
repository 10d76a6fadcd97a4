import json,sys,glob
want=set(sys.argv[1:])
for p in sorted(glob.glob('/work/main/nbs/**/*.ipynb',recursive=True)):
    for c in json.load(open(p))['cells']:
        if c['id'] in want: print('=====',p.replace('/work/main/nbs/',''),c['id'],c['cell_type']); print(''.join(c['source']))
