#include "workloads/data/flights.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <vector>

#include "harness/device/random.hpp"
#include "results/error.hpp"
#include "results/text.hpp"
#include "workloads/data/npm.hpp"
#include "workloads/data/raw_files.hpp"

namespace velo {

namespace data {

namespace {

// Train, validation, test.
constexpr std::array<Index, 3> counts = {2415633, 298628, 285739};
constexpr std::array<Index, 3> synthetic_counts = {2415633, 29862, 28573};
constexpr std::int32_t day = 1440;
constexpr std::int32_t first_day = 11323;                 // 2001-01-01, days since 1970-01-01
constexpr std::array<std::int32_t, 2> cuts = {146, 164};  // first days of validation and test

const RawSet& raw_set() {
  static const RawSet set{
      "flights",
      {{"train.raw", 28987596, "960c4d08cfd6cb310bb6fde8dd55a9687c4cd8e0e39870b7d2fe48009b8c97da"},
       {"validation.raw", 3583536, "554d696a4383b81428c189b39fe7a718f314dc44e9ad669b1c21c1de6130000c"},
       {"test.raw", 3428868, "ce44bbfb1e86a03b9e353768292ccf804d554a6e9f9a05f5b68c152669e2087d"},
       {"airports.raw", 687, "c75720cb0d58bd385d9103fa00460a576ca990f91e6709f403884cfbf56eee31"}}};
  return set;
}

void keep_unique(std::vector<std::uint64_t>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

std::ptrdiff_t place(const std::vector<std::uint64_t>& sorted, std::uint64_t value) {
  return std::lower_bound(sorted.begin(), sorted.end(), value) - sorted.begin();
}

class Flights final : public FlightData {
 public:
  explicit Flights(const std::string& folder)
      : files_{MappedFile(folder + "/" + raw_set().files[0].name), MappedFile(folder + "/" + raw_set().files[1].name),
               MappedFile(folder + "/" + raw_set().files[2].name)} {}

  [[nodiscard]] Index flights(Split split) const override { return counts[static_cast<std::size_t>(split)]; }

  void gather(Split split, std::span<const Index> numbers, Flight* out) const override {
    const auto* from = reinterpret_cast<const Flight*>(files_[static_cast<std::size_t>(split)].bytes().data());
    // Examples lie anywhere in 29 MB: the next ones are on their way while one is copied.
    constexpr std::size_t ahead = 16;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (i + ahead < numbers.size()) __builtin_prefetch(from + numbers[i + ahead]);
      out[i] = from[numbers[i]];
    }
  }

 private:
  MappedFile files_[3];
};

/// Late with chance (1 + s / (1 + |s|)) / 2, s = 0.08 (hour - 13) - 1.5 + the normal effects of origin (deviation 0.5),
/// destination (0.4) and route (0.3). No libm: the same flights on every machine.
class SyntheticFlights final : public FlightData {
 public:
  SyntheticFlights()
      : origin_(effects(1, flight_airports, 0.5)),
        destination_(effects(2, flight_airports, 0.4)),
        route_(effects(3, flight_routes, 0.3)) {
    const RandomStream places = stream_.fork(4);
    for (Index r = 0; r < flight_routes; ++r) {
      const auto i = static_cast<std::uint64_t>(3 * r);
      // The first routes leave from every airport once, so that no airport is without one.
      const Index from = r < flight_airports ? r : static_cast<Index>(places.below(i, flight_airports));
      const Index step = 1 + static_cast<Index>(places.below(i + 1, flight_airports - 1));
      routes_.push_back({.distance = static_cast<std::uint16_t>(100 + places.below(i + 2, 2500)),
                         .route = static_cast<std::uint16_t>(r),
                         .origin = static_cast<std::uint8_t>(from),
                         .destination = static_cast<std::uint8_t>((from + step) % flight_airports)});
    }
  }

  [[nodiscard]] Index flights(Split split) const override { return synthetic_counts[static_cast<std::size_t>(split)]; }

  void gather(Split split, std::span<const Index> numbers, Flight* out) const override {
    for (std::size_t i = 0; i < numbers.size(); ++i) out[i] = flight(split, numbers[i]);
  }

 private:
  [[nodiscard]] std::vector<double> effects(std::uint64_t salt, Index count, double deviation) const {
    std::vector<double> values;
    for (Index i = 0; i < count; ++i)
      values.push_back(deviation * stream_.fork(salt).normal(static_cast<std::uint64_t>(i)));
    return values;
  }

