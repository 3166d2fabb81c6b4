#!/usr/bin/env bash
# Measures multihead and what a user would pick instead, turn and turn about on one machine, about 25 minutes:
#   ./tests/bench/run.sh                             everything
#   ./tests/bench/run.sh --settings tutorial,wide    some of tutorial, wide, many, input
#   ./tests/bench/run.sh --peers tuned,compiled      some of eager, compiled, tuned, ddp, mpi4py, sklearn, tutorial; none:
#                                                    multihead alone
#   ./tests/bench/run.sh --rounds 3                  of each setting, instead of as many as fit into its time
#   ./tests/bench/run.sh --quick                     smaller and two rounds: whether it works, not what to quote
#   ./tests/bench/run.sh --output FOLDER             for results.csv, results.png and logs; build/bench
#
# PyTorch and the others (requirements.txt, some GB) go into a virtual environment outside of the checkout, in
# ${XDG_CACHE_HOME:-~/.cache}/multihead-bench. Without a network, what Debian's python3-torch has takes part; without
# that, multihead alone. BUILD=FOLDER takes a program that is built already. Exit code 1 where somebody failed.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
case " $* " in
*" -h "* | *" --help "*)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
    exit 0
    ;;
esac
given=("$@")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/multihead-bench

# The last value of an option that is passed on.
value_of() {
    local i found=''
    for ((i = 0; i < ${#given[@]}; i++)); do
        case ${given[i]} in
        "$1") found=${given[i + 1]:-} ;;
        "$1="*) found=${given[i]#*=} ;;
        esac
    done
    echo "$found"
}

# The environment is made once for a list of packages; what is half made is made again.
make_environment() {
    cmp -s "$here/requirements.txt" "$cache/requirements.txt" && return 0
    echo "installing what multihead is compared with, some GB, into $cache" >&2
    mkdir -p "$cache"
    rm -f "$cache/requirements.txt"
    /usr/bin/env python3 -m venv --clear "$cache/environment" &&
        "$cache/environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" &&
        cp "$here/requirements.txt" "$cache/"
}

has_torch() {
    "$1" -c 'import torch' 2>/dev/null
}

find_python() {
    if make_environment >&2; then
        echo "$cache/environment/bin/python"
    elif has_torch /usr/bin/python3; then
        echo "the packages cannot be installed: comparing with Debian's python3-torch" >&2
        echo /usr/bin/python3
    else
        echo "the packages cannot be installed, and there is no python3-torch: measuring multihead alone" >&2
    fi
}

# Paths in the arguments stay what they are for who typed them.
output=$(value_of --output)
output=$(realpath -m "${output:-$here/../../build/bench}")
python=''
cd "$here/../.."
here=tests/bench
source jobs/install.sh
# torch.compile needs a C++ compiler; h5repack is for files when there is no h5py.
install_missing python3 python3-venv python3-dev g++ gnuplot-nox hdf5-tools ||
    echo "going on without what cannot be installed" >&2
build=${BUILD:-build/release}
[ -n "${BUILD:-}" ] || build_program "$build" -DMULTIHEAD_TESTS=OFF
allow_root_mpi
[ "$(value_of --peers)" = none ] || python=$(find_python)

export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here
exec python3 -m compare --program "$build/multihead" --cache "$cache" ${python:+--python "$python"} "${given[@]}" \
    --output "$output"
