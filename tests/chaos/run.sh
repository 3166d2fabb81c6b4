#!/bin/sh
# Stops runs at random and resumes them, with more seeds than the tests of a build: says how many rounds there were.
#
#   run.sh BUILD FIRST COUNT     seeds FIRST, FIRST + 1, ..., for each configuration; BUILD is the folder of the build

[ $# = 3 ] || { sed -n '2,$s/^# \{0,1\}//p' "$0"; exit 2; }
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

CHAOS_FIRST=$2 CHAOS_COUNT=$3 "$1/tests/chaos/chaos_tests" -j"${CHAOS_JOBS:-4}" 2>&1 | tee "$log"
sed -n 's/.*, \([0-9]*\) rounds, \([0-9]*\) of them stopped, \([0-9]*\) launchers hung$/\1 \2 \3/p' "$log" |
    awk '{ rounds += $1; stops += $2; hung += $3 }
        END { print rounds " rounds, " stops " of them stopped, " hung " launchers hung" }'
grep -q 'Failing: 0 | Crashing: 0' "$log"
