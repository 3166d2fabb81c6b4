#!/bin/sh
# What a checkpoint after each epoch of the tutorial run costs. One run writes one after every second epoch: an epoch in
# which one is written is compared with the two beside it, in which none is, so that what else the machine does falls
# out. Wants a machine with nothing else to do.
#
#   overhead.sh PROGRAM [RUNS] [OPTIONS...]     PROGRAM is the built multihead; 5 runs of 400 epochs on each of 1 and 2
#                                               ranks; options of train
# The data and the checkpoints lie in a folder that it makes where TMPDIR says.

[ $# -ge 1 ] || { sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit 2; }
program=$(realpath "$1") || exit 2
runs=${2:-5}
shift "$(($# < 2 ? $# : 2))"
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 # containers

train() { # RANKS OPTIONS... -- leaves outputs/r/history.csv
    rm -rf outputs
    ranks=$1
    shift
    set -- "$program" train --data data.h5 --run r --epochs 400 --checkpoint-every 2 --progress no "$@"
    [ "$ranks" = 1 ] || set -- mpirun -n "$ranks" "$@"
    "$@" 2>log >&2 || { cat log >&2; return 1; }
}

# Prints "MILLISECONDS PERCENT" for each epoch that had another before and behind it.
differences() {
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "seconds") column = i; next }
        { took[NR - 1] = $column - before; before = $column }
        # The checkpoint of epoch 2 is written while epoch 3 is trained.
        END { for (e = 3; e + 1 < NR; e += 2) { beside = (took[e - 1] + took[e + 1]) / 2
                  print 1000 * (took[e] - beside), 100 * (took[e] / beside - 1) } }' outputs/r/history.csv
}

"$program" generate --output data.h5 2>log >&2 || { cat log >&2; exit 1; }
for ranks in 1 2; do
    run=0
    while [ "$run" -lt "$runs" ]; do
        train "$ranks" "$@" || exit 1
        differences >found
        cat found >>"found.$ranks"
        run=$((run + 1))
    done
    sort -k2,2n "found.$ranks" | awk -v ranks="$ranks" '{ percent[NR] = $2; sum += $1 }
        END { printf "%d rank(s), %d checkpoints: median %.2f %%, quartiles %.2f and %.2f %%; mean %.2f ms\n", ranks, NR,
                  percent[int((NR + 1) / 2)], percent[int((NR + 3) / 4)], percent[int((3 * NR + 3) / 4)], sum / NR }'
done
