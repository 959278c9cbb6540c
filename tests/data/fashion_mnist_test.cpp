#include "workloads/data/fashion_mnist.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "harness/registry.hpp"
#include "results/error.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace velo;
using namespace velo::data;
using Catch::Matchers::Message;

namespace {

const DataSetInfo& descriptor() { return data_set(builtin_registry(), "fashion_mnist"); }

const char* const package_files = "/usr/share/datasets/fashion-mnist";

}  // namespace

TEST_CASE("Fashion-MNIST is registered with licence, package and version") {
  CHECK(descriptor().package == "dataset-fashion-mnist");
  CHECK(descriptor().bytes == 54950000);
  CHECK(descriptor().version.size() == 64);
  CHECK_FALSE(descriptor().licence.empty());
  CHECK_THROWS_MATCHES(
      data_set(builtin_registry(), "fashion_mnits"), Error,
      Message(
          "no data set is called 'fashion_mnits' (did you mean 'fashion_mnist'?); `velo data list` shows them all"));
}

TEST_CASE("without its files Fashion-MNIST says how to get them") {
  const test::TemporaryFolder directory;
  const std::string sentence =
      "data set 'fashion_mnist' is not installed in " + directory.path() + ": run `velo data install fashion_mnist`";
  CHECK_THROWS_MATCHES(open_fashion_mnist({directory.path(), false}), Error, Message(sentence));
  CHECK_THROWS_MATCHES(fashion_mnist_version({directory.path(), false}), Error, Message(sentence));
}

TEST_CASE("the original files become three splits with known statistics") {
  if (!std::filesystem::exists(package_files)) SKIP("package dataset-fashion-mnist is not installed");
  const test::TemporaryFolder directory;
  descriptor().install(directory.path(), package_files, [](std::string_view) {});
  CHECK(descriptor().installed(directory.path()));
  CHECK_NOTHROW(descriptor().verify(directory.path()));
  CHECK(fashion_mnist_version({directory.path(), false}) == descriptor().version);

  const auto images = open_fashion_mnist({directory.path(), false});
  CHECK(images->examples(Split::train) == 50000);
  CHECK(images->examples(Split::validation) == 10000);
  CHECK(images->examples(Split::test) == 10000);

  std::vector<int> train(10), validation(10), test_count(10);
  for (const std::uint8_t l : images->labels(Split::train)) ++train.at(l);
  for (const std::uint8_t l : images->labels(Split::validation)) ++validation.at(l);
  for (const std::uint8_t l : images->labels(Split::test)) ++test_count.at(l);
  CHECK(train == std::vector<int>{4977, 5012, 4992, 4979, 4950, 5004, 5030, 5045, 5032, 4979});
  CHECK(validation == std::vector<int>{1023, 988, 1008, 1021, 1050, 996, 970, 955, 968, 1021});
  CHECK(test_count == std::vector<int>(10, 1000));

  double sum = 0, squares = 0;
  for (const std::uint8_t p : images->images(Split::train)) sum += p, squares += static_cast<double>(p) * p;
  // Sums of integers below 2^53 are exact; a handful of roundings follow.
  const double n = 50000.0 * 784.0, mean = sum / n;
  CHECK_THAT(images->mean(), Catch::Matchers::WithinRel(mean / 255, 1e-15));
  CHECK_THAT(images->deviation(), Catch::Matchers::WithinRel(std::sqrt(squares / n - mean * mean) / 255, 1e-14));
}

TEST_CASE("no image is twice in Fashion-MNIST, in one split or in two") {
  if (!descriptor().installed(default_data_directory())) SKIP("data set fashion_mnist is not installed");
  const auto images = open_fashion_mnist({});
  const auto size = static_cast<std::size_t>(images->shape().pixels());
  std::unordered_set<std::string_view> seen;
  for (const Split split : {Split::train, Split::validation, Split::test}) {
    const auto pixels = images->images(split);
    for (std::size_t at = 0; at < pixels.size(); at += size)
      seen.emplace(reinterpret_cast<const char*>(pixels.data()) + at, size);
  }
  CHECK(seen.size() == 70000);
}

TEST_CASE("originals that are not there are named") {
  const test::TemporaryFolder directory;
  CHECK_THROWS_MATCHES(descriptor().install(directory.path(), directory / "nowhere", [](std::string_view) {}), Error,
                       Message(directory / "nowhere/train-images-idx3-ubyte.gz" + " cannot be opened"));
  CHECK_FALSE(descriptor().installed(directory.path()));
}

TEST_CASE("synthetic mode needs no files and has the same shapes") {
  const auto images = open_fashion_mnist({"/nonexistent", true});
  CHECK(images->shape().classes == 10);
  CHECK(images->examples(Split::validation) == 10000);
  CHECK(images->labels(Split::validation).size() == 10000);
  CHECK(fashion_mnist_version({"/nonexistent", true}) == "synthetic-1");
}

TEST_CASE("the data directory follows VELO_DATA_DIR, XDG_CACHE_HOME and HOME in this order") {
  const auto keep = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  const std::string own = keep("VELO_DATA_DIR"), cache = keep("XDG_CACHE_HOME"), home = keep("HOME");

  setenv("VELO_DATA_DIR", "/d", 1);
  setenv("XDG_CACHE_HOME", "/c", 1);
  setenv("HOME", "/h", 1);
  CHECK(default_data_directory() == "/d");
  unsetenv("VELO_DATA_DIR");
  CHECK(default_data_directory() == "/c/velodrome/data");
  unsetenv("XDG_CACHE_HOME");
  CHECK(default_data_directory() == "/h/.cache/velodrome/data");
  unsetenv("HOME");
  CHECK_THROWS_AS(default_data_directory(), Error);

  if (!own.empty()) setenv("VELO_DATA_DIR", own.c_str(), 1);
  if (!cache.empty()) setenv("XDG_CACHE_HOME", cache.c_str(), 1);
  if (!home.empty()) setenv("HOME", home.c_str(), 1);
}
