// tests/results/algoperf_sample.hpp
//
// Small logs in AlgoPerf's layout.
#pragma once

#include <string>
#include <string_view>

#include "results/algoperf_logs.hpp"
#include "tests/results/sample.hpp"

namespace velo::test {

inline constexpr std::string_view algoperf_table =
    "workload,base_workload,role_v05,metric,direction,validation_target,eval_period_s,max_runtime_v05_external_s\n"
    "ogbg,ogbg,base,map,max,0.5,10,100\n"
    "ogbg_gelu,ogbg,held_out_v05,map,max,0.4,10,100\n"
    "wmt,wmt,base,loss,min,,10,100\n";
inline constexpr std::string_view algoperf_log =
    "score,global_step,validation/map,note\n"
    "1,10,0.1,a\n2.5,20,nan,\n3.5,30,0.5,b\n4.5,40,0.7,c\n";

/// Logs of one's own making below a scratch folder.
struct AlgoPerfSample {
  Scratch scratch;

  AlgoPerfSample() { put("workloads.csv", algoperf_table); }
  void put(const std::string& file, std::string_view content) const {
    make_folder((scratch / file).parent_path());
    replace_file(scratch / file, content, Durability::process);
  }
  void trial(const std::string& folder, std::string_view content = algoperf_log) const {
    put("logs/" + folder + "/eval_measurements.csv", content);
  }
  [[nodiscard]] AlgoPerfLogs read(LogDetail detail = LogDetail::results, int threads = 1) const {
    return read_algoperf_logs(scratch / "logs", AlgoPerfWorkload::read(scratch / "workloads.csv"), {}, detail, threads);
  }
  /// The one problem there should be.
  [[nodiscard]] std::string problem() const {
    const AlgoPerfLogs logs = read();
    REQUIRE(logs.problems.size() == 1);
    return logs.problems.front();
  }
};

}  // namespace velo::test
