#include "workloads/data/raw_files.hpp"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "results/error.hpp"
#include "results/text.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace velo;
using namespace velo::data;
using Catch::Matchers::Message;
namespace fs = std::filesystem;

namespace {

const RawSet letters{"letters", {{"a.raw", 4, sha256("aaaa")}, {"b.raw", 2, sha256("bb")}}};

void write_text(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::trunc) << text; }

void make_letters(const std::string& folder) {
  write_text(folder + "/a.raw", "aaaa");
  write_text(folder + "/b.raw", "bb");
}

std::vector<std::string> said;
const Say listen = [](std::string_view line) { said.emplace_back(line); };

// Whatever the resolution of the file system's clock, the time differs.
void touch_later(const std::string& path) {
  fs::last_write_time(path, fs::last_write_time(path) + std::chrono::seconds(2));
}

}  // namespace

TEST_CASE("an installed set passes every check and leaves no scratch") {
  const test::TemporaryFolder directory;
  CHECK_FALSE(is_installed(letters, directory.path()));
  install(letters, directory.path(), make_letters, listen);

  CHECK(is_installed(letters, directory.path()));
  CHECK_NOTHROW(check(letters, directory.path()));
  CHECK_NOTHROW(verify(letters, directory.path()));
  CHECK(std::distance(fs::directory_iterator(directory.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("a set that is not installed is missed with the command that installs it") {
  const test::TemporaryFolder directory;
  CHECK_THROWS_MATCHES(
      check(letters, directory.path()), Error,
      Message("data set 'letters' is not installed in " + directory.path() + ": run `velo data install letters`"));
}

TEST_CASE("missing, truncated and altered files are named") {
  const test::TemporaryFolder directory;
  install(letters, directory.path(), make_letters, listen);
  const std::string a = directory / "letters/a.raw", b = directory / "letters/b.raw";

  write_text(a, "aaa");
  CHECK_THROWS_MATCHES(check(letters, directory.path()), Error,
                       Message(a + " has 3 bytes where 4 are right; `velo data install letters` repairs it"));
  write_text(a, "abaa");
  touch_later(a);
  CHECK_THROWS_MATCHES(
      check(letters, directory.path()), Error,
      Message(a + " has been altered: its SHA-256 is not that of letters; `velo data install letters` repairs it"));
  write_text(a, "aaaa");
  fs::remove(b);
  CHECK_THROWS_MATCHES(check(letters, directory.path()), Error,
                       Message(b + " is missing; `velo data install letters` repairs it"));
}

TEST_CASE("a file is hashed again only when it was touched, and the full check always hashes") {
  const test::TemporaryFolder directory;
  install(letters, directory.path(), make_letters, listen);
  const std::string a = directory / "letters/a.raw";
  touch_later(a);
  check(letters, directory.path());
  const auto hashed_at = fs::last_write_time(a);

  write_text(a, "axaa");
  fs::last_write_time(a, hashed_at);
  CHECK_NOTHROW(check(letters, directory.path()));
  CHECK_THROWS_AS(verify(letters, directory.path()), Error);
}

TEST_CASE("installing again repairs a harmed set and leaves an unharmed one alone") {
  const test::TemporaryFolder directory;
  int conversions = 0;
  const auto convert = [&](const std::string& folder) {
    ++conversions;
    make_letters(folder);
  };
  install(letters, directory.path(), convert, listen);
  install(letters, directory.path(), convert, listen);
  CHECK(conversions == 1);

  write_text(directory / "letters/a.raw", "abaa");
  install(letters, directory.path(), convert, listen);
  CHECK(conversions == 2);
  CHECK_NOTHROW(verify(letters, directory.path()));
}

TEST_CASE("a conversion that fails or gives other content installs nothing") {
  const test::TemporaryFolder directory;
  CHECK_THROWS_AS(install(
                      letters, directory.path(), [](const std::string&) { throw Error("no"); }, listen),
                  Error);
  CHECK_THROWS_AS(install(
                      letters, directory.path(),
                      [](const std::string& folder) {
                        make_letters(folder);
                        write_text(folder + "/b.raw", "bc");
                      },
                      listen),
                  Error);

  CHECK(fs::is_empty(directory.path()));
}

TEST_CASE("the version of a set names its content") {
  RawSet other = letters;
  CHECK(other.version() == letters.version());
  other.files[1].sha256 = sha256("bc");
  CHECK(other.version() != letters.version());
  CHECK(letters.bytes() == 6);
}

TEST_CASE("a file that cannot be written is named with the system's reason") {
  CHECK_THROWS_MATCHES(write_file("/nonexistent/file", {}), Error,
                       Message("cannot create /nonexistent/file: No such file or directory"));
  if (fs::exists("/dev/full")) {
    const std::uint8_t byte = 1;
    CHECK_THROWS_MATCHES(write_file("/dev/full", {{&byte, 1}}), Error,
                         Message("cannot write /dev/full: No space left on device"));
  }
}
