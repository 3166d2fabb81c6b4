#!/bin/sh
# The comparison runs by itself, with multihead alone: nobody fails, and table and picture are there. Exits 77 where
# there is no Python.
#
#   smoke.sh PROGRAM

command -v python3 >/dev/null || { echo "skipped: there is no python3 here"; exit 77; }
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$(dirname "$0")" || exit 1
export PYTHONDONTWRITEBYTECODE=1

python3 -m compare --peers none --quick --rounds 1 --settings tutorial --program "$program" --output "$folder" ||
    exit 1
[ "$(head -c 8 "$folder/results.png" | tail -c 7 | head -c 3)" = PNG ] || { echo "no picture"; exit 1; }
# On one core there is nothing for two ranks.
[ "$(grep -c '^tutorial,step,multihead,1,[1-9]' "$folder/results.csv")" = 1 ] || { cat "$folder/results.csv"; exit 1; }
grep -q '^tutorial script,loop,multihead,1,[1-9]' "$folder/results.csv" || { cat "$folder/results.csv"; exit 1; }

# Who fails is in the table, with the reason, and in the exit code.
cat >"$folder/weak" <<'END'
#!/bin/sh
echo "multihead: it does not want to" >&2
exit 1
END
chmod +x "$folder/weak"
if python3 -m compare --peers none --quick --rounds 1 --settings many --program "$folder/weak" --output "$folder" \
    >"$folder/out" 2>&1; then
    echo "a program that fails is not noticed"
    exit 1
fi
grep -q 'failed: multihead: it does not want to' "$folder/out" || { cat "$folder/out"; exit 1; }
