// workloads/data/prose.hpp
//
// English prose in the public domain, 8.1 MB: the six novels of Jane Austen (Debian package r-cran-janeaustenr, texts
// of Project Gutenberg) and the King James Bible (package sword-text-kjv, ebible.org). UTF-8, one paragraph a line,
// single blanks; headings, notes and verse numbers of the Bible are left out.
//
//   train       6,851,943 bytes: four novels and 62 books of the Bible
//   validation  624,585 bytes: Northanger Abbey, Job, John
//   test        673,305 bytes: Persuasion, Proverbs, Acts
//
// Whole works are held out, and of the Bible books with few parallels elsewhere (2 Kings, say, shares a tenth of its
// text with others): of the 624,546 strings of 40 bytes in the validation split 81 (0.013 %) occur in the training split
// too, of the 673,266 in the test split 464 (0.069 %).
//
// Trivial baseline: a byte predicted from how often it occurs in the training split alone costs 4.376 bits
// on validation and 4.372 on test, all bytes of either counted.
//
// Synthetic mode has splits of the same lengths, and no files: synthetic_text.hpp.
#pragma once

#include <memory>
#include <string>

#include "workloads/data/text.hpp"

namespace velo::data {

/// Opens the converted files, or generates text in synthetic mode. Checks that every file is there, has its length and
/// was not changed since it was hashed. Throws Error saying which command repairs it.
[[nodiscard]] std::shared_ptr<const TextDataSet> open_prose(const DataSource& source);

/// Hash of the converted content, or the generator's name and version. Throws Error like open_prose.
[[nodiscard]] std::string prose_version(const DataSource& source);

}  // namespace velo::data
