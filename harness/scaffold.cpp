#include "harness/scaffold.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <sstream>

#include "results/error.hpp"
#include "results/text.hpp"

namespace velo {

namespace fs = std::filesystem;

namespace {

/// A word that names a C++ function, a CMake target, a file and a YAML entry alike.
bool is_plain_word(const std::string& name) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !name.empty() && name.front() >= 'a' && name.front() <= 'z' && name.back() != '_' &&
         std::all_of(name.begin(), name.end(), good) && name.find("__") == std::string::npos;
}

void require_plain_word(const std::string& what, const std::string& name) {
  if (!is_plain_word(name))
    throw Error(
        cat(what, " '", name, "' is not made of lower-case letters, digits and single underscores, a letter first"));
}

/// cosine_sgd -> CosineSgd
std::string type_name(const std::string& name) {
  std::string out;
  bool upper = true;
  for (const char c : name) {
    if (c != '_') out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = c == '_';
  }
  return out;
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw Error(cat("cannot read ", path.string()));
  return text.str();
}

void write(const fs::path& path, const std::string& text) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out) throw Error(cat("cannot write ", path.string()));
}

using Words = std::map<std::string, std::string>;

std::string fill_in(std::string text, const Words& words) {
  for (const auto& [word, value] : words) {
    const std::string mark = "@" + word + "@";
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size()))
      text.replace(at, mark.size(), value);
  }
  return text;
}

struct Piece {
  std::string pattern;  ///< in harness/templates
  std::string path;     ///< from the root
};

/// Writes all pieces and appends `line` to `list`; refuses before the first write when a piece exists.
std::vector<std::string> write_pieces(const fs::path& root, const std::string& kind, const std::string& name,
                                      const std::vector<Piece>& pieces, const Words& words, const std::string& list,
                                      const std::string& line) {
  std::vector<std::string> texts;
  for (const Piece& piece : pieces) {
    if (fs::exists(root / piece.path)) throw Error(cat(kind, " '", name, "' exists: ", piece.path));
    texts.push_back(fill_in(read(root / "harness/templates" / piece.pattern), words));
  }
  std::string listed = read(root / list);
  if (!listed.empty() && listed.back() != '\n') listed += '\n';

  std::vector<std::string> written;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    write(root / pieces[i].path, texts[i]);
    written.push_back(pieces[i].path);
  }
  write(root / list, listed + line + "\n");
  written.push_back(list);
  return written;
}

/// The file of an algorithm of that name in any family, or an empty string.
std::string existing_algorithm(const fs::path& root, const std::string& name) {
  for (const auto& entry : fs::recursive_directory_iterator(root / "algorithms"))
    if (entry.path().filename() == name + ".cpp") return fs::relative(entry.path(), root).string();
  return "";
}

}  // namespace

fs::path source_tree(const fs::path& start) {
  for (fs::path folder = fs::absolute(start);; folder = folder.parent_path()) {
    if (fs::exists(folder / "harness/templates") && fs::exists(folder / "algorithms/CMakeLists.txt")) return folder;
    if (folder == folder.root_path())
      throw Error(cat(fs::absolute(start).lexically_normal().string(),
                      " is not inside a source tree of Velodrome: run this in the folder that was cloned"));
  }
}

std::vector<std::string> new_algorithm(const fs::path& root, const std::string& name, const std::string& family) {
  require_plain_word("the name", name);
  require_plain_word("the family", family);
  const std::string existing = existing_algorithm(root, name);
  if (!existing.empty()) throw Error(cat("algorithm '", name, "' exists: ", existing));
  return write_pieces(root, "algorithm", name,
                      {{"algorithm.cpp.in", cat("algorithms/", family, "/", name, ".cpp")},
                       {"algorithm_test.cpp.in", cat("tests/algorithms/", name, "_test.cpp")},
                       {"algorithm.yaml.in", cat("configs/algorithms/", name, ".yaml")}},
                      {{"NAME", name}, {"TYPE", type_name(name)}, {"FAMILY", family}}, "algorithms/CMakeLists.txt",
                      cat("velo_add_algorithm(", family, " ", name, ")"));
}

std::vector<std::string> new_workload(const fs::path& root, const std::string& name) {
  require_plain_word("the name", name);
  return write_pieces(root, "workload", name,
                      {{"workload.cpp.in", cat("workloads/", name, ".cpp")},
                       {"workload_test.cpp.in", cat("tests/workloads/", name, "_test.cpp")},
                       {"workload.yaml.in", cat("configs/workloads/", name, ".yaml")}},
                      {{"NAME", name}, {"TYPE", type_name(name)}}, "workloads/CMakeLists.txt",
                      cat("velo_add_workload(", name, ")"));
}

}  // namespace velo
