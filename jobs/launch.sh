# shellcheck shell=bash
# What the job scripts share: where the program is, how its ranks are started, and what becomes of a Slurm job when
# they have ended.

home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Starts of a job that found no newer checkpoint than the one before, until it is taken for a crash loop.
: "${MAX_FRUITLESS_STARTS:=5}"

source "$home/jobs/install.sh"
allow_root_mpi
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1

# mpirun's daemons notice a host that is gone after 8 to 13 s of silence; its own settings take 8 minutes.
mpirun_options=(--mca oob_tcp_keepalive_time 5 --mca oob_tcp_keepalive_intvl 2 --mca oob_tcp_keepalive_probes 4)

say() {
    printf '%s: %s\n' "${SLURM_JOB_NAME:-$(basename "$0")}" "$*" >&2
}

# fail CODE MESSAGE
fail() {
    say "${*:2}"
    exit "$1"
}

# `program` is how multihead is called. A site's own file may say so, after loading modules: see jobs/README.md.
find_program() {
    program=("${MULTIHEAD:-$home/build/release/multihead}")
    # shellcheck source=/dev/null
    [ ! -e "$home/jobs/site.sh" ] || source "$home/jobs/site.sh"
    command -v "${program[0]}" >/dev/null || fail 2 "${program[0]} is not there: build it first, in $home, on a" \
        "machine like those of the job: cmake -S . -B build/release -DMULTIHEAD_TESTS=OFF &&" \
        "cmake --build build/release"
}

# `launcher` is what the ranks of a Slurm job are started with: srun where it can talk to MPI, else mpirun.
# LAUNCH says which. Without --kill-on-bad-exit the other ranks would wait for one that died.
choose_launcher() {
    [ -n "${SLURM_JOB_ID:-}" ] || fail 2 "this is a job for Slurm: sbatch $0 ...;" \
        "without a batch system, jobs/hosts.sh trains on the hosts of a hostfile"
    local launch=${LAUNCH:-mpirun}

    if [ -z "${LAUNCH:-}" ] && srun --mpi=list 2>&1 | grep -qw pmix; then
        launch=srun
    fi
    case $launch in
    srun) launcher=(srun --mpi=pmix --kill-on-bad-exit=1) ;;
    mpirun) launcher=(mpirun "${mpirun_options[@]}") ;;
    *) fail 2 "LAUNCH=$launch: srun or mpirun" ;;
    esac
    # What sbatch was told, srun has to be told again.
    if [ -n "${SLURM_CPUS_PER_TASK:-}" ]; then
        export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
    fi
}

# option NAME DEFAULT WORDS...: the value of the last --NAME among the words, as multihead takes it.
option() {
    local name=$1 value=$2
    shift 2
    while [ $# -gt 0 ]; do
        case $1 in
        "--$name") value=${2:-} ;;
        "--$name="*) value=${1#*=} ;;
        esac
        shift
    done
    printf '%s\n' "$value"
}

# configured NAME DEFAULT WORDS...: the same, but where there is none, from the file that --config names.
configured() {
    local name=$1 default=$2 config line
    shift 2
    config=$(option config "" "$@")
    if [ -n "$config" ] && [ -r "$config" ]; then
        line=$(sed -n "s/^[[:space:]]*${name}[[:space:]]*=[[:space:]]*\(.*[^[:space:]]\).*/\1/p" "$config" | tail -n 1)
        default=${line:-$default}
    fi
    option "$name" "$default" "$@"
}

# ---- a training that goes on when it was stopped ----

# The checkpoint that a start of the run goes on from: empty where there is none.
newest_checkpoint() {
    find "$run_folder/checkpoints" -name 'step-*.h5' -printf '%f\n' 2>/dev/null | sort | tail -n 1
}

# The same, for people.
where_it_stands() {
    local newest
    newest=$(newest_checkpoint)
    printf '%s\n' "${newest:-its beginning}"
}

# Starts of this job, the present one included, that have gone on from the checkpoint that is the newest now.
fruitless_starts() {
    awk -F, -v job="$job" -v newest="$(newest_checkpoint)" '
        $1 == job { same = $5 == newest ? same + 1 : 0 } END { print same + 0 }' "$run_folder/starts.csv"
}

# Each start of a job leaves a line, which tells who reads it where a run has been, and the job whether it advances:
# Slurm also restarts one by itself, when a node fails for instance, and would do so for ever.
note_start() {
    local starts=$run_folder/starts.csv

    mkdir -p "$run_folder" || fail 1 "$run_folder cannot be made"
    [ -e "$starts" ] || echo "job,restarts,time,nodes,checkpoint" >"$starts"
    # Commas in a list of nodes would be other columns.
    echo "$job,${SLURM_RESTART_COUNT:-0},$(date +%Y-%m-%dT%H:%M:%S),${SLURM_JOB_NODELIST//,/+},$(newest_checkpoint)" \
        >>"$starts"
    [ "$(fruitless_starts)" -le "$MAX_FRUITLESS_STARTS" ] ||
        fail 1 "$MAX_FRUITLESS_STARTS starts made no new checkpoint, so another one is not tried"
}

