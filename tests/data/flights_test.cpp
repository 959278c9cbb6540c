#include "workloads/data/flights.hpp"

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>
#include <vector>

#include "harness/registry.hpp"
#include "results/error.hpp"
#include "results/text.hpp"
#include "tests/support/temporary_folder.hpp"
#include "workloads/data/npm.hpp"

using namespace velo;
using namespace velo::data;
using Catch::Matchers::Message;
using Catch::Matchers::WithinAbs;

namespace {

const DataSetInfo& descriptor() { return data_set(builtin_registry(), "flights"); }
const Say silent = [](std::string_view) {};

std::vector<Flight> all_of(const FlightData& data, Split split) {
  std::vector<Index> numbers(static_cast<std::size_t>(data.flights(split)));
  std::iota(numbers.begin(), numbers.end(), Index{0});
  std::vector<Flight> flights(numbers.size());
  data.gather(split, numbers, flights.data());
  return flights;
}

/// Of predicting p where a share of q is late, in nats.
double cross_entropy(double q, double p) { return -q * std::log(p) - (1 - q) * std::log(1 - p); }

FlightRow row(std::int32_t day, std::int32_t minute, std::int16_t delay, const char* from, const char* to) {
  FlightRow out{.minute = (11323 + day) * 1440 + minute, .delay = delay, .distance = 500};
  std::memcpy(out.origin, from, 3);
  std::memcpy(out.destination, to, 3);
  return out;
}

std::vector<Flight> read(const std::string& path) {
  std::vector<Flight> flights(std::filesystem::file_size(path) / sizeof(Flight));
  std::ifstream(path, std::ios::binary)
      .read(reinterpret_cast<char*>(flights.data()), static_cast<std::streamsize>(flights.size() * sizeof(Flight)));
  return flights;
}

/// The search path without any program, while it lives.
class NoPrograms {
 public:
  NoPrograms() { setenv("PATH", folder_.path().c_str(), 1); }
  ~NoPrograms() { setenv("PATH", kept_.c_str(), 1); }
  NoPrograms(const NoPrograms&) = delete;
  NoPrograms& operator=(const NoPrograms&) = delete;

 private:
  test::TemporaryFolder folder_;
  std::string kept_ = std::getenv("PATH");
};

}  // namespace

TEST_CASE("flights are registered with licence, package and version") {
  CHECK(descriptor().package == "npm vega-datasets");
  CHECK(descriptor().bytes == 3000000 * 12 + 3 * flight_airports);
  CHECK(descriptor().version.size() == 64);
  CHECK_FALSE(descriptor().licence.empty());
}

TEST_CASE("without their files flights say how to get them") {
  const test::TemporaryFolder directory;
  const std::string sentence =
      "data set 'flights' is not installed in " + directory.path() + ": run `velo data install flights`";
  CHECK_THROWS_MATCHES(open_flights({directory.path(), false}), Error, Message(sentence));
  CHECK_THROWS_MATCHES(flights_version({directory.path(), false}), Error, Message(sentence));
}

TEST_CASE("without node the installation says what is missing and what has it") {
  const test::TemporaryFolder directory;
  const NoPrograms nothing;
  CHECK_THROWS_MATCHES(descriptor().install(directory.path(), "", silent), Error,
                       Message("node is not on this machine; it is needed to get data out of npm packages (Debian "
                               "packages nodejs and npm)"));
  CHECK_FALSE(descriptor().installed(directory.path()));
}

TEST_CASE("a folder without the npm packages is named, with the command that fills it") {
  const test::TemporaryFolder directory, empty;
  CHECK_THROWS_MATCHES(descriptor().install(directory.path(), empty.path(), silent), Error,
                       Message(empty / "node_modules/vega-datasets/data/flights-3m.parquet" +
                               " is missing: `npm install --ignore-scripts vega-datasets@3.2.1 hyparquet@1.33.0 "
                               "hyparquet-compressors@1.1.2` in the folder " +
                               empty.path() + " puts it there"));
}

