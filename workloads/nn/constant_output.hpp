// workloads/nn/constant_output.hpp
//
// The trivial baseline of transcribing speech: one sequence of labels, whatever is said. Host code.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "workloads/data/speech.hpp"

namespace velo::nn {

/// Edit distances between what was said in every utterance and `heard`, summed, over the number of labels.
[[nodiscard]] double error_rate(const data::SpeechSplit& split, std::span<const std::uint8_t> heard);

/// A sequence with a low error_rate on `split`, by greedy search: from the empty sequence the insertion, substitution or
/// deletion of one label that lowers the rate most (of equal ones the foremost, then the lowest label), until none does.
/// Labels are 1 ... symbols. No single edit betters the result; other sequences may.
[[nodiscard]] std::vector<std::uint8_t> constant_output(const data::SpeechSplit& split, Index symbols);

}  // namespace velo::nn