# A node that crashed keeps the PMIx socket of the step that ran there, and a step of the same number cannot start on
# it any more. Steps count from 0 in each start of a job, so as many numbers are used up as there were starts.
take_new_step_number() {
    local used

    [ "${launcher[0]}" = srun ] || return 0
    for ((used = 0; used < ${SLURM_RESTART_COUNT:-0}; used++)); do
        timeout 60 srun --mpi=none --nodes=1 --ntasks=1 true
    done
}

# USR1 is what Slurm sends before the walltime, TERM what comes with a cancellation. Either goes on as USR1: mpirun
# passes that on, and kills its ranks a second after TERM.
take_signals() {
    child=
    is_asked_to_stop=no
    trap pass_on USR1 TERM
}

# shellcheck disable=SC2317,SC2329 # called by the trap
pass_on() {
    is_interrupted=yes
    is_asked_to_stop=yes
    [ -z "$child" ] || kill -USR1 "$child" 2>/dev/null
}

# Runs a command and leaves its exit code in `code`. bash runs traps only between commands, so the command is one that
# is waited for; and a wait that a trap interrupted says nothing about the command.
run_passing_signals_on() {
    code=75
    [ "$is_asked_to_stop" = no ] || return 0
    "$@" &
    child=$!
    [ "$is_asked_to_stop" = no ] || kill -USR1 "$child" # between the two lines
    is_interrupted=yes
    while [ "$is_interrupted" = yes ]; do
        is_interrupted=no
        code=0
        wait "$child" || code=$?
    done
}

job_shows() { # what Slurm says of this job: job_shows JobState
    scontrol show job "$job" 2>/dev/null | sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" | head -n 1
}

# Is one of the job's nodes silent? Slurm itself may need minutes to notice.
is_node_gone() {
    ! timeout 60 srun --overlap --mpi=none --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" \
        --ntasks-per-node=1 true >/dev/null 2>&1
}

# requeue WHY: puts the job into the queue again; it keeps its id and its log.
requeue() {
    [ "$(fruitless_starts)" -lt "$MAX_FRUITLESS_STARTS" ] ||
        fail 1 "$1; $MAX_FRUITLESS_STARTS starts made no new checkpoint, so the job is not started again"
    say "$1; the job is started again, from $(where_it_stands)"
    trap '' TERM # which is what Slurm sends to a job that it requeues
    scontrol requeue "$job" || fail "$code" "the job cannot be requeued: submit it again, it goes on where it was"
    exit "$code"
}

# When the ranks have ended, with `code`: the job is finished, goes on later, or has failed.
conclude() {
    if [ "$code" -eq 0 ] && [ -e "$run_folder/model.h5" ]; then
        exit 0
    fi
    # Cancelled, out of time, or requeued by somebody else: no longer this script's to decide.
    [ "$(job_shows JobState)" = RUNNING ] || fail $((code > 0 ? code : 1)) "Slurm ended the job (exit code $code)"

    case $(job_shows PreemptTime) in
    "" | None) ;;
    *) requeue "preempted (exit code $code)" ;;
    esac
    case $code in
    75) requeue "stopped with a checkpoint" ;;
    1 | 2)
        is_node_gone || fail "$code" "failed (exit code $code), and is not started again"
        say "a node is gone: Slurm starts the job again when it has noticed"
        trap '' TERM
        sleep 600
        requeue "a node is gone"
        ;;
    *)
        # mpirun's exit code may be 0 although its ranks were killed.
        [ "$code" -ne 0 ] || code=1
        requeue "ended with exit code $code, without a model"
        ;;
    esac
}

# train_until_done OPTIONS...: `multihead train` with the ranks of this job, restarted until model.h5 is there.
train_until_done() {
    case $(configured resume auto "$@") in
    auto) ;;
    *) fail 2 "a job that may be restarted goes on from its newest checkpoint, so --resume has to be auto;" \
        "to train afresh, remove the folder of the run or take another --run" ;;
    esac
    # An array's task by its place: one of the tasks has the id of the whole array.
    job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
    job=${job:-$SLURM_JOB_ID}
    run_folder=$(configured output outputs "$@")/$(configured run run "$@")
    take_signals
    note_start
    say "job $job, start $((${SLURM_RESTART_COUNT:-0} + 1)): ${SLURM_NTASKS:-?} ranks on $SLURM_JOB_NODELIST by" \
        "${launcher[0]}, $run_folder from $(where_it_stands)"
    take_new_step_number
    run_passing_signals_on "${launcher[@]}" "${program[@]}" train "$@"
    conclude
}
