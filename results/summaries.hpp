// results/summaries.hpp
//
// The summary tables of the index (results/schema/0003_shared_facts.sql): what people ask of an entry, computed from
// the runs that speak for its cells when one of them changes, so that no question reads a million rows. An entry is one
// label and algorithm in one race: workload with parameters and version, division, target, budget, cadence.
//
//   time to result   of a study: its fastest trial's (trials that failed for reasons of their own measure nothing); of
//                    an entry: the median over its studies, empty where it is not reached, with least and greatest
//   sensitivity      for each numeric hyperparameter that differs between trials: its values in at most ten bins of
//                    equally many trials, one per value where there are no more than ten values; a trial without a best
//                    value counts as the worst in a bin's median
//   curves           quartiles over the trials evaluated at a step, linear between order statistics. Where evaluations
//                    fall on more than 256 steps (they were due in seconds): at 64 steps equally spaced up to the last,
//                    the last value of each trial that was still watched
//   digest           sum of the digests of the runs, modulo 2^64
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct sqlite3;

namespace velo {

/// Computes the summaries of these entries anew, in the database "main", or in "temp" over the runs chosen there. The
/// caller holds the transaction.
void refresh_summaries(sqlite3* database, const std::string& schema, const std::vector<std::int64_t>& entries);

}  // namespace velo
