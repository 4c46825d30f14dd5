#!/bin/bash
# One search over the nodes of a Slurm job. From the top of the checkout, on a file system that all nodes see:
#   sbatch cluster/slurm.sh --dataset salinas --budget 200
# The arguments are those of `hsiauto search`. The run folder is runs/slurm-<job>; a job that Slurm requeues goes on there.
#SBATCH --job-name=hsiauto
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-task=1
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

# shellcheck source=/dev/null
source .venv/bin/activate

run="$PWD/runs/slurm-$SLURM_JOB_ID"
if [[ -f "$run/journal.jsonl" ]]; then
    search=(hsiauto search --resume "$run")
else
    search=(hsiauto search "$@" --out "$run")
fi

head_node=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
head_ip=$(srun --nodes=1 --ntasks=1 --nodelist="$head_node" hostname --ip-address | awk '{print $1}')
port=$((20000 + SLURM_JOB_ID % 10000)) # two jobs on one node must not meet

# Starts Ray on every node, waits for all of them, runs the command on the head alone, and stops Ray when it ends.
# Nodes know each other by a token in the home folder, which they share.
(umask 077; ray get-auth-token --generate >/dev/null) # a file that nobody else may read
export RAY_AUTH_MODE=token RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=120
srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" --cpus-per-task="$SLURM_CPUS_PER_TASK" \
    ray symmetric-run --address "$head_ip:$port" --min-nodes "$SLURM_JOB_NUM_NODES" \
    --num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus="${SLURM_GPUS_PER_TASK:-0}" --disable-usage-stats \
    -- "${search[@]}" --address "$head_ip:$port"
