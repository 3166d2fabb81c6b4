#!/usr/bin/env bash
# The same portable binary on CPUs that this machine is not: Bochs boots Debian's kernel, and the unit tests run there with
# the kernels that must be chosen. Not part of ctest: needs root for missing packages, and minutes for each CPU.
#
#   run.sh             an AVX-512 CPU, an AVX2 one and one with SSE alone
#   run.sh CPU KERNELS [SUITE...]   one of `bochs --help cpu`, what it must choose, which unit tests [kernel layer matrix]
set -euo pipefail
cd "$(dirname "$0")/../.."
source jobs/install.sh

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

# What runs in the guest: its last line is "END CODE".
write_init() {
    cat >"$work/root/init" <<'INIT'
#!/bin/busybox sh
export PATH=/bin HOME=/tmp
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mkdir -p /dev/shm; mount -t tmpfs shm /dev/shm
ip link set lo up # Open MPI does not start without a network interface
exec >/dev/ttyS0 2>&1 </dev/null
. /plan
grep -m1 'model name' /proc/cpuinfo
code=0
chosen=$(multihead --version | sed -n 's/^ *kernels *//p')
echo "chosen without being told: $chosen"
[ "$chosen" = "$kernels" ] || code=1
for suite in $suites; do
    echo "== $suite"
    MULTIHEAD_KERNELS=$kernels unit_tests -j1 --timeout 0 --filter "$suite/*" || code=1
done
echo "END $code"
sleep 1 # the serial port is slower than what ends the machine
poweroff -f
INIT
    chmod +x "$work/root/init"
}

# make_image CPU KERNELS SUITE...
make_image() {
    local image=$work/$1
    printf 'kernels=%s\nsuites="%s"\n' "$2" "${*:3}" >"$work/root/plan"
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
log: $base.log
RC
    echo c >"$base.go" # Debian's Bochs has the debugger in, which waits for a word
    echo "---- $1 must choose $2"
    TERM=xterm timeout 1800 script -qc "bochs -q -f $base.rc -rc $base.go" /dev/null </dev/null >/dev/null 2>&1 || true
    cat "$base.serial"
    grep -q '^END 0' "$base.serial"
}

install_missing libcriterion-dev bochs bochsbios vgabios bochs-term bsdutils busybox-static isolinux syslinux-common xorriso
build_program "$build" -DMULTIHEAD_NATIVE=OFF -DMULTIHEAD_TESTS=ON
mkdir -p "$work"
rm -rf "$work/root"
mkdir -p "$work"/root/{bin,proc,sys,dev,tmp}
cp /bin/busybox "$work/root/bin/"
add "$build/multihead"
add "$build/tests/unit_tests"
unpack_linux
write_init

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
exit $failed
