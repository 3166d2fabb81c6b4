#!/bin/sh
# Each header compiles as the only include of a file, so no includer has to know what else it needs.
#
#   headers_compile_alone.sh COMPILER PROJECT

compiler=$1
cd "$2" || exit 1
status=0
for header in $(find include src -name '*.h' ! -name communicator_mpi.h ! -name hdf5_parts.h ! -name hdf5_convert.h \
    ! -name hdf5_chunks.h | sort); do # they need MPI's and HDF5's flags
    printf '#include "%s"\n' "$PWD/$header" |
        "$compiler" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c - ||
        { echo "$header does not compile alone"; status=1; }
done
exit $status
