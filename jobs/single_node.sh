#!/usr/bin/env bash
# From nothing to two trained models on this machine: installs what is missing, builds, makes the tutorial's data,
# trains both of its models on the cores there are and prints how well they do.
#
#   ./jobs/single_node.sh [OPTIONS]     OPTIONS go through to `multihead train`, such as --epochs 20
#   RANKS=4 ./jobs/single_node.sh       on four ranks, whatever the number of cores
set -euo pipefail
cd "$(dirname "$0")/.."
source jobs/install.sh

install_missing gnuplot-nox
build_program build/release -DMULTIHEAD_TESTS=OFF
allow_root_mpi

multihead=build/release/multihead
ranks=${RANKS:-$(nproc)}
data=data/tutorial.h5
launch=(mpirun -n "$ranks")
# More ranks than cores share them; Open MPI wants to be told.
[ "$ranks" -le "$(nproc)" ] || launch+=(--oversubscribe)

[ -e "$data" ] || "$multihead" generate --output "$data"

# The tutorial trains on the first 9,900 rows and keeps 100 to look at. --resume none: each call trains anew.
train() {
    local run=$1
    shift
    "${launch[@]}" "$multihead" train --data "$data" --rows :9900 --run "$run" --resume none "$@"
}

# The last rows of a run, as the tutorial prints them, and its numbers beside those of the base rates.
show() {
    local model=outputs/$1/model.h5
    echo
    echo "$2, on the 100 rows that it has not seen:"
    "$multihead" predict --model "$model" --data "$data" --rows -100:-90
    echo "..."
    "$multihead" evaluate --model "$model" --data "$data" --rows -100:
}

train binary --heads binary "$@"
train multi-category --heads softmax "$@"
show binary "Binary heads"
show multi-category "Multi-category heads"
echo
echo "Models, histories and loss curves are in outputs/binary and outputs/multi-category."
