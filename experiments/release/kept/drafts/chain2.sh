#!/bin/bash
# waits for the release, then the rest
cd /tmp/w/run7
export PYTHONPATH=/tmp/w/run7 OMP_NUM_THREADS=2 PGP_SAMPLES=/work/shared/data MPLBACKEND=agg
unset MALLOC_MMAP_THRESHOLD_
. /tmp/env.sh
P=/work/main/.venv/bin
while pgrep -f "pgp_nb.training --release experiments/release/unsup.yaml" >/dev/null; do sleep 5; done
[ -e /tmp/w/stop ] && exit
git pull -q
for step in "$@"; do
  [ -e /tmp/w/stop ] && exit
  echo "== $step $(date)" >> /tmp/w/chain2.log
  case $step in
    eval:*) $P/papermill experiments/evaluate.ipynb runs/${step#eval:}/evaluate.ipynb -p weights runs/${step#eval:} ;;
    study:*) $P/python -m pgp_nb.training --studies experiments/studies.yaml ${step#study:} --run runs ;;
    evalp:*) $P/papermill experiments/evaluate.ipynb runs/${step#evalp:}/evaluate.ipynb -p weights runs/${step#evalp:} -p people_to_paint 0 ;;
    real) $P/python -m pgp_nb.training --release experiments/release/unsup-real.yaml --run /work/main/runs ;;
    seed:*) $P/python -m pgp_nb.training --preset runs/unsup-joint-s0/config.yaml --set seed=${step#seed:} --run runs/unsup-joint-s${step#seed:} ;;
  esac >> /tmp/w/chain2.log 2>&1
done
