// workloads/data/festvox_ru.hpp
//
// Russian speech of one reader with its phones: the recordings behind the Festival voice msu_ru_nsh_clunits (N. V.
// Shmyrev, 2005), 620 read sentences, 1.66 hours at 16 kHz, each with a list of phones and their end times.
//
// The sentences are cut at their pauses: an utterance is what lies between two, with up to 50 ms (at most half) of either
// pause. 2,841 utterances of 1 to 71 phones (17.8 on average) and 0.1 to 6.5 s; 40 log-mel numbers every 10 ms
// (log_mel.hpp); 50 phones, pauses not among them, numbered 1 ... 50 in the order of phone_names().
//
//   split        recordings   utterances   frames    phones
//   train               496        2,280   396,859   40,504     all others
//   validation           62          271    47,908    4,861     every tenth recording, the ninth of each ten
//   test                 62          290    50,879    5,161     every tenth recording, the last of each ten
//
// All utterances of a recording are in one split, and no two recordings read the same sentence. The reader is the same
// in all splits: results say nothing about other voices. Phones and their times were found by a machine; only their
// order is used.
//
// Synthetic mode has the same bins and symbols, and no files: synthetic_speech.hpp.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "workloads/data/speech.hpp"

namespace velo::data {

/// Label i + 1 is the phone phone_names()[i].
[[nodiscard]] std::span<const std::string_view> phone_names();

/// Opens the converted files, or generates utterances in synthetic mode. Checks that every file is there, has its length
/// and was not changed since it was hashed. Throws Error saying which command repairs it.
[[nodiscard]] std::shared_ptr<const SpeechCorpus> open_festvox_ru(const DataSource& source);

/// Hash of the converted content, or the generator's name and version. Throws Error like open_festvox_ru.
[[nodiscard]] std::string festvox_ru_version(const DataSource& source);

}  // namespace velo::data
