#!/bin/sh
# More of what the tests of a build try a sample of; says how much it was. BUILD is the folder of the build.
#
#   run.sh BUILD stops FIRST COUNT   runs stopped at random, with seeds FIRST, FIRST + 1, ..., for each configuration
#   run.sh BUILD disk                a run that is killed or fails at every call that changes a file
#
# CHAOS_JOBS is how many run at a time; TMPDIR where, and in memory (/dev/shm) it is much faster.

usage() {
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
    exit 2
}

case $2:$# in
stops:4) suite=chaos; export CHAOS_FIRST="$3" CHAOS_COUNT="$4" ;;
disk:2) suite=disk; export DISK_STRIDE=1 ;;
*) usage ;;
esac

log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

"$1/tests/chaos/chaos_tests" -j"${CHAOS_JOBS:-4}" --filter "$suite/*" 2>&1 | tee "$log"
sed -n 's/.*, \([0-9]*\) rounds, \([0-9]*\) of them stopped, \([0-9]*\) launchers hung$/\1 \2 \3/p' "$log" |
    awk '{ rounds += $1; stops += $2; hung += $3 }
        END { if (NR) print rounds " rounds, " stops " of them stopped, " hung " launchers hung" }'
sed -n 's/^disk, .*: \([0-9]*\) calls met.*/\1/p' "$log" | awk '{ calls += $1 } END { if (NR) print calls " calls met" }'
grep -q 'Failing: 0 | Crashing: 0' "$log"
