#!/bin/sh
# with_kernels.sh KERNELS MULTIHEAD COMMAND...: runs the command with MULTIHEAD_KERNELS set, or says that this CPU has no
# such kernels and exits with 77, which ctest takes for a test that was passed over.
MULTIHEAD_KERNELS=$1
export MULTIHEAD_KERNELS
if ! "$2" bench --steps 1 --hidden none --json - >/dev/null 2>&1; then
    echo "this CPU has no kernels $1"
    exit 77
fi
shift 2
exec "$@"
