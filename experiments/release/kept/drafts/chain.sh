#!/bin/bash
cd /tmp/w/run7
export PYTHONPATH=/tmp/w/run7 OMP_NUM_THREADS=2
unset MALLOC_MMAP_THRESHOLD_
. /tmp/env.sh
exec /work/main/.venv/bin/python -m pgp_nb.training --release experiments/release/unsup.yaml --run /work/main/runs >> /tmp/w/run7.log 2>&1
