#!/usr/bin/env bash
# Two Ray nodes on this machine, one CPU each, and a command on both. To try a cluster without having one:
#   cluster/two_nodes.sh                                   # a small search on the demo scene
#   cluster/two_nodes.sh hsiauto search --dataset salinas --budget 50 --out runs/two-nodes
#   REMOVE_AFTER_S=60 cluster/two_nodes.sh                 # the second node is killed so long after the command's start
# The command gets --address. Only what was started here is stopped at the end; the exit code is the command's.
set -euo pipefail

port=${PORT:-6399}
cpus=${CPUS_PER_NODE:-1}
remove_after_s=${REMOVE_AFTER_S:-}
if [[ $# -eq 0 ]]; then
    set -- hsiauto search --dataset demo --families cnn1d,forest --budget 8 --max-epochs 2 \
        --winner-seeds 1 --other-seeds 1 --further-splits 0 --out "runs/two-nodes-$(date +%Y%m%d-%H%M%S)"
fi
export RAY_USAGE_STATS_ENABLED=0
export RAY_raylet_start_wait_time_s=${RAY_raylet_start_wait_time_s:-120} # a busy machine starts slowly
# Since Ray 2.52 nodes and clients know each other by a token in the home folder, which nobody else may read.
if (umask 077; ray get-auth-token --generate >/dev/null 2>&1); then export RAY_AUTH_MODE=token; fi
nodes=()

stop() {
    kill "${nodes[@]}" 2>/dev/null || true
    wait "${nodes[@]}" 2>/dev/null || true
}
trap stop EXIT

node() { # --block: the node's processes end with the one that we know
    ray start "$@" --num-cpus="$cpus" --object-store-memory=200000000 --block >/dev/null &
    nodes+=($!)
}

node --head --node-ip-address=127.0.0.1 --port="$port" --include-dashboard=false
until ray status --address="127.0.0.1:$port" >/dev/null 2>&1; do
    kill -0 "${nodes[0]}" || { echo "the head did not start; is port $port taken? PORT=... chooses another" >&2; exit 1; }
    sleep 1
done
node --address="127.0.0.1:$port" --node-ip-address=127.0.0.1
until [[ $(ray status --address="127.0.0.1:$port" 2>/dev/null | grep -c '^ 1 node_') -eq 2 ]]; do
    kill -0 "${nodes[1]}" || { echo "the second node did not start" >&2; exit 1; }
    sleep 1
done
echo "two nodes of $cpus CPU each at 127.0.0.1:$port"

if [[ -n "$remove_after_s" ]]; then
    (sleep "$remove_after_s" && echo "removing the second node" && kill "${nodes[1]}") &
    nodes+=($!)
fi
"$@" --address "127.0.0.1:$port"
