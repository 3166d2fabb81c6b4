#!/bin/sh
# What shellcheck says of the scripts: nothing. Exits 77 where there is no shellcheck.
#
#   scripts.sh PROJECT

cd "$1" || exit 1
command -v shellcheck >/dev/null || { echo "skipped: there is no shellcheck here"; exit 77; }
find .ci/run jobs tests \( -name run -o -name '*.sh' -o -name '*.slurm' \) -exec shellcheck -x {} +