  [[nodiscard]] Flight flight(Split split, Index number) const {
    const auto part = static_cast<std::size_t>(split);
    const std::array<std::int32_t, 4> days = {0, cuts[0], cuts[1], 182};
    const PhiloxBlock draw = stream_.at_step(1 + part).block(static_cast<std::uint64_t>(number));
    const auto below = [&](int word, std::uint64_t bound) { return draw.word[word] * bound >> 32; };
    Flight f = routes_[below(0, flight_routes)];
    const std::int64_t minutes = std::int64_t{days[part + 1] - days[part]} * day;
    f.minute = days[part] * day + static_cast<std::int32_t>(number * minutes / synthetic_counts[part]);
    const double s = 0.08 * (f.hour() - 13) - 1.5 + origin_[f.origin] + destination_[f.destination] + route_[f.route];
    const bool is_late = RandomStream::unit24(draw.word[1]) < 0.5 + 0.5 * s / (1 + (s < 0 ? -s : s));
    f.delay = static_cast<std::int16_t>(is_late ? 16 + below(2, 120) : below(2, 40) - 24);
    return f;
  }

  RandomStream stream_{0, Purpose::synthetic};
  std::vector<double> origin_, destination_, route_;
  std::vector<Flight> routes_;
};

const char* const synthetic_version_text = "synthetic-flights-1";

/// The originals and their reader, at versions whose content is known.
const std::vector<std::string>& npm_packages() {
  static const std::vector<std::string> packages = {"vega-datasets@3.2.1", "hyparquet@1.33.0",
                                                    "hyparquet-compressors@1.1.2"};
  return packages;
}

/// Columns of the Parquet file as FlightRow, in the file's order.
const char* const read_parquet = R"(
const fs = await import('node:fs');
const { asyncBufferFromFile, parquetMetadataAsync, parquetRead } = await import('hyparquet');
const { compressors } = await import('hyparquet-compressors');
const file = await asyncBufferFromFile(process.argv[1]);
const metadata = await parquetMetadataAsync(file);
const out = fs.openSync(process.argv[2], 'w');
let first = 0;
for (const group of metadata.row_groups) {
  const end = first + Number(group.num_rows);
  await parquetRead({ file, metadata, compressors, rowStart: first, rowEnd: end, rowFormat: 'array',
    columns: ['date', 'delay', 'distance', 'origin', 'destination'],
    onComplete: rows => {
      const bytes = Buffer.alloc(16 * rows.length);
      rows.forEach(([date, delay, distance, origin, destination], i) => {
        if (delay === null || origin.length !== 3 || destination.length !== 3) throw new Error(`row ${first + i} is no flight`);
        bytes.writeInt32LE(date.getTime() / 60000, 16 * i);
        bytes.writeInt16LE(Number(delay), 16 * i + 4);
        bytes.writeUInt16LE(Number(distance), 16 * i + 6);
        bytes.write(origin + destination, 16 * i + 8, 'latin1');
      });
      fs.writeSync(out, bytes);
    } });
  first = end;
}
fs.closeSync(out);)";

std::string in_one_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += " " + word;
  return line;
}

void install_flights(const std::string& directory, const std::string& from, const Say& say) {
  namespace fs = std::filesystem;
  install(
      raw_set(), directory,
      [&](const std::string& folder) {
        const fs::path scratch = fs::absolute(fs::path(folder).parent_path() / "package");
        if (from.empty()) {
          npm_install(npm_packages(), scratch, say);
        } else {
          // Node finds packages from where it runs; what it says is written there too, so not in the given folder.
          fs::create_directories(scratch);
          fs::create_directory_symlink(fs::absolute(from) / "node_modules", scratch / "node_modules");
        }
        const fs::path parquet = "node_modules/vega-datasets/data/flights-3m.parquet";
        const std::string shown = ((from.empty() ? scratch : fs::path(from)) / parquet).string();
        if (!fs::exists(scratch / parquet))
          throw Error(cat(shown, " is missing: `npm install --ignore-scripts", in_one_line(npm_packages()),
                          "` in the folder ", from, " puts it there"));
        say("converting flights from " + shown);
        run_node(read_parquet, {(scratch / parquet).string(), (scratch / "rows").string()}, scratch);
        const MappedFile mapped(scratch / "rows");
        convert_flights(
            {reinterpret_cast<const FlightRow*>(mapped.bytes().data()), mapped.bytes().size() / sizeof(FlightRow)},
            folder);
      },
      say);
}

}  // namespace

