#!/usr/bin/env bash
# Installs what is missing, builds, and runs all the tests. Arguments go to ctest:
#   ./tests/run.sh                  everything but what is labelled slow or cluster; a few minutes on 2 cores
#   ./tests/run.sh -L unit          one label: unit, mpi, cli, parity, structure, fuzz, bench
#   ./tests/run.sh --slow           the 100-epoch runs of the tutorial as well
#   ./tests/run.sh --cluster        only those of the job scripts, on a real Slurm and several hosts: needs root and the
#                                   lab (tests/cluster/lab.sh says where it is looked for); two minutes
#   ./tests/run.sh --sanitize       the same under address and undefined-behaviour sanitizers
set -euo pipefail
cd "$(dirname "$0")/.."
source jobs/install.sh

build=build/tests
options=(-DMULTIHEAD_WERROR=ON)
selection=(-LE 'slow|cluster')
packages=(libcriterion-dev hdf5-tools gnuplot-nox shellcheck)
rest=()
for argument in "$@"; do
    case $argument in
    --slow) selection=(-LE cluster) ;;
    --cluster)
        selection=(-L cluster)
        packages+=(slurmctld slurmd slurm-client munge iproute2)
        ;;
    --sanitize)
        build=build/sanitized
        options+=(-DMULTIHEAD_SANITIZE=ON)
        ;;
    *) rest+=("$argument") ;;
    esac
done

install_missing "${packages[@]}"
build_program "$build" "${options[@]}"
allow_root_mpi
[ "${selection[0]}" = -L ] || echo "without the tests of the job scripts on a cluster: --cluster runs those" >&2
ctest --test-dir "$build" --parallel "$(nproc)" --output-on-failure "${selection[@]}" "${rest[@]}"
