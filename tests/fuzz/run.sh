#!/usr/bin/env bash
# Fuzzes the importer with libFuzzer under address and undefined-behaviour sanitizers.
#
#   ./tests/fuzz/run.sh [SECONDS]     20 minutes unless told; a crash ends it with exit code 1
#
# Installs what is missing. What it learns is kept in build/fuzz/corpus, so the next run goes on from there; an input
# that crashes is build/fuzz/crash-*: mend what it shows and put it among tests/fuzz/seeds, which ctest replays.
set -euo pipefail
cd "$(dirname "$0")/../.."
source jobs/install.sh

seconds=${1:-1200}
build=build/fuzz
install_missing libcriterion-dev clang-14 libclang-rt-14-dev
build_program "$build" -DCMAKE_C_COMPILER=clang-14 -DMULTIHEAD_FUZZ=ON -DMULTIHEAD_SANITIZE=ON
mkdir -p "$build/corpus"
"$build/tests/fuzz/fuzz_import" "$build/corpus" tests/fuzz/seeds \
    -dict=tests/fuzz/words.dict -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
    -print_final_stats=1 -artifact_prefix="$build/"
