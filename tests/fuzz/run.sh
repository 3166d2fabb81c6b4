#!/usr/bin/env bash
# Fuzzes the readers of files with libFuzzer under address and undefined-behaviour sanitizers.
#
#   ./tests/fuzz/run.sh [TARGET] [SECONDS]     20 minutes unless told; a finding ends it with exit code 1
#
#   import        text files, which the importer reads (unless told)
#   dataset       data sets with anything in them that HDF5 can write
#   checkpoint    models and checkpoints, the same
#   raw           any of them damaged: where HDF5 gets to see that, its crashes are counted
#
# Installs what is missing. What it learns is kept in build/fuzz/corpus, so the next run goes on from there; an input
# that fails is build/fuzz/crash-* (oom-*, timeout-*): mend what it shows and put it among tests/fuzz/seeds, which ctest
# replays.
set -euo pipefail
cd "$(dirname "$0")/../.."
source jobs/install.sh

case ${1:-import} in
import | dataset | checkpoint | raw)
    target=${1:-import}
    seconds=${2:-1200}
    ;;
*)
    target=import
    seconds=$1
    ;;
esac
build=build/fuzz
install_missing libcriterion-dev clang-14 libclang-rt-14-dev
build_program "$build" -DCMAKE_C_COMPILER=clang-14 -DMULTIHEAD_FUZZ=ON -DMULTIHEAD_SANITIZE=ON
mkdir -p "$build/corpus/$target"

# Files are small, so whoever asks for much memory has believed what one says. HDF5 keeps memory for its next file, so
# that leaks are looked for at the end.
ours=(-max_len=256 -len_control=0 -malloc_limit_mb=512 -detect_leaks=0)
case $target in
import) options=(-dict=tests/fuzz/words.dict -max_len=4096) ;;
raw) options=("${ours[@]}") ;;
*) options=(-dict=tests/fuzz/steps.dict "${ours[@]}") ;;
esac
TMPDIR=$(mktemp -d -p "$([ -d /dev/shm ] && echo /dev/shm || echo /tmp)" multihead-fuzz-XXXXXX)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
"$build/tests/fuzz/fuzz_$target" "$build/corpus/$target" "tests/fuzz/seeds/$target" "${options[@]}" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$build/$target-"

"$build/tests/fuzz/replay_$target" "$build/corpus/$target" 2>"$build/$target.log" || {
    tail -n 50 "$build/$target.log"
    exit 1
}
