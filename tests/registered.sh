#!/bin/sh
# Compares the tests that a Criterion program has with those that CMake runs.
#
#   registered.sh suites PROGRAM SUITE...       whole suites
#   registered.sh tests PROGRAM SUITE/NAME...   single tests

what=$1
program=$2
shift 2

# "loss: 2 tests" above "+-- zero_logits" for each of them
there=$("$program" --list | awk -v what="$what" '
    /^[a-z0-9_]+: [0-9]+ tests?$/ { sub(/:.*/, ""); suite = $0; if (what == "suites") print suite; next }
    what == "tests" && suite != "" { print suite "/" $NF }' | sort)
registered=$(printf '%s\n' "$@" | sort)

[ "$there" = "$registered" ] && exit 0
echo "in the program (<) and registered in CMake (>):"
printf '%s\n' "$there" >"${TMPDIR:-/tmp}/there.$$"
printf '%s\n' "$registered" | diff "${TMPDIR:-/tmp}/there.$$" -
rm -f "${TMPDIR:-/tmp}/there.$$"
exit 1
