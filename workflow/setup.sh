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

is_up_to_date() {
    [ "$(cat "$ROOT/.venv/lock.sha256" 2>/dev/null)" = "$WANTED" ] && [ -x "$PYTHON" ]
}

# Keeps other set-ups of this checkout out. The lock is on descriptor 9, which this shell and what it starts hold open:
# the system lets go of it however they end. Python takes it, because macOS has no flock command.
lock() {
    exec 9>>"$ROOT/requirements.lock" || fail "$ROOT cannot be written."
    "$1" -c '
import fcntl, signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("vcfnb: another set-up of .venv is running; waiting for it", flush=True)
    fcntl.flock(9, fcntl.LOCK_EX)
except OSError:
    pass  # a file system without locks
' || exit
}

# uv takes a third of pip's time. Where it is missing, or finds no package, pip does it, with all of pip's settings.
install() {
    "$PYTHON" -m uv pip install --compile-bytecode --python "$PYTHON" "$@" || "$PYTHON" -m pip install --no-input "$@"
}

make_environment() {
    local system log="$ROOT/.venv/install.log"
    system=$(find_python) || fail "needs Python 3.11 or newer on the PATH (or its path in VCFNB_PYTHON)."
    has_compiler || fail "needs a C compiler to build pyradiomics (Debian and Ubuntu: gcc; macOS: xcode-select --install)."
    lock "$system"
    if is_up_to_date; then return; fi
    echo "vcfnb: installing the packages of requirements.lock into .venv (a few minutes, once)"
    # A half-made or outdated environment is replaced: packages that left the lock must not stay.
    rm -rf "$ROOT/.venv"
    "$system" -m venv "$ROOT/.venv" >/dev/null 2>&1 || {
        rm -rf "$ROOT/.venv"
        fail "$system cannot make a virtual environment (Debian and Ubuntu: install python3-venv)."
    }
    {
        "$PYTHON" -m pip install --no-input "$(grep '^uv==' "$ROOT/requirements.lock")"
        install -r "$ROOT/requirements.lock" && install --no-deps --no-build-isolation -e "$ROOT" &&
            "$PYTHON" "$ROOT/workflow/compile.py"
    } >"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        fail "the installation failed; the whole log is in .venv/install.log. Run the same command to try again."
    }
    echo "$WANTED" >"$ROOT/.venv/lock.sha256"
}

export PIP_DISABLE_PIP_VERSION_CHECK=1
# Where pip looks, uv looks, too.
export UV_FIND_LINKS="${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}}" UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-}}"
PYTHON="$ROOT/.venv/bin/python"
WANTED=$( (sha256sum 2>/dev/null || shasum -a 256) <"$ROOT/requirements.lock" | cut -d' ' -f1)
if ! is_up_to_date; then
    make_environment
    exec 9>&-
fi
