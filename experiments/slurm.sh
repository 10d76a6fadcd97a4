#!/bin/bash
# Workers for a list of runs, an array job of Slurm: each task takes a run that is free, and then the next.
#   sbatch --array=1-8 experiments/slurm.sh experiments/studies.yaml tables --run runs --seeds 0 1 2
# Send it as often as needed, from the root of the repository: what is finished is not done again, what stopped goes on.
#SBATCH --job-name=pgp_nb
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=4
#SBATCH --mem=32G
#SBATCH --time=01:00:00
#SBATCH --output=slurm-%A_%a.txt
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
exec srun pgp-nb train --minutes 55 --list "$@"
