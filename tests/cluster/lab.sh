# shellcheck shell=bash
# What the tests on a cluster share: the lab, the run that all runs are compared with, claims and expectations.
#
# The lab, a real Slurm (slurm-lab) and hosts of their own (mpi-lab) on one machine, is no part of the repository:
# MULTIHEAD_LAB is its folder, or it is on PATH, or in ../shared/lab.


repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

skip() {
    echo "skipped: $*"
    exit 77
}

find_lab() {
    local folder

    for folder in "${MULTIHEAD_LAB:-}" "$(dirname "$(command -v slurm-lab)")" "$repository/../shared/lab"; do
        if [ -x "$folder/slurm-lab" ] && [ -x "$folder/mpi-lab" ]; then
            lab=$(cd "$folder" && pwd)
            return
        fi
    done
    skip "slurm-lab and mpi-lab are not there: MULTIHEAD_LAB may name their folder"
}

# The test that sources this goes into namespaces of its own, for network, mounts and process ids: so its lab does not
# meet another one, and goes with it, whatever ends it.
if [ -z "${IN_LAB:-}" ]; then
    [ "$(id -u)" -eq 0 ] || skip "the lab needs root"
    for tool in slurmctld slurmd sbatch munged ip tc; do
        command -v "$tool" >/dev/null || skip "$tool is missing: tests/run.sh --cluster installs it"
    done
    find_lab
    namespaces=(unshare --net --mount --pid --fork --kill-child --mount-proc)
    "${namespaces[@]}" true 2>/dev/null || skip "the lab needs namespaces"
    IN_LAB=$lab exec "${namespaces[@]}" "$0" "$@"
fi
lab=$IN_LAB
unset IN_LAB

# enter_lab PROGRAM HOSTS: that many hosts, and a folder to work in, which goes when the test ends.
enter_lab() {
    MULTIHEAD=$(realpath "$1")
    scratch=$(mktemp -d /tmp/cluster-XXXX) # sockets in it have to have short names
    chmod 755 "$scratch"                   # munge is not root
    trap 'cd / && rm -rf "$scratch"' EXIT
    trap 'exit 1' INT TERM
    # Ranks that wait leave the cores to those that work: there are far more of them than cores.
    export MULTIHEAD MULTIHEAD_HOME=$repository MPI_LAB_DIR=$scratch/mpi SLURM_LAB_DIR=$scratch/slurm \
        OMPI_MCA_orte_tmpdir_base=$scratch OMPI_MCA_mpi_yield_when_idle=1 \
        OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    cd "$scratch" || exit 1
    ip link set lo up
    "$lab/mpi-lab" up "$2" 2>up.log || { cat up.log; exit 1; }
}

# slow_down DELAY HOST...: each of a run's 1,600 steps waits for this host's link some times, so that a run lasts at
# least 12 s with 2ms, and 45 s with 7ms, on a machine however fast, and what is to disturb it finds it there.
slow_down() {
    local host
    for host in "${@:2}"; do
        "$lab/mpi-lab" shape "$host" "delay=$1" || exit 1
    done
}

# ---- the run ----

# A small model, so that the ranks of many runs do not wait for each other's computing; 4 steps an epoch.
options=(--data data.h5 --hidden 16 --batch-size 500 --epochs 400 --progress no)

# The run that all others have to equal: one rank, without a launcher.
train_reference() {
    if ! { "$MULTIHEAD" generate --output data.h5 --samples 2000 &&
        "$MULTIHEAD" train "${options[@]}" --run reference; } 2>reference.log; then
        cat reference.log
        exit 1
    fi
}

# history.csv without its columns of time
reproducible() {
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i !~ /seconds|per_s/) kept[++n] = i }
        { for (i = 1; i <= n; i++) printf "%s%s", $kept[i], i < n ? "," : "\n" }' "outputs/$1/history.csv"
}

epochs() { # of a run, so far
    local lines
    lines=$(grep -c '^[0-9]' "outputs/$1/history.csv" 2>/dev/null)
    echo "${lines:-0}"
}

has_epochs() { [ "$(epochs "$1")" -ge "$2" ]; }

# ---- expectations, of a claim that runs in a shell of its own ----

no() {
    echo "$*"
    exit 1
}

# wait_until SECONDS COMMAND...
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" 2>/dev/null; do
        [ $SECONDS -lt $deadline ] || no "in vain waited for: $*"
        sleep 0.5
    done
}

expect() { # expect WHAT TEST...: WHAT is told where the test is not true
    [ "${@:2}" ] || no "$1: expected ${*:2}"
}

expect_text() { # expect_text FILE PATTERN
    grep -q -- "$2" "$1" || no "$1 does not say \"$2\": $(tail -n 30 "$1")"
}

# Bit for bit the model and, line for line, the history of the run that nothing disturbed.
expect_same_as_reference() {
    cmp "outputs/reference/model.h5" "outputs/$1/model.h5" || no "$1: another model"
    diff <(reproducible reference) <(reproducible "$1") || no "$1: another history"
}

# claims NAME...: functions, side by side; what they say is told where one does not hold.
claims() {
    local claim status=0 running=()

    for claim in "$@"; do
        (
            SECONDS=0
            trap - EXIT
            "$claim" >"$claim.out" 2>&1
            echo "ok: $SECONDS s" >"$claim.result"
        ) &
        running+=($!)
    done
    for claim in "${running[@]}"; do
        wait "$claim"
    done
    for claim in "$@"; do
        if [ -e "$claim.result" ]; then
            echo "$(<"$claim.result"), ${claim//_/ }"
        else
            echo "FAILED: ${claim//_/ }"
            sed 's/^/    /' "$claim.out"
            status=1
        fi
    done
    return $status
}
