#!/usr/bin/env bash
# Does jobs/hosts.sh outlive what networks do, on 2 and on 4 hosts, and end when a host is gone?
#
#   test_hosts.sh PROGRAM [CLAIM...]
set -uo pipefail
# shellcheck source=tests/cluster/lab.sh
source "$(dirname "$0")/lab.sh"

# start RUN HOST...: in the background, from the first of the hosts, a rank on each.
start() {
    local run=$1
    shift
    printf '%s slots=1\n' "$@" >"$run.hosts"
    "$lab/mpi-lab" exec "$1" "$repository/jobs/hosts.sh" "$run.hosts" "${options[@]}" --checkpoint-every 20 --run "$run" \
        >"$run.log" 2>&1 &
    launcher=$!
    wait_until 60 has_epochs "$run" 25
    expect_text "$run.log" "$# ranks on $# hosts"
}

has_ended() { ! kill -0 "$launcher" 2>/dev/null; }

# a_crash RUN HOST...: of the last host.
a_crash() {
    local run=$1 crashed=${*: -1}
    start "$@"
    "$lab/mpi-lab" crash "$crashed"
    wait_until 20 has_ended
    wait "$launcher"
    expect "exit code" $? -ne 0
    expect "model" ! -e "outputs/$run/model.h5"
    expect_text "$run.log" "lost communication with a remote daemon"
    expect_text "$run.log" "on node $crashed"
    # On the hosts that are left, the same command goes on from the newest checkpoint.
    shift
    set -- "${@:1:$#-1}"
    printf '%s slots=1\n' "$@" >"$run.hosts"
    "$lab/mpi-lab" exec "$1" "$repository/jobs/hosts.sh" "$run.hosts" "${options[@]}" --checkpoint-every 20 --run "$run" \
        >"$run.log" 2>&1
    expect "exit code on the hosts that are left" $? -eq 0
    expect_text "$run.log" "from outputs/$run/checkpoints/step-"
    expect_same_as_reference "$run"
}

# a_cut RUN HOST...: of the last host's link, for 5 s.
a_cut() {
    local run=$1 cut=${*: -1} before
    start "$@"
    "$lab/mpi-lab" cut "$cut"
    sleep 1
    before=$(epochs "$run")
    sleep 4
    expect "epochs while the link was cut" "$(epochs "$run")" -eq "$before"
    expect "epochs when the link was healed" "$before" -lt 400
    "$lab/mpi-lab" heal "$cut"
    wait_until 90 has_ended
    wait "$launcher"
    expect "exit code" $? -eq 0
    expect_same_as_reference "$run"
}

usr1_stops_the_job_with_a_checkpoint() {
    start stopped host13 host14
    kill -USR1 "$launcher"
    wait_until 20 has_ended
    wait "$launcher"
    expect "exit code" $? -eq 75
    expect_text stopped.log "stopped by SIGUSR1"
}

a_crash_of_one_of_2_hosts_ends_the_job_within_20_seconds() { a_crash crash2 host1 host2; }
a_crash_of_one_of_4_hosts_ends_the_job_within_20_seconds() { a_crash crash4 host5 host6 host7 host8; }
a_link_that_is_cut_for_5_seconds_between_2_hosts_changes_nothing() { a_cut cut2 host3 host4; }
a_link_that_is_cut_for_5_seconds_among_4_hosts_changes_nothing() { a_cut cut4 host9 host10 host11 host12; }

enter_lab "$1" 14
slow_down 2ms host2 host4 host8 host12 host14
train_reference
[ $# -gt 1 ] || set -- "$1" \
    a_crash_of_one_of_2_hosts_ends_the_job_within_20_seconds \
    a_crash_of_one_of_4_hosts_ends_the_job_within_20_seconds \
    a_link_that_is_cut_for_5_seconds_between_2_hosts_changes_nothing \
    a_link_that_is_cut_for_5_seconds_among_4_hosts_changes_nothing \
    usr1_stops_the_job_with_a_checkpoint
claims "${@:2}"
