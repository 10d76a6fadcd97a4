#!/bin/bash
# exec.sh ARGS...: execute with the training stopped; log times
cd /work/main; export PGP_SAMPLES=/work/shared/data MPLBACKEND=agg PYTHONPATH=/work/main
for nb in "$@"; do
  s=$(date +%s)
  flag=""; case $nb in *:slow) flag=--slow; nb=${nb%:slow};; esac
  .venv/bin/python tools/execute.py $flag $nb > /tmp/t/ex.$(basename $nb).log 2>&1; echo "$nb rc $? $(( $(date +%s)-s )) s" >> /tmp/t/exec.log
done
echo done >> /tmp/t/exec.log
