#include "workloads/data/idx.hpp"

#include <zlib.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <filesystem>

#include "results/error.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace velo;
using Catch::Matchers::Message;

namespace {

std::string write_gzip(const test::TemporaryFolder& folder, const std::vector<std::uint8_t>& bytes) {
  std::string path = folder / "array.gz";
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
  return path;
}

const std::vector<std::uint8_t> two_by_three = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 10, 20, 30, 40, 50, 60};

}  // namespace

TEST_CASE("an IDX array is read with its extents") {
  const test::TemporaryFolder folder;
  const data::IdxArray array = data::read_idx(write_gzip(folder, two_by_three), {2, 3});

  CHECK(array.extents == std::vector<std::int64_t>{2, 3});
  CHECK(array.values == std::vector<std::uint8_t>{10, 20, 30, 40, 50, 60});
}

TEST_CASE("a missing, foreign, short or long IDX file is named in one sentence") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "array.gz";
  CHECK_THROWS_MATCHES(data::read_idx(path, {2, 3}), Error, Message(path + " cannot be opened"));

  write_gzip(folder, {1, 2, 3});
  CHECK_THROWS_MATCHES(data::read_idx(path, {2, 3}), Error,
                       Message(path + " is not an IDX file of unsigned bytes in 2 dimensions"));

  write_gzip(folder, two_by_three);
  CHECK_THROWS_MATCHES(data::read_idx(path, {6}), Error,
                       Message(path + " is not an IDX file of unsigned bytes in 1 dimensions"));
  CHECK_THROWS_MATCHES(data::read_idx(path, {3, 2}), Error,
                       Message(path + " holds 2 x 3 values where 3 x 2 are right"));

  auto bytes = two_by_three;
  bytes.pop_back();
  write_gzip(folder, bytes);
  CHECK_THROWS_MATCHES(data::read_idx(path, {2, 3}), Error, Message(path + " is cut short: 5 of 6 values"));

  bytes = two_by_three;
  bytes.push_back(70);
  write_gzip(folder, bytes);
  CHECK_THROWS_MATCHES(data::read_idx(path, {2, 3}), Error, Message(path + " goes on behind its 6 values"));
}

TEST_CASE("a truncated gzip stream is an error, not a short array") {
  const test::TemporaryFolder folder;
  std::vector<std::uint8_t> bytes = {0, 0, 8, 1, 0, 0, 0x10, 0};
  for (std::uint32_t i = 0, x = 1; i < 4096; ++i)
    bytes.push_back(static_cast<std::uint8_t>((x = x * 1664525 + 1) >> 24));
  const std::string path = write_gzip(folder, bytes);
  CHECK(data::read_idx(path, {4096}).values.size() == 4096);

  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  CHECK_THROWS_AS(data::read_idx(path, {4096}), Error);
}
