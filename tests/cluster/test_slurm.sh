#!/usr/bin/env bash
# Do the job scripts do on a real Slurm what they promise? Claims run side by side, most of their time being Slurm's;
# each has hosts of its own, so that what one does to them does not reach another.
#
#   test_slurm.sh PROGRAM [CLAIM...]
set -uo pipefail
# shellcheck source=tests/cluster/lab.sh
source "$(dirname "$0")/lab.sh"

# submit HOSTS RUN [OPTIONS OF SBATCH...]: a rank on each host; prints the job's number.
submit() {
    sbatch --parsable --nodelist="$1" --ntasks-per-node=1 --time=5 "${@:3}" "$repository/jobs/train.slurm" \
        "${options[@]}" --checkpoint-every 20 --run "$2"
}

state() { scontrol show job "$1" | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p'; }
has_ended() { [[ $(state "$1") =~ ^(COMPLETED|FAILED|CANCELLED|TIMEOUT)$ ]]; }
starts() { grep -c "^train: job $1, start" "train-$1.log" 2>/dev/null; }
has_starts() { [ "0$(starts "$1")" -ge "$2" ]; }

# expect_finished JOB RUN STARTS: completed after that many starts, all of them in one log.
expect_finished() {
    wait_until 150 has_ended "$1"
    expect "$(tail -n 20 "train-$1.log"), state" "$(state "$1")" = COMPLETED
    expect "$2, starts" "$(starts "$1")" -eq "$3"
    expect_same_as_reference "$2"
}

# ---- the same bits, whatever happens ----

two_nodes_give_the_bits_of_one_rank() {
    local srun mpirun
    srun=$(submit host[7-8] srun)
    mpirun=$(LAUNCH=mpirun submit host[7-8] mpirun)
    expect_finished "$srun" srun 1
    expect_finished "$mpirun" mpirun 1
    expect_text "train-$srun.log" "2 ranks on host\[7-8\] by srun"
    expect_text "train-$srun.log" "2 ranks on 2 hosts"
    expect_text "train-$mpirun.log" "2 ranks on host\[7-8\] by mpirun"
    expect_text "train-$mpirun.log" "2 ranks on 2 hosts"
}

a_preempted_run_goes_on() {
    local srun mpirun
    srun=$(submit host[1-2] preempted-srun)
    mpirun=$(LAUNCH=mpirun submit host[1-2] preempted-mpirun)
    wait_until 60 has_epochs preempted-srun 25
    wait_until 60 has_epochs preempted-mpirun 25
    srun --partition=urgent --nodelist=host[1-2] --exclusive true
    expect_finished "$srun" preempted-srun 2
    expect_finished "$mpirun" preempted-mpirun 2
    # srun passes the signal to the ranks, which go on from where they were; under mpirun that may come to nothing.
    expect_text "train-$srun.log" "stopped by SIGTERM"
}

# Slurm looks at the clock every half minute, so a run has to last: these hosts have the slowest network.
a_run_that_meets_its_walltime_twice_goes_on() {
    local srun mpirun
    srun=$(submit host[3-4] walltime-srun --time=1 --signal=B:USR1@40)
    mpirun=$(LAUNCH=mpirun submit host[3-4] walltime-mpirun --time=1 --signal=B:USR1@40)
    meets_it_twice "$srun" walltime-srun
    meets_it_twice "$mpirun" walltime-mpirun
    expect_finished "$srun" walltime-srun 3
    expect_finished "$mpirun" walltime-mpirun 3
    expect "checkpoints on its walltime" "$(grep -c 'stopped by SIGUSR1' "train-$srun.log")" -eq 2
    expect "checkpoints on its walltime" "$(grep -c 'stopped by SIGUSR1' "train-$mpirun.log")" -eq 2
}

# And then has time enough.
meets_it_twice() {
    wait_until 100 has_starts "$1" 3
    scontrol update JobId="$1" TimeLimit=5
    expect "epochs when $2 had met its walltime twice" "$(epochs "$2")" -lt 400
}

a_run_requeued_by_hand_goes_on() {
    local srun mpirun
    srun=$(submit host[7-8] requeued-srun)
    mpirun=$(LAUNCH=mpirun submit host[7-8] requeued-mpirun)
    wait_until 60 has_epochs requeued-srun 25
    scontrol requeue "$srun"
    wait_until 60 has_epochs requeued-mpirun 25
    scontrol requeue "$mpirun"
    expect_finished "$srun" requeued-srun 2
    expect_finished "$mpirun" requeued-mpirun 2
}

a_run_whose_node_crashed_goes_on_from_its_last_checkpoint() {
    local srun mpirun
    srun=$(submit host[5-6] crashed-srun)
    mpirun=$(LAUNCH=mpirun submit host[5-6] crashed-mpirun)
    wait_until 60 has_epochs crashed-srun 25
    wait_until 60 has_epochs crashed-mpirun 25
    "$lab/mpi-lab" crash host6
    wait_until 120 is_down host6
    "$lab/mpi-lab" heal host6
    "$lab/slurm-lab" start-node host6
    expect_finished "$srun" crashed-srun 2
    expect_finished "$mpirun" crashed-mpirun 2
    expect "starts from a checkpoint" "$(grep -c 'start 2: .* from step-' "train-$srun.log")" -eq 1
    expect "starts from a checkpoint" "$(grep -c 'start 2: .* from step-' "train-$mpirun.log")" -eq 1
}

is_down() { [[ $(sinfo --noheader --nodes="$1" --format=%t) == *down* ]]; }

# ---- not for ever ----

bad_data_fail_and_are_not_tried_again() {
    local job
    head -c 100000 data.h5 >bad.h5
    job=$(sbatch --parsable --nodelist=host[7-8] --ntasks-per-node=1 "$repository/jobs/train.slurm" --data bad.h5 \
        --run bad)
    wait_until 60 has_ended "$job"
    expect "state" "$(state "$job")" = FAILED
    expect "starts" "$(starts "$job")" -eq 1
    expect_text "train-$job.log" "bad.h5: "
    expect_text "train-$job.log" "failed (exit code 1), and is not started again"
}

a_crash_loop_ends() {
    local job
    job=$(MAX_FRUITLESS_STARTS=2 sbatch --parsable --nodelist=host[7-8] --ntasks-per-node=1 \
        "$repository/jobs/train.slurm" "${options[@]}" --run loop --inject kill@rank=1,step=5)
    wait_until 100 has_ended "$job"
    expect "state" "$(state "$job")" = FAILED
    expect "starts" "$(starts "$job")" -eq 2
    expect_text "train-$job.log" "2 starts made no new checkpoint, so the job is not started again"
}

a_cancelled_run_stays_cancelled() {
    local job
    job=$(submit host[7-8] cancelled)
    wait_until 60 has_epochs cancelled 5
    scancel "$job"
    wait_until 60 has_ended "$job"
    sleep 2
    expect "state" "$(state "$job")" = CANCELLED
    expect "model" ! -e outputs/cancelled/model.h5
}

# ---- the other scripts ----

slurm_accepts_every_script_as_it_stands() {
    local script
    for script in "$repository"/jobs/*.slurm; do
        sbatch --test-only "$script" || no "$script is refused"
    done
}

a_program_that_is_not_built_is_missed_with_advice() {
    local job
    job=$(MULTIHEAD=nowhere/multihead sbatch --parsable --wait --nodelist=host[7-8] --ntasks-per-node=1 \
        "$repository/jobs/train.slurm")
    expect "state" "$(state "$job")" = FAILED
    expect_text "train-$job.log" "nowhere/multihead is not there: build it first"
}

a_sweep_goes_on_without_the_task_that_fails_and_its_table_says_so() {
    local job table
    printf -- '--learning-rate %s\n' 1e-3 2e-3 5e-3 none 1e-2 2e-2 >sweep.txt
    job=$(SWEEP=sweep.txt sbatch --parsable --array=1-6 --nodelist=host8 --ntasks=1 "$repository/jobs/sweep.slurm" \
        --data data.h5 --hidden none --epochs 3 --run lr)
    wait_until 90 test -e outputs/lr-table.csv
    wait_until 10 has_lines "sweep-$job-table.log" 7
    table=sweep-$job-table.log
    expect "tasks that finished" "$(grep -c ' finished .*--learning-rate' "$table")" -eq 5
    expect_text "$table" "^outputs/lr-4 *NOT FINISHED *--learning-rate none"
    expect "lines of the other table" "$(wc -l <outputs/lr-table.csv)" -eq 7
    expect "models" "$(echo outputs/lr-*/model.h5 | wc -w)" -eq 5
}

