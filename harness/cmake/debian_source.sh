#!/bin/sh
# Unpacks what Debian's archive has and its current suite may not offer, without touching the system's own apt:
#   debian_source.sh kokkos DIR    Kokkos 3.4.1, from the source package trilinos of bookworm
#   debian_source.sh catch2 DIR    Catch2 3.7.1, from bookworm-backports
#   debian_source.sh kokkos-headers DIR    headers of the newest Kokkos, from sid: to check that the code compiles
# DIR/.complete marks success, so an interrupted run is repeated.
set -eu
what=$1 target=$2
command -v apt-get >/dev/null || { echo "no apt-get on this machine" >&2; exit 1; }
# shellcheck disable=SC2016  # the dollar is for apt
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -E '/debian/?$' | sort -u | head -n 1)
[ -n "$mirror" ] || { echo "apt knows no Debian archive" >&2; exit 1; }

rm -rf "$target"
mkdir -p "$target"
target=$(cd "$target" && pwd)
scratch=$target/.apt
suites="bookworm bookworm-backports"
[ "$what" != kokkos-headers ] || suites=sid
mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial" "$scratch/parts" "$scratch/prefs"
: >"$scratch/status"
cat >"$scratch/debian.sources" <<END
Types: deb deb-src
URIs: $mirror
Suites: $suites
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
cat >"$scratch/apt.conf" <<END
Dir::State::Lists "$scratch/lists";
Dir::State::status "$scratch/status";
Dir::Cache "$scratch/cache";
Dir::Etc::SourceList "$scratch/debian.sources";
Dir::Etc::SourceParts "$scratch/parts";
Dir::Etc::PreferencesParts "$scratch/prefs";
APT::Sandbox::User "root";
END
export APT_CONFIG="$scratch/apt.conf"
cd "$scratch"
apt-get -qq update
case $what in
  kokkos)
    apt-get -qq source --download-only trilinos/bookworm
    tar -xzf trilinos_*.orig.tar.gz --strip-components=3 -C "$target" \
      --wildcards '*/packages/kokkos/*' --exclude='*/unit_test*' --exclude='*/perf_test*'
    test -f "$target/CMakeLists.txt"
    ;;
  catch2)
    apt-get -qq download libcatch2-dev/bookworm-backports
    dpkg -x libcatch2-dev_*.deb "$target"
    test -f "$target/usr/lib/libCatch2.a"
    ;;
  kokkos-headers)
    apt-get -qq download libkokkos-dev
    dpkg -x libkokkos-dev_*.deb "$target"
    test -f "$target/usr/include/kokkos/Kokkos_Core.hpp" || test -f "$target/usr/include/Kokkos_Core.hpp"
    ;;
  *)
    echo "debian_source.sh knows kokkos, catch2 and kokkos-headers, not '$what'" >&2
    exit 2
    ;;
esac
rm -rf "$scratch"
touch "$target/.complete"