void convert_flights(std::span<const FlightRow> rows, const std::string& folder) {
  static_assert(std::endian::native == std::endian::little, "the raw files are little-endian");
  const auto code = [](const char* letters) {
    std::uint64_t value = 0;
    for (int i = 0; i < 3; ++i) value = value << 8 | static_cast<unsigned char>(letters[i]);
    return value;
  };
  const auto route = [&](const FlightRow& row) { return code(row.origin) << 24 | code(row.destination); };
  std::vector<std::uint64_t> airports, routes;  // numbered by their places
  for (const FlightRow& row : rows) routes.push_back(route(row));
  keep_unique(routes);
  for (const std::uint64_t pair : routes) airports.insert(airports.end(), {pair >> 24, pair & 0xffffff});
  keep_unique(airports);
  if (airports.size() > 256) throw Error(cat(airports.size(), " airports where 256 is the most"));
  std::string codes;
  for (const std::uint64_t airport : airports)
    for (int shift = 16; shift >= 0; shift -= 8) codes += static_cast<char>(airport >> shift & 0xff);

  std::vector<Flight> flights;
  flights.reserve(rows.size());
  for (const FlightRow& row : rows) {
    const std::int32_t minute = row.minute - first_day * day;
    if (minute < (flights.empty() ? 0 : flights.back().minute))
      throw Error(cat("flight ", flights.size(), " leaves before the one in front of it"));
    flights.push_back({.minute = minute,
                       .delay = row.delay,
                       .distance = row.distance,
                       .route = static_cast<std::uint16_t>(place(routes, route(row))),
                       .origin = static_cast<std::uint8_t>(place(airports, code(row.origin))),
                       .destination = static_cast<std::uint8_t>(place(airports, code(row.destination)))});
  }
  const auto cut = [&](std::int32_t first) {
    return std::lower_bound(flights.begin(), flights.end(), first * day,
                            [](const Flight& f, std::int32_t minute) { return f.minute < minute; });
  };
  const auto validation = cut(cuts[0]), test = cut(cuts[1]);
  const auto write = [&](const char* name, auto begin, auto end) {
    write_file(folder + "/" + name, {bytes_of(std::span<const Flight>(begin, end))});
  };
  write("train.raw", flights.begin(), validation);
  write("validation.raw", validation, test);
  write("test.raw", test, flights.end());
  write_file(folder + "/airports.raw", {bytes_of(std::span<const char>(codes))});
}

std::shared_ptr<const FlightData> open_flights(const DataSource& source) {
  if (source.synthetic) return std::make_shared<SyntheticFlights>();
  const std::string directory = directory_of(source);
  check(raw_set(), directory);
  return std::make_shared<Flights>(raw_set().folder(directory));
}

TrivialBaseline share_of_late_flights(const FlightData& flights) {
  const auto share = [&](Split split) {
    std::vector<Index> numbers(4096);
    std::vector<Flight> some(numbers.size());
    const Index count = flights.flights(split);
    Index late = 0;
    for (Index first = 0; first < count; first += std::ssize(numbers)) {
      const auto size = static_cast<std::size_t>(std::min<Index>(std::ssize(numbers), count - first));
      std::iota(numbers.begin(), numbers.end(), first);
      flights.gather(split, std::span(numbers).first(size), some.data());
      late += std::count_if(some.begin(), some.begin() + static_cast<std::ptrdiff_t>(size),
                            [](const Flight& flight) { return flight.late(); });
    }
    return static_cast<double>(late) / static_cast<double>(count);
  };
  const double predicted = share(Split::train);
  const auto cross_entropy = [&](Split split) {
    const double late = share(split);
    return -late * std::log(predicted) - (1 - late) * std::log1p(-predicted);
  };
  return {cat("late with probability ", number_text(std::round(predicted * 1e6) / 1e6), ", always"),
          cross_entropy(Split::validation), cross_entropy(Split::test)};
}

std::string flights_version(const DataSource& source) {
  if (source.synthetic) return synthetic_version_text;
  check(raw_set(), directory_of(source));
  return raw_set().version();
}

}  // namespace data

DataSetInfo flights_data_set() {
  using namespace data;
  return {.name = raw_set().name,
          .summary = "3,000,000 flights inside the United States in 2001: time, route, distance, delay of arrival",
          .licence = "BSD-3-Clause, Vega",
          .package = "npm vega-datasets",
          .homepage = "https://github.com/vega/vega-datasets",
          .bytes = raw_set().bytes(),
          .version = raw_set().version(),
          .install = install_flights,
          .verify = [](const std::string& directory) { verify(raw_set(), directory); },
          .installed = [](const std::string& directory) { return is_installed(raw_set(), directory); }};
}

}  // namespace velo
