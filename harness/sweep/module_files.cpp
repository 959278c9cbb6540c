#include "harness/sweep/module_files.hpp"

#include <filesystem>

#include "harness/config/scalar.hpp"
#include "harness/config/yaml.hpp"
#include "harness/sweep/sweep.hpp"
#include "results/text.hpp"

namespace velo {

namespace fs = std::filesystem;

namespace {

bool holds_modules(const fs::path& configs) {
  return fs::is_directory(configs / "workloads") || fs::is_directory(configs / "algorithms");
}

/// The nearest `configs` folder that holds or stands beside the file or one of its parents.
std::optional<fs::path> nearest_configs(const std::string& sweep_path) {
  std::error_code ignored;
  fs::path here = fs::absolute(sweep_path, ignored).parent_path();
  while (true) {
    if (here.filename() == "configs" && holds_modules(here)) return here;
    if (holds_modules(here / "configs")) return here / "configs";
    if (here == here.parent_path()) return std::nullopt;
    here = here.parent_path();
  }
}

}  // namespace

std::vector<std::string> config_directories(const std::string& sweep_path) {
  std::vector<fs::path> candidates;
  if (const auto nearest = nearest_configs(sweep_path)) candidates.push_back(*nearest);
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  if (!program.empty()) candidates.push_back(program.parent_path().parent_path() / "share/velodrome/configs");
  candidates.emplace_back(VELO_CONFIG_SOURCE);
  std::vector<std::string> out;
  for (const fs::path& candidate : candidates)
    if (holds_modules(candidate) && (out.empty() || !fs::equivalent(candidate, out.front(), ignored)))
      out.push_back(candidate.string());
  return out;
}

std::optional<std::string> find_module_file(const std::vector<std::string>& directories, const std::string& kind,
                                            const std::string& name) {
  for (const std::string& directory : directories) {
    const fs::path path = fs::path(directory) / kind / (name + ".yaml");
    if (fs::exists(path)) return path.string();
  }
  return std::nullopt;
}

AlgorithmFile read_algorithm_file(const std::string& path, const std::string& name) {
  AlgorithmFile out{read_yaml_file(path)};
  const Fields fields(out.tree, "an algorithm file", {"algorithm", "paper", "search_space"});
  const Tree& given = fields.require("algorithm");
  if (!given.is_word() || given.scalar != name)
    fail(given.at, cat("this file describes ", given.described(), " but is called ", name, ".yaml"));
  return out;
}

}  // namespace velo
