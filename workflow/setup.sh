# Makes .venv when it is missing or when requirements.lock changed. Sourced by run_all.sh and run_tests.sh,
# which set ROOT; leaves the interpreter's path in PYTHON.

fail() { echo "vcfnb: $*" >&2; exit 1; }

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local name
    for name in ${VCFNB_PYTHON:-} python3.11 python3.12 python3.13 python3 python; do
        if command -v "$name" >/dev/null 2>&1 && new_enough "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

has_compiler() {
    local name
    for name in ${CC:-} cc gcc clang; do
        command -v "$name" >/dev/null 2>&1 && return
    done
    return 1
}

make_environment() {
    local system log="$ROOT/.venv/install.log"
    system=$(find_python) || fail "needs Python 3.11 or newer on the PATH (or its path in VCFNB_PYTHON)."
    has_compiler || fail "needs a C compiler to build pyradiomics (Debian and Ubuntu: gcc; macOS: xcode-select --install)."
    echo "vcfnb: installing the packages of requirements.lock into .venv (a few minutes, once)"
    # A half-made or outdated environment is replaced: packages that left the lock must not stay.
    rm -rf "$ROOT/.venv"
    "$system" -m venv "$ROOT/.venv" >/dev/null 2>&1 || {
        rm -rf "$ROOT/.venv"
        fail "$system cannot make a virtual environment (Debian and Ubuntu: install python3-venv)."
    }
    "$PYTHON" -m pip install --disable-pip-version-check --no-input -r "$ROOT/requirements.lock" >"$log" 2>&1 &&
        "$PYTHON" -m pip install --disable-pip-version-check --no-input --no-deps --no-build-isolation \
            -e "$ROOT" >>"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        fail "the installation failed; the whole log is in .venv/install.log. Run the same command to try again."
    }
    echo "$WANTED" >"$ROOT/.venv/lock.sha256"
}

PYTHON="$ROOT/.venv/bin/python"
WANTED=$( (sha256sum 2>/dev/null || shasum -a 256) <"$ROOT/requirements.lock" | cut -d' ' -f1)
if [ "$(cat "$ROOT/.venv/lock.sha256" 2>/dev/null)" != "$WANTED" ] || ! [ -x "$PYTHON" ]; then
    make_environment
fi
