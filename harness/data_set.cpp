#include "harness/data_set.hpp"

#include <cstdlib>

#include "harness/registry.hpp"
#include "results/error.hpp"

namespace velo {

std::string default_data_directory() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  if (std::string own = variable("VELO_DATA_DIR"); !own.empty()) return own;
  if (std::string cache = variable("XDG_CACHE_HOME"); !cache.empty()) return cache + "/velodrome/data";
  if (std::string home = variable("HOME"); !home.empty()) return home + "/.cache/velodrome/data";
  throw Error("nowhere to keep data sets: set VELO_DATA_DIR to a directory");
}

const std::vector<DataSetInfo>& data_sets(const Registry& registry) { return registry.data_sets(); }
const DataSetInfo& data_set(const Registry& registry, std::string_view name) { return registry.data_set(name); }

}  // namespace velo
