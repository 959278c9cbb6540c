// `velo bench` as a program would read it.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/command.hpp"

using namespace velo::test;

TEST_CASE("the bench gives each algorithm's state, and times only of a machine that was left alone") {
  const Outcome outcome = run_velo({"bench", "algorithms", "sgd", "adamw", "lookahead", "--parameters", "70000",
                                    "--seconds", "0.01", "--threads", "1", "--format", "json"});
  const auto rows = nlohmann::json::parse(outcome.out);
  REQUIRE(rows.size() == 3);
  // No momentum; two moments and two running products of 8 bytes; the slow weights beside them.
  const double n = 70000;
  CHECK(rows[0].at("state_bytes_per_parameter") == 0.0);
  CHECK(rows[1].at("state_bytes_per_parameter") == (8 * n + 16) / n);
  // Three of four bytes for parameters and gradient, two for the state.
  CHECK(rows[0].at("least_MB_per_step") == 12 * n / 1e6);
  CHECK(rows[1].at("least_MB_per_step") == (12 * n + 2 * (8 * n + 16)) / 1e6);
  CHECK(rows[2].at("algorithm") == "lookahead(adamw)");
  CHECK(rows[2].at("state_bytes_per_parameter") == (12 * n + 16) / n);
  for (const auto& row : rows) CHECK(row.at("allocations_later") == 0);
  bool disturbed = false;
  for (const auto& row : rows) {
    if (row.at("ms_per_step").is_null()) {
      disturbed = true;
      continue;
    }
    CHECK(row.at("ms_per_step") > 0.0);
    CHECK(row.at("ms_slowest_step") >= row.at("ms_per_step"));
    CHECK(row.at("fraction_of_triad") > 0.0);
  }
  CHECK(outcome.exit == (disturbed ? 4 : 0));
  CHECK((outcome.err.find("nothing to quote") != std::string::npos) == disturbed);
}

TEST_CASE("the bench shows layers to rules that ask for them, and what their refresh costs") {
  // 256 x 256 weights twice: factors of 256 x 256 for either side, and a refresh that a step without one lacks.
  const Outcome outcome =
      run_velo({"bench", "algorithms", "kfac", "structured_ngd", "adafisher", "shampoo", "--parameters", "131072",
                "--seconds", "0.01", "--threads", "1", "--format", "json"});
  const auto rows = nlohmann::json::parse(outcome.out);
  REQUIRE(rows.size() == 4);
  for (const auto& row : rows) {
    CHECK(row.at("state_bytes_per_parameter") > 0.0);
    if (row.at("ms_per_step").is_null()) continue;
    CHECK(row.at("refresh_interval") >= 10);
    CHECK(row.at("ms_per_refresh") > 0.0);
  }
  CHECK(rows[0].at("state_bytes_per_parameter") > 8.0);  // two factors and two inverses as large as the weight
}
