// workloads/data/sword_text.hpp
//
// Reader of texts in the "zText" form of the SWORD project, compressed by book, and of the OSIS markup that they are
// written in.
//
//   BASE.bzs   one record of three 32-bit little-endian numbers per block: offset and length in BASE.bzz, and length
//              unpacked. Block 0 is a preface, every other block one book.
//   BASE.bzz   the blocks, each a zlib stream
//   BASE.bzv   where each verse lies in its block: not needed for running text
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace velo::data {

struct SwordBook {
  std::string id;  ///< its OSIS name: "Gen", "1Cor"
  std::string markup;
};

/// The books of one testament, in order. Throws Error naming the file when it is missing or damaged.
[[nodiscard]] std::vector<SwordBook> read_sword_books(const std::string& base);

/// The running text of OSIS markup: without tags, headings and notes, and with a new line where a chapter or a
/// paragraph begins. White space is left as it is.
[[nodiscard]] std::string osis_text(std::string_view markup);

}  // namespace velo::data