TEST_CASE("an installation that npm refuses gives npm's reason and leaves nothing") {
  if (std::system("npm --version >/dev/null 2>&1") != 0) SKIP("npm is not installed");
  const test::TemporaryFolder directory;
  setenv("npm_config_offline", "true", 1);
  setenv("npm_config_cache", (directory / "cache").c_str(), 1);
  CHECK_THROWS_MATCHES(descriptor().install(directory / "data", "", silent), Error,
                       Message("`npm install` failed: npm error code ENOTCACHED") ||
                           Message("`npm install` failed: npm ERR! code ENOTCACHED"));
  unsetenv("npm_config_offline");
  unsetenv("npm_config_cache");
  CHECK(std::filesystem::is_empty(directory / "data"));
}

TEST_CASE("what a script of node's throws is the error's last word") {
  const test::TemporaryFolder folder;
  if (std::system("node --version >/dev/null 2>&1") != 0) SKIP("node is not installed");
  CHECK_THROWS_MATCHES(run_node("throw new Error('no such row\\nand more')", {}, folder.path()), Error,
                       Message("`node --input-type=module` failed: no such row"));
  run_node("(await import('node:fs')).writeFileSync(process.argv[2], process.argv[1])", {"said", folder / "out"},
           folder.path());
  std::string written;
  std::ifstream(folder / "out") >> written;
  CHECK(written == "said");
}

TEST_CASE("conversion numbers airports and routes by their codes and cuts at midnight") {
  const test::TemporaryFolder folder;
  const std::vector<FlightRow> rows = {row(0, 0, 16, "SFO", "ATL"),    row(145, 1439, 15, "ATL", "SFO"),
                                       row(146, 0, -5, "ATL", "JFK"),  row(163, 1439, 300, "SFO", "ATL"),
                                       row(164, 0, 0, "JFK", "SFO"),   row(181, 800, 20, "SFO", "JFK"),
                                       row(181, 800, 20, "ATL", "SFO")};
  convert_flights(rows, folder.path());
  const auto train = read(folder / "train.raw"), validation = read(folder / "validation.raw"),
             test = read(folder / "test.raw");
  REQUIRE(train.size() == 2);
  REQUIRE(validation.size() == 2);
  REQUIRE(test.size() == 3);
  std::string codes;
  std::ifstream(folder / "airports.raw") >> codes;
  CHECK(codes == "ATLJFKSFO");
  // Routes: ATL-JFK, ATL-SFO, JFK-SFO, SFO-ATL, SFO-JFK.
  CHECK(train[0].route == 3);
  CHECK(validation[0].route == 0);
  CHECK(test[0].route == 2);
  CHECK(test[1].route == 4);
  CHECK(test[2].route == 1);
  CHECK(train[0].origin == 2);
  CHECK(train[0].destination == 0);
  CHECK(train[0].late());
  CHECK_FALSE(train[1].late());
  CHECK(train[1].hour() == 23);
  CHECK(train[0].weekday() == 0);
  CHECK(test[1].weekday() == 181 % 7);
  CHECK(test[1].minute == 181 * 1440 + 800);
  CHECK(test[1].distance == 500);
}

TEST_CASE("rows out of order and too many airports are refused") {
  const test::TemporaryFolder folder;
  const std::vector<FlightRow> turned = {row(1, 10, 0, "SFO", "ATL"), row(1, 9, 0, "SFO", "ATL")};
  CHECK_THROWS_MATCHES(convert_flights(turned, folder.path()), Error,
                       Message("flight 1 leaves before the one in front of it"));
  const std::vector<FlightRow> early = {row(-1, 1439, 0, "SFO", "ATL")};
  CHECK_THROWS_AS(convert_flights(early, folder.path()), Error);
  std::vector<FlightRow> many;
  for (int i = 0; i < 257; ++i) {
    const char from[4] = {static_cast<char>('A' + i / 26), static_cast<char>('A' + i % 26), 'X', 0};
    many.push_back(row(0, i, 0, from, "AAX"));
  }
  CHECK_THROWS_MATCHES(convert_flights(many, folder.path()), Error, Message("257 airports where 256 is the most"));
}

