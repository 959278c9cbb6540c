// results/layout.md names everything that is written.
#include <hdf5.h>

#include <set>

#include "results/fields.hpp"
#include "results/index.hpp"
#include "tests/results/sample.hpp"

using namespace velo;
using namespace velo::test;

namespace {

std::string layout() { return read_file(std::string(VELO_SOURCE_DIR) + "/results/layout.md"); }

bool documents(const std::string& text, const std::string& name) {
  return text.find("`" + name + "`") != std::string::npos;
}

/// The row "| `name` | type | unit | meaning |", its meaning not empty.
bool documents_field(const std::string& text, const std::string& name, const std::string& unit) {
  for (const std::string type : {"text", "integer", "real"}) {
    const std::string row = cat("\n| `", name, "` | ", type, " | ", unit, unit.empty() ? "" : " ", "| ");
    const auto at = text.find(row);
    if (at != std::string::npos) return text.find_first_not_of(" |\n", at + row.size()) == at + row.size();
  }
  return false;
}

/// Metrics and observed scalars carry the workload's and the algorithm's names.
std::string general_path(const std::string& path) {
  if (const auto at = path.find("/observed/"); at != std::string::npos)
    return path.substr(0, at) + "/observed/<scalar>";
  const bool metric = path.ends_with("validation/loss") || path.ends_with("test/loss");
  return metric ? path.substr(0, path.rfind('/')) + "/<metric>" : path;
}

herr_t collect(hid_t, const char* path, const H5L_info_t*, void* names) {
  static_cast<std::set<std::string>*>(names)->insert(path);
  return 0;
}

}  // namespace

TEST_CASE("layout.md names every field of a summary with its unit") {
  const std::string text = layout();
  TrialSummary any;
  visit_fields(any, [&](const Field& field, const auto&) {
    const std::string name(field.name), unit(field.unit);
    INFO(name);
    CHECK(documents_field(text, name, unit));
  });
}

TEST_CASE("layout.md names every data set and group of a trajectory file") {
  const Scratch scratch;
  write_trajectory(scratch / "t.h5", sample_trajectory());
  std::set<std::string> paths;
  const hid_t file = H5Fopen((scratch / "t.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  REQUIRE(file >= 0);
  H5Lvisit(file, H5_INDEX_NAME, H5_ITER_INC, &collect, &paths);
  H5Fclose(file);
  CHECK(paths.size() > 20);
  const std::string text = layout();
  for (const auto& path : paths) {
    const std::string documented = general_path(path);
    INFO(path << " as " << documented);
    CHECK(documents(text, "/" + documented));
  }
}

TEST_CASE("layout.md names every table, view and column of the index") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  const auto index = TrialIndex::open(store);
  const std::string text = layout();
  for (const auto& row : index.query("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").rows) {
    const auto& name = std::get<std::string>(row[0]);
    INFO(name);
    CHECK(documents(text, name));
    for (const auto& column : index.query("SELECT * FROM " + name).columns) {
      INFO(column.name);
      CHECK(documents(text, column.name));
    }
  }
}

TEST_CASE("layout.md names every file of a run") {
  const std::string text = layout();
  const RunFolder folder{"run"};
  for (const auto& file :
       {folder.config(), folder.status(), folder.journal(), folder.checkpoint(), folder.trajectory(), folder.log()}) {
    INFO(file);
    CHECK(documents(text, file.filename().string()));
  }
}
