// workloads/data/r_strings.hpp
//
// Reader of character vectors from an R package's lazy-load database, the pair BASE.rdx and BASE.rdb in which R keeps
// data sets ("R Internals", sections 1.8 Serialization Formats and 3.1 lazy loading).
//
//   .rdx   a compressed, serialised list; its part `variables` names each object and gives offset and length of its
//          chunk in .rdb
//   chunk  unpacked length as a 32-bit big-endian number, then zlib, then one serialised object
//   object big-endian XDR: "X\n", versions, then items, each a word of type and flags followed by its content
//
// Only what lists of named character vectors consist of is understood; anything else is an Error.
#pragma once

#include <string>
#include <vector>

namespace velo::data {

/// The elements of the character vector `name`, as UTF-8. Throws Error naming the file when it is missing, damaged, or
/// has no such vector.
[[nodiscard]] std::vector<std::string> read_r_strings(const std::string& base, const std::string& name);

}  // namespace velo::data
