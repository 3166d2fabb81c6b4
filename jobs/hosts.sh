#!/usr/bin/env bash
# Trains on the hosts of a hostfile (a line "NAME slots=RANKS" each), without a batch system:
#
#   ./jobs/hosts.sh HOSTFILE OPTIONS...      OPTIONS go to `multihead train`
#   RANKS=8 ./jobs/hosts.sh ...              on so many ranks, instead of one for each slot
#
# The repository and the data have the same paths on all of them, and ssh needs no password. When a host is gone, the
# job ends in about ten seconds; the same command goes on from the newest checkpoint, also on other hosts. SIGUSR1 stops
# it with a checkpoint (exit code 75).
set -euo pipefail

# shellcheck source=jobs/launch.sh
source "$(dirname "$0")/launch.sh"

[ $# -ge 1 ] || {
    sed -n "2,/^set/s/^# \{0,1\}//p" "$0" >&2
    exit 2
}
[ -r "$1" ] || fail 2 "$1 cannot be read: it is to be a hostfile"
hostfile=$1
shift
find_program
# exec: a signal for this script is one for mpirun.
exec mpirun --hostfile "$hostfile" ${RANKS:+-n "$RANKS"} "${mpirun_options[@]}" \
    -x OPENBLAS_NUM_THREADS -x OMP_NUM_THREADS "${program[@]}" train "$@"
