# shellcheck shell=sh
# Sourced by tools/quickstart and tools/test: installs what tools/packages lists and the machine lacks.

# Open MPI: root has to say that it means it; containers without ptrace have no single-copy transport; the loopback
# interface alone is enough on one machine, so nothing is said about the others.
rr_mpi_environment() {
    if [ "$(id -u)" -eq 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    export OMPI_MCA_btl_vader_single_copy_mechanism="${OMPI_MCA_btl_vader_single_copy_mechanism:-none}"
    export OMPI_MCA_btl_base_warn_component_unused=0
}

# rr_present PROBE NAME: is it there?
rr_present() {
    case $1 in
    program)
        for rr_name in $(echo "$2" | tr '|' ' '); do
            if command -v "$rr_name" >/dev/null 2>&1; then return 0; fi
        done
        return 1
        ;;
    pkg) pkg-config --exists "$2" 2>/dev/null ;;
    header) echo "#include <$2>" | "${CC:-cc}" -x c -fsyntax-only - 2>/dev/null ;;
    python) python3 -c "import $2" 2>/dev/null ;;
    *) echo "tools/packages: unknown probe '$1'" >&2 && exit 2 ;;
    esac
}

# rr_missing NEEDS COLUMN: that column (3 name, 4 Debian, 5 Fedora/RHEL, 6 Spack) of all that is not there, in one line.
rr_missing() {
    while read -r rr_need rr_probe rr_what rr_debian rr_fedora rr_spack; do
        case " $1 " in *" $rr_need "*) ;; *) continue ;; esac
        if rr_present "$rr_probe" "$rr_what" </dev/null; then continue; fi
        case $2 in
        3) echo "$rr_what" ;;
        4) echo "$rr_debian" ;;
        5) echo "$rr_fedora" ;;
        6) echo "$rr_spack" ;;
        esac
    done <tools/packages | tr ',' '\n' | grep -v '^-$' | sort -u | tr '\n' ' '
}

# rr_advise NEEDS: names what is missing for people who install it themselves.
rr_advise() {
    echo "These packages are missing. Install them, or ask who runs this machine, then start again:"
    echo "  Debian, Ubuntu:  apt-get install $(rr_missing "$1" 4)"
    echo "  Fedora, RHEL:    dnf install $(rr_missing "$1" 5)"
    echo "                   then: module load mpi/openmpi-x86_64"
    echo "  Spack:           spack install $(rr_missing "$1" 6)"
    echo "                   then: spack load of the same"
} >&2

# rr_install NEEDS: through apt-get, as root. Returns 1 where that is not possible.
rr_install() {
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then return 1; fi
    rr_packages=$(rr_missing "$1" 4)
    echo "Installing: $rr_packages"
    rr_log=$(mktemp)
    # shellcheck disable=SC2086 # a list of words
    if ! { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $rr_packages; } \
        >"$rr_log" 2>&1 </dev/null; then
        cat "$rr_log" >&2
        rm -f "$rr_log"
        return 1
    fi
    rm -f "$rr_log"
    [ -z "$(rr_missing "$1" 3)" ]
}

# rr_require NEEDS: everything is there when it returns; else it exits with 2.
rr_require() {
    if [ -z "$(rr_missing "$1" 3)" ] || rr_install "$1"; then return 0; fi
    rr_advise "$1"
    exit 2
}

# rr_want NEED: the same for tests that are skipped without it.
rr_want() {
    if [ -z "$(rr_missing "$1" 3)" ] || rr_install "$1"; then return 0; fi
    echo "Without $(rr_missing "$1" 3)the tests labelled $1 are skipped."
}

# rr_python_tools STAMP PACKAGE...: a virtual environment in build/venv with these packages; later calls find the stamp.
rr_python_tools() {
    rr_stamp=build/venv/$1
    shift
    if [ "$(cat "$rr_stamp" 2>/dev/null)" = "$*" ] && build/venv/bin/python -c '' 2>/dev/null; then return 0; fi
    echo "Installing Python packages for the tests into build/venv: $*"
    if ! build/venv/bin/python -c '' 2>/dev/null; then
        rm -rf build/venv
        python3 -m venv build/venv
    fi
    if ! build/venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"; then
        echo "pip could not install $* (see above); the tests need them" >&2
        exit 2
    fi
    echo "$*" >"$rr_stamp"
}

# rr_cores: processors that this process may use.
rr_cores() { nproc 2>/dev/null || getconf _NPROCESSORS_ONLN; }
