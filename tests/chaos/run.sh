#!/bin/sh
# Stops runs at random and resumes them, with more seeds than the tests of a build: says how many rounds there were.
#
#   run.sh BUILD FIRST COUNT     seeds FIRST, FIRST + 1, ..., for each configuration; BUILD is the folder of the build

[ $# = 3 ] || { sed -n 's/^# \{0,1\}//p' "$0" | sed 1d; exit 2; }
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

CHAOS_FIRST=$2 CHAOS_COUNT=$3 "$1/tests/chaos/chaos_tests" -j"${CHAOS_JOBS:-4}" 2>&1 | tee "$log"
awk '/ rounds, .* stopped$/ { for (i = 2; i <= NF; i++) if ($i == "rounds,") { rounds += $(i - 1); stops += $(i + 1) } }
    /^\[====\] Synthesis/ { print rounds " rounds, " stops " of them stopped" }' "$log"
grep -q 'Failing: 0 | Crashing: 0' "$log"
