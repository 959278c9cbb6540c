// workloads/data/flights.hpp
//
// Three million flights inside the United States, January to June 2001, a sample of the on-time reports of the US
// Department of Transportation (14 CFR 234), as the npm package vega-datasets carries them (flights-3m.parquet).
//
//   flight      when it left, from where, to where, how far, and how many minutes late it arrived
//   late        arrived more than 15 minutes late, the department's own line: 19.97 % of all flights
//
// The time is that of the actual departure, not the scheduled one (minutes of the hour are spread too evenly for a
// timetable, and two thirds of what leaves between two and four in the morning arrives late). Predicting from it is
// predicting at the moment of departure: a late start shows in part.
//
// Splits follow the calendar, so that no day and no future is in two of them; flights of one day are late together, and
// a random split would leak that:
//
//   split        days       from          flights     late        entropy of the share   at the training share
//   train        0 ... 145  2001-01-01    2,415,633   19.8306 %   0.498045               0.498045
//   validation   146 ... 163  05-27         298,628   18.8227 %   0.483643               0.483966
//   test         164 ... 181  06-14         285,739   22.3316 %   0.531073               0.532981
//
// Of the 3,399 routes 33 are flown in the later splits alone.
//
// The last columns are trivial baselines, cross-entropies in nats: always the split's own share of late flights (the
// best that any constant can do), and always that of the training split (what is known beforehand).
//
// Synthetic mode has as many training flights, a tenth of the others, the same numbers of airports and routes, and no
// files: every flight is drawn when it is asked for, and its chance to be late depends on origin, destination, route and
// hour.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "harness/workload.hpp"

namespace velo::data {

/// One flight, as it lies in the converted files.
struct Flight {
  std::int32_t minute = 0;       ///< of departure, local time, since 2001-01-01 00:00
  std::int16_t delay = 0;        ///< of arrival, minutes; negative: early
  std::uint16_t distance = 0;    ///< miles
  std::uint16_t route = 0;       ///< below flight_routes: pairs of origin and destination, sorted by code
  std::uint8_t origin = 0;       ///< below flight_airports, sorted by code
  std::uint8_t destination = 0;  ///< below flight_airports

  [[nodiscard]] bool late() const { return delay > 15; }
  /// 0 ... 23
  [[nodiscard]] int hour() const { return minute / 60 % 24; }
  /// 0: Monday, which 2001-01-01 was
  [[nodiscard]] int weekday() const { return minute / 1440 % 7; }
};
static_assert(sizeof(Flight) == 12);

inline constexpr Index flight_airports = 229;
inline constexpr Index flight_routes = 3399;

class FlightData {
 public:
  virtual ~FlightData() = default;
  [[nodiscard]] virtual Index flights(Split split) const = 0;
  /// Copies the flights with these numbers to `out` [numbers.size()]; within a split numbers follow the time.
  virtual void gather(Split split, std::span<const Index> numbers, Flight* out) const = 0;
};

/// Opens the converted files, memory-mapped, or generates flights in synthetic mode. Checks that every file is there,
/// has its length and was not changed since it was hashed. Throws Error saying which command repairs it.
[[nodiscard]] std::shared_ptr<const FlightData> open_flights(const DataSource& source);

/// Hash of the converted content, or the generator's name and version. Throws Error like open_flights.
[[nodiscard]] std::string flights_version(const DataSource& source);

/// The trivial baseline: cross-entropies, in nats, of always giving the training split's share of late flights as the
/// probability of being late.
[[nodiscard]] TrivialBaseline share_of_late_flights(const FlightData& flights);

/// A row of the original file: what conversion starts from.
struct FlightRow {
  std::int32_t minute = 0;  ///< since 1970-01-01 00:00
  std::int16_t delay = 0;
  std::uint16_t distance = 0;
  char origin[3] = {}, destination[3] = {};  ///< the airports' codes
  char unused[2] = {};
};
static_assert(sizeof(FlightRow) == 16);

/// Numbers airports and routes in the order of their codes, checks that the rows are sorted by time, and cuts them into
/// train.raw, validation.raw and test.raw at the days above; airports.raw has the codes. Throws Error for rows out of
/// order or more airports than a byte can number.
void convert_flights(std::span<const FlightRow> rows, const std::string& folder);

}  // namespace velo::data
