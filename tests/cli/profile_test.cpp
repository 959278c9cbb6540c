// `velo profile` as a program would read it.
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/command.hpp"

using namespace velo::test;

TEST_CASE("a profile lists what a step does, longest first, and the whole at the end") {
  const Outcome outcome = run_velo({"profile", "prose_lm", "--synthetic", "--set", "batch_size=2", "--steps", "2",
                                    "--threads", "1", "--format", "json"});
  const auto rows = nlohmann::json::parse(outcome.out);
  REQUIRE(rows.size() > 10);
  double sum = 0, before = 1;
  bool attention = false;
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    const double share = rows[i].at("share");
    CHECK(share <= before);
    sum += share;
    before = share;
    attention = attention || rows[i].at("operation") == "attention";
  }
  CHECK(attention);
  CHECK(sum == Catch::Approx(1.0));
  CHECK(rows.back().at("operation") == "all");
  CHECK(rows.back().at("share") == Catch::Approx(1.0));
  // Every weight, the table of bytes included, is in one product forward and two back, for each of 2 x 128 positions.
  const double products = 6.0 * 256 * (2 * (3 + 1 + 8 + 4) * 64 * 64 + 256 * 64) / 1e6;
  CHECK(rows.back().at("MFLOP") > products);
  CHECK(rows.back().at("MFLOP") < 1.5 * products);
  CHECK(outcome.err.find("operations add up to") != std::string::npos);
  CHECK((outcome.exit == 0 || outcome.exit == 4));
}

TEST_CASE("a profile tells the memory of a step from what it needs") {
  const Outcome outcome = run_velo({"profile", "flights_dlrm", "--synthetic", "--set", "batch_size=64", "--steps", "2",
                                    "--threads", "1", "--show", "memory", "--format", "json"});
  CHECK(outcome.exit == 0);
  const auto rows = nlohmann::json::parse(outcome.out);
  REQUIRE(rows.size() >= 6);
  CHECK(rows[0].at("MB") == Catch::Approx(2 * 4 * 161729 / 1e6));
  CHECK(rows[2].at("memory") == "batch");
  CHECK(rows[2].at("MB") == Catch::Approx(4 * 64 * 5 / 1e6));  // five numbers a flight
  CHECK(rows[4].at("memory") == "needed");
  CHECK(rows[4].at("of_needed") == 1.0);
}

TEST_CASE("a trial of a network takes at most 1.3 times the memory that it needs, what libraries keep aside") {
  for (const char* network :
       {"fashion_mnist_mlp", "fashion_mnist_cnn", "fashion_resnet", "prose_lm", "flights_dlrm", "speech_deepspeech"}) {
    INFO(network);
    const Outcome outcome = run_velo(
        {"profile", network, "--synthetic", "--steps", "2", "--threads", "1", "--show", "memory", "--format", "json"});
    const auto rows = nlohmann::json::parse(outcome.out);
    REQUIRE(rows.size() == 8);
    CHECK(rows[6].at("memory") == "taken");
    CHECK(rows[6].at("of_needed") > 0.5);
    CHECK(rows[6].at("of_needed") <= 1.3);
    CHECK(rows[7].at("memory") == "kept by libraries, once a process");
  }
}

// oneDNN has loops for what it has no kernel for; one of them took 95 % of a step, with AVX-512 alone.
TEST_CASE("no operation of a network falls back to a reference loop of oneDNN, with the kernels of any vector width") {
  for (const char* instructions : {"AVX2", "DEFAULT"})
    for (const std::vector<std::string>& variant : {std::vector<std::string>{"fashion_mnist_mlp"},
                                                    {"fashion_mnist_cnn"},
                                                    {"fashion_mnist_cnn", "--set", "normalisation=batch"},
                                                    {"fashion_mnist_cnn", "--set", "width=12"},
                                                    {"fashion_resnet"},
                                                    {"fashion_resnet", "--set", "size=small"},
                                                    {"flights_dlrm"},
                                                    {"prose_lm"},
                                                    {"speech_deepspeech"}}) {
      INFO(instructions << " " << variant.front() << " " << variant.back());
      std::vector<std::string> arguments = {"profile"};
      arguments.insert(arguments.end(), variant.begin(), variant.end());
      arguments.insert(arguments.end(), {"--synthetic", "--set", "batch_size=16", "--steps", "2", "--threads", "1"});
      const Outcome outcome =
          run_velo(arguments, {}, {std::string("ONEDNN_MAX_CPU_ISA=") + instructions, "ONEDNN_VERBOSE=1"});
      REQUIRE(outcome.out.find(",exec,cpu,matmul") != std::string::npos);
      CHECK(outcome.out.find(",ref:") == std::string::npos);
    }
}

TEST_CASE("a profile refuses settings that the workload does not know") {
  const Outcome outcome = run_velo({"profile", "prose_lm", "--synthetic", "--set", "widht=64"});
  CHECK(outcome.exit == 2);
  CHECK(outcome.err.find("width") != std::string::npos);
}
