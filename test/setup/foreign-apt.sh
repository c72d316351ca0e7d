# Read by scripts that fetch Debian's packages for another architecture, after cache.sh.
# shellcheck shell=sh

# From here on apt-get and apt-cache know this architecture alone, by lists of their own in a directory that is given: the
# machine's apt and dpkg are left as they are. It has the machine's sources and keys.
use_foreign_apt() {
  mkdir -p "$2/apt/lists/partial" "$2/apt/archives/partial"
  : >"$2/apt/status"
  cat >"$2/apt.conf" <<CONF
APT::Architecture "$1";
APT::Architectures { "$1"; };
APT::Sandbox::User "root";
Dir::State "$2/apt";
Dir::State::status "$2/apt/status";
Dir::Cache "$2/apt";
CONF
  export APT_CONFIG="$2/apt.conf"
  apt-get -q=2 update
}
