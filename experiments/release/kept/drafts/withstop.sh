#!/bin/bash
# run a command with training stopped
T=$(pgrep -f "python -m pgp_nb.training --(studies|release)|papermill experiments/evaluate|ipykernel_launcher" | tr '\n' ' ')
echo "stopped: $T"; kill -STOP $T; trap "kill -CONT $T" EXIT
"$@"
