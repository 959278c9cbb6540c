// results/shell.hpp
//
// Words for a POSIX shell.
#pragma once

#include <string>
#include <string_view>

namespace velo {

/// In single quotes: one word to a shell, whatever is in it.
[[nodiscard]] inline std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) c == '\'' ? out += "'\\''" : out += c;
  return out + "'";
}

}  // namespace velo
