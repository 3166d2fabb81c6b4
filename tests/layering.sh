#!/bin/sh
# Includes point down (STYLE.md, 2): each "multihead/FLOOR/..." names the includer's floor or a lower one, and each
# outside library has one door. Prints every offence; exit 1 when there is one.
#
#   layering.sh PROJECT        checks include/ and src/
#   layering.sh --self-check   checks that offences are found

# data, model and parallel are siblings: the same height, and they do not include each other.
height() {
    case $1 in
    base) echo 1 ;;
    kernel) echo 2 ;;
    tensor) echo 3 ;;
    data | model | parallel) echo 4 ;;
    training) echo 5 ;;
    app) echo 6 ;;
    *) echo 0 ;;
    esac
}

# include/multihead/model/loss.h -> model, src/model/loss.c -> model
floor_of() {
    echo "$1" | sed -e 's|^include/multihead/||' -e 's|^src/||' -e 's|/.*||'
}

# The files that may include a library's header, as a pattern; nothing for headers that have no door.
door_of() {
    case $1 in
    mpi.h) echo 'src/parallel/*' ;;
    hdf5.h | H5*.h) echo 'src/data/hdf5_*' ;;
    libdeflate.h) echo 'src/data/hdf5_inflate.c' ;;
    zlib.h) echo 'src/data/text_stream.c' ;;
    csv.h) echo 'src/data/csv_reader.c' ;;
    expat.h) echo 'src/data/label_xml.c' ;;
    pthread.h) echo 'src/base/*' ;;
    xxhash.h) echo 'src/base/checksum.c' ;;
    cblas.h) echo 'src/tensor/matrix.c' ;;
    esac
}

offence() {
    echo "$1: includes $2: $3"
}

check_include() { # FILE HEADER
    from=$(floor_of "$1")
    case $2 in
    multihead/*)
        to=$(echo "$2" | cut -d/ -f2)
        if [ "$(height "$to")" = 0 ]; then
            offence "$1" "$2" "there is no floor $to"
        elif [ "$from" != "$to" ] && [ "$(height "$to")" -ge "$(height "$from")" ]; then
            offence "$1" "$2" "$to is not below $from"
        fi
        ;;
    *..*) offence "$1" "$2" "a private header of another folder" ;;
    *)
        door=$(door_of "$2")
        # shellcheck disable=SC2254 # the door is a pattern
        case $1 in ${door:-*}) ;; *) offence "$1" "$2" "that is only for $door" ;; esac
        ;;
    esac
}

check_project() {
    cd "$1" || exit 1
    offences=$(
        grep -rnoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<][^">]+' --include='*.[ch]' include src |
            sed -E 's/^([^:]+):[0-9]+:.*["<]/\1 /' |
            while read -r file header; do check_include "$file" "$header"; done
    )
    [ -z "$offences" ] && return 0
    echo "$offences"
    return 1
}

# Plants one offence of each kind beside includes that are fine.
self_check() {
    folder=$(mktemp -d) || exit 1
    trap 'rm -rf "$folder"' EXIT
    mkdir -p "$folder/include/multihead/base" "$folder/src/model" "$folder/src/data" "$folder/src/parallel"
    printf '#include "multihead/tensor/span.h"\n' >"$folder/include/multihead/base/up.h"
    printf '#include "multihead/model/head.h"\n#include "multihead/base/status.h"\n#include <math.h>\n' \
        >"$folder/src/model/fine.c"
    printf '#include "multihead/data/shard.h"\n' >"$folder/src/model/across.c"
    printf '  #  include <mpi.h>\n' >"$folder/src/data/other_door.c"
    printf '#include <zlib.h>\n' >"$folder/src/data/unzip.c"
    printf '#include <mpi.h>\n' >"$folder/src/parallel/fine.h"
    printf '#include "multihead/attic/old.h"\n' >"$folder/src/model/nowhere.c"
    printf '#include "../data/python_set.h"\n' >"$folder/src/model/private.c"

    found=$(check_project "$folder")
    status=0
    for planted in base/up.h model/across.c data/other_door.c data/unzip.c model/nowhere.c model/private.c; do
        echo "$found" | grep -q "$planted" || { echo "not found: the offence in $planted"; status=1; }
    done
    echo "$found" | grep 'fine\.' && { echo "found where there is none"; status=1; }
    return $status
}

if [ "$1" = --self-check ]; then
    self_check
else
    check_project "$1"
fi
