# Read by the scripts beside it: where downloads and builds are kept for all checkouts, by one script at a time.
# shellcheck shell=sh

# As test/setup/cache.ts has it: a relative XDG_CACHE_HOME counts as none (XDG base directories).
case ${XDG_CACHE_HOME:-} in
  /*) cache=$XDG_CACHE_HOME/branchline ;;
  *) cache=$HOME/.cache/branchline ;;
esac

# Waits for a lock file, whose directory is made; it is held until the script ends, or until `exec 9>&-`.
# Gives up after so many minutes, 10 unless told.
hold() {
  mkdir -p "$(dirname "$1")"
  exec 9>"$1"
  flock -w "$((${2:-10} * 60))" 9 || {
    echo "${0##*/}: another ${0##*/} has been at work for ${2:-10} minutes" >&2
    exit 1
  }
}

# Whether a directory has every byte that its SHA256SUMS lists.
is_whole() {
  [ -e "$1/SHA256SUMS" ] && (cd "$1" && sha256sum --check --status SHA256SUMS)
}
