#include "harness/doctor.hpp"

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "harness/data_set.hpp"
#include "harness/device/runtime.hpp"

namespace velo {
namespace {

namespace fs = std::filesystem;

/// A folder in place of "/".
struct System {
  fs::path root = fs::temp_directory_path() / ("velo_doctor_" + std::to_string(getpid()));

  System() { fs::remove_all(root); }
  ~System() { fs::remove_all(root); }
  void file(const fs::path& path, const std::string& text) const {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
  [[nodiscard]] Finding find(const std::string& item) const {
    for (const Finding& f : examine_machine(root, 0.0625))
      if (f.item == item) return f;
    FAIL("no finding '" << item << "'");
    return {};
  }
};

Finding find(const std::vector<Finding>& findings, const std::string& item) {
  for (const Finding& f : findings)
    if (f.item == item) return f;
  FAIL("no finding '" << item << "'");
  return {};
}

TEST_CASE("a governor that changes the clock rate is advised against") {
  const System system;
  const char* path = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
  CHECK(system.find("frequency governor").value == "not readable here");
  system.file(path, "performance\n");
  CHECK(system.find("frequency governor").advice.empty());
  system.file(path, "powersave\n");
  CHECK(system.find("frequency governor").value == "powersave");
  CHECK(system.find("frequency governor").advice ==
        "seconds vary with the clock rate: cpupower frequency-set -g performance");
}

TEST_CASE("huge pages that are switched off are advised against") {
  const System system;
  const char* path = "sys/kernel/mm/transparent_hugepage/enabled";
  system.file(path, "always [madvise] never\n");
  CHECK(system.find("huge pages").value == "madvise");
  CHECK(system.find("huge pages").advice.empty());
  system.file(path, "always madvise [never]\n");
  CHECK_FALSE(system.find("huge pages").advice.empty());
}

TEST_CASE("free memory is read in kibibytes and shown in GB") {
  const System system;
  system.file("proc/meminfo", "MemTotal:       24000000 kB\nMemAvailable:    2000000 kB\n");
  CHECK(system.find("memory free").value == "2.0 GB");
  CHECK(system.find("memory free").advice.empty());
  system.file("proc/meminfo", "MemAvailable:  500000 kB\n");
  CHECK(system.find("memory free").advice == "trials may run out of memory");
}

TEST_CASE("a machine whose counters stand still has no foreign load") {
  const System system;
  system.file("proc/stat", "cpu  100 0 100 5000 10 0 0 0 0 0\n");
  CHECK(system.find("foreign load").value.starts_with("0 % of "));
  CHECK(system.find("foreign load").advice.empty());
}

TEST_CASE("the clock ticks") {
  const System system;
  const Finding clock = system.find("clock step");
  CHECK(clock.value.ends_with(" ns"));
  CHECK(clock.value != "1000000000 ns");
}

TEST_CASE("OpenBLAS' pthread build is advised against") {
  RuntimeInfo runtime;
  runtime.libraries = {{"OpenBLAS", "0.3.21 (pthreads)"}};
  CHECK_FALSE(find(examine_program(runtime), "OpenBLAS").advice.empty());
  runtime.libraries = {{"OpenBLAS", "0.3.21 (OpenMP)"}};
  CHECK(find(examine_program(runtime), "OpenBLAS").advice.empty());
}

TEST_CASE("a missing data set comes with the command that installs it") {
  DataSetInfo set;
  set.name = "digits";
  set.installed = [](const std::string& directory) { return directory == "here"; };
  CHECK(find(examine_data("/tmp", "here", {set}), "data set digits").value == "installed");
  const Finding missing = find(examine_data("/tmp", "there", {set}), "data set digits");
  CHECK(missing.value == "missing");
  CHECK(missing.advice == "velo data install digits");
}

TEST_CASE("a store that does not exist yet is judged by the folder that will hold it") {
  const Finding store = find(examine_data("/tmp/velo_no_such_folder/store", "", {}), "store");
  CHECK(store.value.starts_with("/tmp/velo_no_such_folder/store, "));
  CHECK(store.value.ends_with(" GB free"));
}

}  // namespace
}  // namespace velo
