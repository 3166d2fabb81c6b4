#!/usr/bin/env bash
# What became of the runs of jobs/sweep.slurm: prints a table and leaves it as SWEEP-table.csv.
#
#   sweep_table.sh SWEEP TASK...        SWEEP is their folders' common part, such as outputs/mine of outputs/mine-1
set -euo pipefail

[ $# -ge 2 ] || {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 2
}
sweep=$1
shift

# column NAME FILE: that column of the last line of a CSV file; nothing where there is none.
column() {
    [ ! -e "$2" ] || awk -F, -v name="$1" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i }
        END { if (at && NR > 1) print $at }' "$2"
}

# Width by width for people, and in commas for programs; options may be lists.
line() {
    printf '%-24s %-12s %6s %20s %20s  %s\n' "$@"
    printf '%s,%s,%s,%s,%s,"%s"\n' "$@" >>"$sweep-table.csv"
}

rm -f "$sweep-table.csv"
line run state epoch train_loss validation_loss options
for task in "$@"; do
    folder=$sweep-$task
    history=$folder/history.csv
    if [ -e "$folder/model.h5" ]; then
        state=finished
    elif [ -d "$folder" ]; then
        state="NOT FINISHED"
    else
        state="NOT STARTED"
    fi
    line "$folder" "$state" "$(column epoch "$history")" "$(column train_loss "$history")" \
        "$(column validation_loss "$history")" "$(cat "$folder/sweep.txt" 2>/dev/null || true)"
done
