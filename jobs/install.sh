# shellcheck shell=bash
# What the scripts share: `source jobs/install.sh` from the top of the repository.

# What the program is built from, as Debian 12 names it.
build_packages=(gcc cmake make pkg-config libopenmpi-dev openmpi-bin libopenblas-dev libhdf5-dev libjansson-dev
    zlib1g-dev libdeflate-dev libexpat1-dev libcsv-dev libxxhash-dev)

# Installs those of build_packages and of the packages given that are not there. Where there is no apt (a cluster
# with modules), it leaves everything to the build, which says what it does not find.
install_missing() {
    local package missing=()

    command -v apt-get >/dev/null || return 0
    for package in "${build_packages[@]}" "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    echo "installing: ${missing[*]}" >&2
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "these packages are missing and need root to install: ${missing[*]}" >&2
            return 1
        }
        as_root=(sudo)
    fi
    "${as_root[@]}" apt-get update -qq >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# build_program FOLDER [CMAKE OPTIONS]: quiet, unless something is wrong.
build_program() {
    local folder=$1
    shift
    local log
    log=$(mktemp)
    if ! { cmake -S . -B "$folder" "$@" && cmake --build "$folder" --parallel "$(nproc)"; } >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

# Open MPI refuses to run as root, as in a container, unless it is told twice that this is meant.
allow_root_mpi() {
    if [ "$(id -u)" -eq 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
}