TEST_CASE("the converted flights have the counts, shares and baselines that the header states") {
  if (!descriptor().installed(default_data_directory())) SKIP("data set flights is not installed");
  const auto data = open_flights({});
  CHECK(flights_version({}) == descriptor().version);
  const std::array<std::int32_t, 4> days = {0, 146, 164, 182};
  const std::array<Index, 3> counts = {2415633, 298628, 285739};
  const std::array<Index, 3> late_counts = {479035, 56210, 63810};
  const std::array<double, 3> own = {0.498045, 0.483643, 0.531073}, beforehand = {0.498045, 0.483966, 0.532981};
  std::set<int> routes;
  double log_sum = 0, log_squares = 0;
  for (std::size_t part = 0; part < 3; ++part) {
    const auto flights = all_of(*data, static_cast<Split>(part));
    REQUIRE(static_cast<Index>(flights.size()) == counts[part]);
    Index late = 0, misplaced = 0;
    for (std::size_t i = 0; i < flights.size(); ++i) {
      const Flight& f = flights[i];
      late += f.late();
      misplaced += f.minute < days[part] * 1440 || f.minute >= days[part + 1] * 1440 || f.origin >= flight_airports ||
                   f.destination >= flight_airports || f.route >= flight_routes;
      misplaced += i > 0 && f.minute < flights[i - 1].minute;
      routes.insert(f.route);
      if (part > 0) continue;
      const double l = std::log(static_cast<double>(f.distance));
      log_sum += l, log_squares += l * l;
    }
    if (part == 0) CHECK(static_cast<Index>(routes.size()) == flight_routes - 33);
    CHECK(late == late_counts[part]);
    CHECK(misplaced == 0);
    const double share = static_cast<double>(late) / static_cast<double>(counts[part]);
    const double trained = static_cast<double>(late_counts[0]) / static_cast<double>(counts[0]);
    CHECK_THAT(cross_entropy(share, share), WithinAbs(own[part], 5e-7));
    CHECK_THAT(cross_entropy(share, trained), WithinAbs(beforehand[part], 5e-7));
  }
  CHECK(static_cast<Index>(routes.size()) == flight_routes);
  // What the workload standardises the logarithm of the distance with; sums of 2.4 million terms, one after another.
  const double n = 2415633, mean = log_sum / n;
  CHECK_THAT(mean, WithinAbs(6.297878847242235, 1e-9));
  CHECK_THAT(std::sqrt(log_squares / n - mean * mean), WithinAbs(0.7924423099089517, 1e-9));
}

TEST_CASE("synthetic flights need no files, repeat, follow the calendar and can be predicted") {
  const auto data = open_flights({"/nonexistent", true});
  CHECK(flights_version({"/nonexistent", true}) == "synthetic-flights-1");
  CHECK(data->flights(Split::train) == 2415633);
  const auto flights = all_of(*data, Split::validation);
  REQUIRE(static_cast<Index>(flights.size()) == data->flights(Split::validation));
  CHECK(flights.front().minute == 146 * 1440);
  CHECK(flights.back().minute < 164 * 1440);
  double late = 0, late_at_night = 0, at_night = 0;
  for (std::size_t i = 0; i < flights.size(); ++i) {
    const Flight& f = flights[i];
    if (i > 0) REQUIRE(f.minute >= flights[i - 1].minute);
    REQUIRE(f.route < flight_routes);
    REQUIRE(f.origin < flight_airports);
    REQUIRE(f.destination < flight_airports);
    REQUIRE(f.origin != f.destination);
    late += f.late();
    if (f.hour() >= 20) at_night += 1, late_at_night += f.late();
  }
  const double share = late / static_cast<double>(flights.size());
  CHECK(share > 0.15);
  CHECK(share < 0.35);
  CHECK(late_at_night / at_night > 1.3 * share);

  const Index number = 12345;
  Flight again;
  open_flights({"", true})->gather(Split::validation, {&number, 1}, &again);
  CHECK(std::memcmp(&again, &flights[12345], sizeof again) == 0);
}
