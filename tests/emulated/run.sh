#!/usr/bin/env bash
# The program on CPUs that this machine is not: Debian's kernel boots in an emulator, and the unit tests run there with the
# kernels that must be chosen. On x86-64 ones (Bochs) it is the same portable binary, for aarch64 (QEMU, aarch64.sh) it is
# built by a cross compiler. Not part of ctest: needs root for missing packages, and minutes for each CPU.
#
#   run.sh             an AVX-512 CPU, an AVX2 one, one with SSE alone, and an aarch64 one
#   run.sh CPU KERNELS [SUITE...]   one of `bochs --help cpu`, what it must choose, which unit tests [kernel layer matrix]
#   run.sh aarch64 [SUITE...]       an aarch64 one: openblas must be chosen, which tests, with generic too [all of the kernels]
set -euo pipefail
cd "$(dirname "$0")/../.."
source jobs/install.sh
source tests/emulated/aarch64.sh

build=build/portable
work=$PWD/build/emulated

# A program or file and the libraries it needs, at the same places in the guest.
add() {
    local library
    cp "$1" "$work/root/bin/"
    ldd "$1" | grep -o '/[^ ]*' | while read -r library; do
        install -D "$library" "$work/root$library"
    done
}

unpack_linux() {
    local package
    ls "$work"/linux/boot/vmlinuz-* >/dev/null 2>&1 && return
    package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ { print $2; exit }')
    (cd "$work" && apt-get download -qq "$package" && dpkg -x "$package"_*.deb linux)
}

# write_init ROOT: what runs in the guest, as ROOT/plan says: its last line is "END CODE".
write_init() {
    mkdir -p "$1"/{bin,proc,sys,dev,tmp}
    cat >"$1/init" <<'INIT'
#!/bin/busybox sh
export PATH=/bin:/usr/bin HOME=/tmp OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/shm; mount -t tmpfs shm /dev/shm
ip link set lo up # Open MPI does not start without a network interface and a name
hostname emulated
. /plan
exec >"$console" 2>&1 </dev/null
grep -m1 -e 'model name' -e 'CPU part' /proc/cpuinfo
code=0
chosen=$(multihead --version | sed -n 's/^ *kernels *//p')
echo "chosen without being told: $chosen"
[ "$chosen" = "$must_choose" ] || code=1
for MULTIHEAD_KERNELS in $kernels; do
    export MULTIHEAD_KERNELS
    for suite in $suites; do
        echo "== $MULTIHEAD_KERNELS: $suite"
        unit_tests -j1 --timeout 0 --verbose --filter "$suite/*" || code=1
    done
    for ranks in $trains_on; do
        echo "== $MULTIHEAD_KERNELS: training on $ranks"
        cd /tmp && orterun --oversubscribe --bind-to none -n "$ranks" multihead train --generate --samples 2000 \
            --epochs 2 --progress no --run "$MULTIHEAD_KERNELS-$ranks" || code=1
        cmp outputs/"$MULTIHEAD_KERNELS"-1/model.h5 outputs/"$MULTIHEAD_KERNELS-$ranks"/model.h5 || code=1
    done
done
echo "END $code"
sleep 1 # the serial port is slower than what ends the machine
poweroff -f
INIT
    chmod +x "$1/init"
}

# make_image CPU KERNELS SUITE...
make_image() {
    local image=$work/$1
    printf 'console=/dev/ttyS0 must_choose=%s kernels=%s suites="%s"\n' "$2" "$2" "${*:3}" >"$work/root/plan"
    mkdir -p "$image"
    (cd "$work/root" && find . | busybox cpio -o -H newc) >"$image/initrd" 2>/dev/null
    cp "$work"/linux/boot/vmlinuz-* "$image/vmlinuz"
    cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$image/"
    # Bochs reports a size for XSAVES and XSAVEC that Linux finds wrong, and then it turns AVX off.
    cat >"$image/isolinux.cfg" <<'CFG'
default test
prompt 0
label test
 kernel vmlinuz
 append initrd=initrd console=ttyS0 quiet mitigations=off noapic lpj=1000000 tsc=reliable clocksource=tsc random.trust_cpu=on panic=1 nowatchdog audit=0 clearcpuid=aperfmperf,xsaves,xsavec
CFG
    xorriso -as mkisofs -quiet -o "$image.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 \
        -boot-info-table "$image" 2>/dev/null
}

# emulate CPU KERNELS SUITE...
emulate() {
    local base=$work/$1
    make_image "$@"
    rm -f "$base.serial"
    cat >"$base.rc" <<RC
config_interface: textconfig
display_library: term
cpu: model=$1, count=1, ips=100000000, reset_on_triple_fault=0
memory: guest=768, host=768
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=$base.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$base.serial
clock: sync=none
vga: update_freq=1
log: $base.log
RC
    # update_freq: Bochs draws into a terminal that nobody looks at, and stands still when that is full: so for an hour.
    echo c >"$base.go" # Debian's Bochs has the debugger in, which waits for a word
    echo "---- $1 must choose $2"
    TERM=xterm timeout 3600 script -qc "bochs -q -f $base.rc -rc $base.go" /dev/null </dev/null >/dev/null 2>&1 || true
    cat "$base.serial"
    grep -q '^END 0' "$base.serial"
}

prepare_x86() {
    install_missing libcriterion-dev bochs bochsbios vgabios bochs-term bsdutils busybox-static isolinux syslinux-common xorriso
    build_program "$build" -DMULTIHEAD_NATIVE=OFF -DMULTIHEAD_TESTS=ON
    rm -rf "$work/root"
    write_init "$work/root"
    cp /bin/busybox "$work/root/bin/"
    add "$build/multihead"
    add "$build/tests/unit_tests"
    unpack_linux
}

mkdir -p "$work"
if [ "${1-}" = aarch64 ]; then
    test_aarch64 "${@:2}"
    exit
fi
prepare_x86
if [ $# -ge 2 ]; then
    suites=("${@:3}")
    [ ${#suites[@]} -gt 0 ] || suites=(kernel layer matrix)
    emulate "$1" "$2" "${suites[@]}"
    exit
fi
failed=0
emulate corei7_skylake_x avx512 kernel layer matrix || failed=1
emulate corei7_haswell_4770 avx2 kernel layer matrix || failed=1
emulate core2_penryn_t9600 openblas kernel layer matrix || failed=1
tests/emulated/run.sh aarch64 || failed=1
exit $failed
