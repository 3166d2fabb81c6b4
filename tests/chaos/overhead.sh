#!/bin/sh
# What a checkpoint after each epoch of the tutorial run costs: training time (the last `seconds` of history.csv) with
# --checkpoint-every 1 against 0, turn and turn about, on 1 and 2 ranks. Wants a machine with nothing else to do.
#
#   overhead.sh PROGRAM [PAIRS] [OPTIONS...]     PROGRAM is the built multihead; 9 pairs; options of train, for both

[ $# -ge 1 ] || { sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit 2; }
program=$(realpath "$1") || exit 2
pairs=${2:-9}
shift "$(($# < 2 ? $# : 2))"
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 # containers

train() { # RANKS EVERY -- prints the seconds
    rm -rf outputs
    ranks=$1 every=$2
    shift 2
    set -- "$program" train --data data.h5 --run r --checkpoint-every "$every" --progress no "$@"
    [ "$ranks" = 1 ] || set -- mpirun -n "$ranks" "$@"
    "$@" 2>log >&2 || { cat log >&2; return 1; }
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "seconds") column = i } END { print $column }' \
        outputs/r/history.csv
}

summary() { # NAME UNIT -- of the numbers in a file of that name
    sort -n "$1" | awk -v name="$1" -v unit="$2" '{ x[NR] = $1 }
        END { middle = (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2
            printf "  %-22s median %.3f%s, %.3f to %.3f\n", name, middle, unit, x[1], x[NR] }'
}

"$program" generate --output data.h5 2>log >&2 || { cat log >&2; exit 1; }
for ranks in 1 2; do
    rm -f without with ratio
    train "$ranks" 0 "$@" >warm || exit 1
    pair=0
    while [ "$pair" -lt "$pairs" ]; do
        # Each is first in half of the pairs.
        first=$((pair % 2))
        a=$(train "$ranks" "$first" "$@") && b=$(train "$ranks" $((1 - first)) "$@") || exit 1
        [ "$first" = 0 ] || { swap=$a; a=$b; b=$swap; }
        echo "$a" >>without
        echo "$b" >>with
        echo "$a $b" | awk '{ print 100 * ($2 / $1 - 1) }' >>ratio
        pair=$((pair + 1))
    done
    echo "$ranks rank(s), $pairs pairs"
    summary without ' s'
    summary with ' s'
    mv ratio 'with against without'
    summary 'with against without' ' %'
done
