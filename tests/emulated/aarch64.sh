# shellcheck shell=bash
# An aarch64 machine for run.sh, which sources this: a cross compiler with Debian's arm64 packages, and QEMU to run in.

aarch64=$PWD/build/emulated/aarch64
aarch64_root=$aarch64/root
aarch64_libraries=$aarch64_root/usr/lib/aarch64-linux-gnu

# What is built with and what runs there, in a folder of its own: nothing of it is installed on this machine.
unpack_aarch64() {
    local package wanted=(libc6-dev libcriterion-dev busybox-static linux-image-cloud-arm64)
    local apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64
        -o "Dir::State::lists=$aarch64/apt/lists" -o "Dir::State::status=$aarch64/apt/status"
        -o "Dir::Cache=$aarch64/apt" -o "Dir::Cache::archives=$aarch64/apt/archives")

    [ -e "$aarch64/unpacked" ] && return
    # shellcheck disable=SC2154 # of jobs/install.sh
    for package in "${build_packages[@]}"; do
        case $package in lib* | zlib* | openmpi-bin) wanted+=("$package") ;; esac
    done
    mkdir -p "$aarch64"/apt/{lists,archives}/partial "$aarch64_root"
    : >"$aarch64/apt/status"
    "${apt[@]}" update
    "${apt[@]}" install -y --download-only --no-install-recommends "${wanted[@]}" >/dev/null
    for package in "$aarch64"/apt/archives/*.deb; do
        dpkg -x "$package" "$aarch64_root"
    done
    ln -sf openblas-pthread/libopenblas.so.0 "$aarch64_libraries/" # which installing it would have done
    touch "$aarch64/unpacked"
}

# pkg-config and CMake look nowhere else, and find no compiler of MPI that could run here.
build_aarch64() {
    PKG_CONFIG_SYSROOT_DIR=$aarch64_root \
        PKG_CONFIG_LIBDIR=$aarch64_libraries/pkgconfig:$aarch64_libraries/openblas-pthread/pkgconfig \
        build_program build/aarch64 -DMULTIHEAD_NATIVE=OFF -DMULTIHEAD_TESTS=ON \
        -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
        -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_SYSROOT="$aarch64_root" \
        -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER \
        -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY \
        -DMPI_SKIP_COMPILER_WRAPPER=ON -DMPI_ASSUME_NO_BUILTIN_MPI=ON -DMPI_C_LIB_NAMES=mpi \
        -DMPI_mpi_LIBRARY="$aarch64_libraries/openmpi/lib/libmpi.so" \
        -DMPI_C_HEADER_DIR="$aarch64_libraries/openmpi/include"
}

# make_aarch64_initrd SUITE...: all of the root but what is only built with.
make_aarch64_initrd() {
    write_init "$aarch64_root"
    printf 'console=/dev/ttyAMA0 must_choose=openblas kernels="openblas generic" trains_on="1 2" suites="%s"\n' "$*" \
        >"$aarch64_root/plan"
    cp build/aarch64/multihead build/aarch64/tests/unit_tests "$aarch64_root/bin/"
    mkdir -p "$aarch64_root$PWD/tests" # where the tests look for them
    cp -r tests/fixtures "$aarch64_root$PWD/tests/"
    (cd "$aarch64_root" && find . \( -path ./boot -o -path ./lib/modules -o -path ./usr/include -o -path ./usr/share/doc \
        -o -path ./usr/share/man -o -path ./usr/share/locale -o -path ./usr/lib/gcc -o -name '*.a' \) -prune -o -print |
        busybox cpio -o -H newc 2>/dev/null) | gzip -1 >"$aarch64/initrd"
}

# test_aarch64 [SUITE...]: the tests, and training on one rank and two, which must give the same model.
test_aarch64() {
    local suites=("$@")

    [ ${#suites[@]} -gt 0 ] ||
        suites=(panels kernel kernel_math kernel_loss kernel_heads kernel_probabilities kernel_update matrix layer head model torch)
    install_missing libcriterion-dev busybox-static gcc-aarch64-linux-gnu qemu-system-arm
    unpack_aarch64
    build_aarch64
    make_aarch64_initrd "${suites[@]}"
    echo "---- aarch64 must choose openblas"
    timeout 3600 qemu-system-aarch64 -machine virt -cpu cortex-a72 -smp 2 -m 3G -nic none -no-reboot -display none \
        -serial "file:$aarch64.serial" -kernel "$aarch64_root"/boot/vmlinuz-* -initrd "$aarch64/initrd" \
        -append "console=ttyAMA0 quiet panic=1" </dev/null || true
    cat "$aarch64.serial"
    grep -q '^END 0' "$aarch64.serial"
}
