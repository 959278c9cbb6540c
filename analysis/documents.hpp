// analysis/documents.hpp
//
// Tables and figures that a document got from a command. In Markdown or HTML, and in LaTeX:
//
//   <!-- velo: score quickstart --show scores --format markdown -->      % velo: query time_to_result --format latex
//   ...                                                                  ...
//   <!-- end -->                                                         % end
//
// What stands between the two lines is the command's standard output; in Markdown output that is no Markdown stands in a
// fence (```). A file beside the document:
//
//   <!-- velo-file figures/profile.svg: figure profile quickstart --out {} -->        ({}: where the command writes it)
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace velo::analysis {

struct DocumentBlock {
  std::size_t line = 0;              ///< of its first marker, from 1
  std::vector<std::string> command;  ///< words behind `velo`
  std::string file;                  ///< of a figure, as written; else empty
  bool latex = false;
  std::size_t begin = 0, end = 0;  ///< what stands there, as offsets into the text
};

/// In order. Throws Error naming the document and the line for a block without an end, an unknown marker, and quotes
/// that are not closed.
[[nodiscard]] std::vector<DocumentBlock> document_blocks(std::string_view text, const std::string& name);

/// What should stand in a block whose command printed `output`.
[[nodiscard]] std::string block_content(const DocumentBlock& block, const std::string& output);

/// Cuts a command line at blanks; single and double quotes keep them. Throws Error naming `where`.
[[nodiscard]] std::vector<std::string> command_words(std::string_view line, const std::string& where);

}  // namespace velo::analysis