has_lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }

each_rank_generates_its_shards_and_all_evaluate_them() {
    local job
    job=$(sbatch --parsable --wait --nodelist=host[7-8] --ntasks-per-node=1 "$repository/jobs/generate.slurm" \
        --output shards --samples 2000)
    expect "shards" "$(cd shards && echo *)" = "shard-00000.h5 shard-00001.h5"
    wait_until 60 test -e outputs/reference/model.h5
    job=$(sbatch --parsable --wait --nodelist=host[7-8] --ntasks-per-node=1 "$repository/jobs/evaluate.slurm" \
        --model outputs/reference --data shards --json shards.json)
    "$MULTIHEAD" evaluate --model outputs/reference --data data.h5 --json file.json >evaluate.txt
    diff file.json shards.json || no "shards are other rows, or two ranks count otherwise"
}

export SLURM_LAB_CPUS=8
enter_lab "$1" 8
slow_down 2ms host2 host6 host8
slow_down 7ms host4
"$lab/slurm-lab" up 2>>up.log || { cat up.log; exit 1; }
eval "$("$lab/slurm-lab" env)"
train_reference
[ $# -gt 1 ] || set -- "$1" \
    two_nodes_give_the_bits_of_one_rank a_preempted_run_goes_on a_run_that_meets_its_walltime_twice_goes_on \
    a_run_requeued_by_hand_goes_on a_run_whose_node_crashed_goes_on_from_its_last_checkpoint \
    bad_data_fail_and_are_not_tried_again a_crash_loop_ends a_cancelled_run_stays_cancelled \
    slurm_accepts_every_script_as_it_stands a_program_that_is_not_built_is_missed_with_advice \
    a_sweep_goes_on_without_the_task_that_fails_and_its_table_says_so \
    each_rank_generates_its_shards_and_all_evaluate_them
claims "${@:2}"
