#!/usr/bin/env bash
# Makes .venv from requirements.lock and puts Rushes itself into it.
#
# Run again it returns at once while nothing changed. A stamp is written after its step and taken away before it, so a
# run that was interrupted leaves none, and the next one builds the environment anew (downloads are kept by the
# installer's own cache). Uses uv where it is installed, and plain pip elsewhere; with CI set it fetches uv first.
# PYTHON names the interpreter to use, if the one that is found is not the one you want.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly VENV=.venv
readonly LOCK_STAMP=$VENV/.stamp-lock
readonly PROJECT_STAMP=$VENV/.stamp-project
readonly UV_VERSION=0.13.8
# Measured on Linux with Python 3.11 by pip: 6.8 GiB installed; about half as much again is downloaded and cached.
readonly NEEDED_GB=11

say() { printf '%s\n' "$*" >&2; }
fail() { say "setup: $*"; exit 1; }

checksum() { { sha256sum 2>/dev/null || shasum -a 256; } | cut -d' ' -f1; }
# The place is part of it: scripts in an environment name their interpreter by its full path.
lock_sum() { { pwd -P; cat requirements.lock; } | checksum; }
project_sum() { checksum < pyproject.toml; }

lock_installed() { [ "$(cat "$LOCK_STAMP" 2>/dev/null)" = "$(lock_sum)" ] && "$VENV/bin/python" -c '' 2>/dev/null; }
project_installed() { [ "$(cat "$PROJECT_STAMP" 2>/dev/null)" = "$(project_sum)" ]; }
up_to_date() { lock_installed && project_installed; }

supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; }

find_python() {
    local name
    for name in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3.13 python3.14 python3; do
        if supported "$name"; then
            printf '%s\n' "$name"
            return
        fi
    done
    fail "expected Python 3.11 to 3.14, found $(python3 --version 2>&1 || echo none). Install one" \
        "(Debian: apt install python3.11 python3.11-venv), or name it: make setup PYTHON=/path/to/python3.11"
}

warn_of_small_disk() {
    local free_gb
    free_gb=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024 / 1024) }')
    if [ "$free_gb" -lt "$NEEDED_GB" ]; then
        say "setup: warning: $free_gb GB are free here, about $NEEDED_GB GB are needed for the packages and their downloads"
    fi
}

have_uv() { uv --version >/dev/null 2>&1; }

make_environment() {
    local python=$1
    rm -f "$LOCK_STAMP" "$PROJECT_STAMP"
    rm -rf "$VENV"
    if ! "$python" -m venv "$VENV" 2>/dev/null; then
        rm -rf "$VENV"
        fail "$python cannot make a virtual environment; on Debian: apt install $(basename "$python")-venv"
    fi
}

install_with_uv() {
    local uv=$1
    "$uv" pip install --python "$VENV/bin/python" --no-deps --require-hashes -r requirements.lock
}

install_with_pip() {
    "$VENV/bin/python" -m pip install --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
}

# --no-deps: facenet-pytorch's metadata pins versions that we override, and a resolver would refuse them.
install_lock() {
    local uv=
    if have_uv; then
        uv=uv
    elif [ -n "${CI:-}" ] && "$VENV/bin/python" -m pip install -q --disable-pip-version-check "uv==$UV_VERSION"; then
        uv=$VENV/bin/uv
    fi
    if [ -n "$uv" ]; then
        install_with_uv "$uv" && return
        say "setup: uv did not succeed; going on with pip"
    fi
    install_with_pip
}

install_project() {
    rm -f "$PROJECT_STAMP"
    "$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
    project_sum > "$PROJECT_STAMP"
}

main() {
    up_to_date && return
    mkdir -p .cache
    # Two at once (say, `make demo` and `make test`) would break each other's work.
    if command -v flock >/dev/null; then
        exec 9> .cache/setup.lock
        flock -n 9 || { say "setup: another one is at work, waiting for it"; flock 9; }
        up_to_date && return
    fi

    local started=$SECONDS
    if ! lock_installed; then
        local python
        python=$(find_python)
        [ ! -e "$VENV" ] || say "setup: $VENV is incomplete or not of this requirements.lock; making it anew"
        warn_of_small_disk
        say "setup: installing $(grep -c '==' requirements.lock) locked packages into $VENV with $("$python" --version)"
        say "setup: the first time takes some minutes; torch and its CUDA libraries are most of it"
        make_environment "$python"
        install_lock
        lock_sum > "$LOCK_STAMP"
    fi
    install_project
    say "setup: done in $((SECONDS - started)) s; $VENV takes $(du -sm "$VENV" | cut -f1) MiB"
}

main "$@"
