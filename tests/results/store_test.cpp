#include "results/store.hpp"

#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>

#include "tests/results/sample.hpp"

using namespace velo;
using namespace velo::test;

namespace {

/// Starts `contenders` processes that all try to claim the cell at once and hold it until told to end; returns how many won.
int winners_of(const Store& store, const std::string& cell, int contenders) {
  int start[2], verdicts[2];
  REQUIRE(pipe(start) == 0);
  REQUIRE(pipe(verdicts) == 0);
  std::vector<pid_t> children;
  for (int i = 0; i < contenders; ++i) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      close(start[1]);
      char ignored = 0;
      (void)!read(start[0], &ignored, 1);  // all begin when the parent closes its end
      char verdict = 'e';
      std::optional<Claim> claim;
      try {
        claim = store.claim(cell);
        verdict = claim ? 'w' : 'l';
      } catch (const std::exception&) {
      }
      (void)!write(verdicts[1], &verdict, 1);
      pause();
      _exit(0);
    }
    children.push_back(child);
  }
  close(start[0]);
  close(start[1]);
  int won = 0;
  for (int i = 0; i < contenders; ++i) {
    char verdict = 0;
    REQUIRE(read(verdicts[0], &verdict, 1) == 1);
    CHECK(verdict != 'e');
    won += verdict == 'w' ? 1 : 0;
  }
  for (const pid_t child : children) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  close(verdicts[0]);
  close(verdicts[1]);
  return won;
}

void write_claim(const Store& store, const std::string& cell, const std::string& content) {
  std::filesystem::create_directories(store.cell_folder(cell));
  std::ofstream(store.cell_folder(cell) / "claim") << content;
}

void age_claim(const Store& store, const std::string& cell, std::chrono::seconds age) {
  const auto file = store.cell_folder(cell) / "claim";
  std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() - age);
}

}  // namespace

TEST_CASE("of many processes that claim a free cell exactly one wins") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  for (int round = 0; round < 20; ++round) REQUIRE(winners_of(store, cell_name(round), 16) == 1);
}

TEST_CASE("of many processes that find a dead owner's claim exactly one takes over") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  const std::string cell = cell_name(1);
  // Each round kills the winner of the round before.
  for (int round = 0; round < 20; ++round) REQUIRE(winners_of(store, cell, 16) == 1);
}

TEST_CASE("a claim is released at the end of its scope and can be taken again") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  const std::string cell = cell_name(1);
  {
    auto claim = store.claim(cell);
    REQUIRE(claim);
    CHECK(claim->heartbeat());
    CHECK_FALSE(store.claim(cell));
    CHECK(store.claim_state(cell)->alive);
    CHECK(store.claim_state(cell)->owner.pid == getpid());
  }
  CHECK_FALSE(store.claim_state(cell));
  CHECK(store.claim(cell));
}

TEST_CASE("a process number that was given to another process does not keep a claim alive") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  const std::string cell = cell_name(1);
  std::string content;
  {
    auto claim = store.claim(cell);
    content = read_file(store.cell_folder(cell) / "claim");
  }
  const auto at = content.find("\"pid_start\":");
  REQUIRE(at != std::string::npos);
  content.insert(at + std::string("\"pid_start\":").size(), "9");
  write_claim(store, cell, content);
  CHECK_FALSE(store.claim_state(cell)->alive);
  CHECK(store.claim(cell));
}

TEST_CASE("a claim from another host lives as long as its heartbeat") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  const std::string cell = cell_name(1);
  write_claim(store, cell, R"({"pid":1,"host":"elsewhere.invalid","boot":"b","pid_namespace":"","pid_start":1})");
  CHECK(store.claim_state(cell)->alive);
  CHECK_FALSE(store.claim(cell));
  age_claim(store, cell, default_lease + std::chrono::seconds(60));
  CHECK_FALSE(store.claim_state(cell)->alive);
  CHECK(store.claim(cell));
}

TEST_CASE("a torn claim is honoured until it is old") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  const std::string cell = cell_name(1);
  write_claim(store, cell, "{\"pi");
  CHECK_FALSE(store.claim(cell));
  age_claim(store, cell, default_lease + std::chrono::seconds(60));
  CHECK(store.claim(cell));
}

TEST_CASE("an owner whose claim was taken over learns it from its heartbeat and leaves the new claim alone") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  const std::string cell = cell_name(1);
  auto claim = store.claim(cell);
  REQUIRE(claim);
  write_claim(store, cell, R"({"pid":1,"host":"elsewhere.invalid","boot":"b"})");
  CHECK_FALSE(claim->heartbeat());
  claim->release();
  CHECK(store.claim_state(cell));
}

TEST_CASE("a running trial without a living owner is stale") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  TrialSummary summary = sample_summary();
  summary.status = Status::running;
  CHECK(store.observed_status(summary) == Status::stale);
  const auto claim = store.claim(summary.id.cell);
  CHECK(store.observed_status(summary) == Status::running);
}

TEST_CASE("runs of a cell are numbered from 0001 and listed in order") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  const std::string cell = cell_name(1);
  CHECK(store.new_run(cell).run == "0001");
  CHECK(store.new_run(cell).run == "0002");
  std::filesystem::create_directory(store.cell_folder(cell) / "9999");
  CHECK(store.new_run(cell).run == "10000");
  std::vector<std::string> numbers;
  for (const auto& run : store.runs(cell)) numbers.push_back(run.run);
  CHECK(numbers == std::vector<std::string>{"0001", "0002", "9999", "10000"});
  CHECK(store.scan().size() == 4);
}

TEST_CASE("a run folder without a status file is planned") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  const RunRef run = store.new_run(cell_name(1));
  CHECK(store.read_status(run).status == Status::planned);
  CHECK(store.read_status(run).id == run);
}

TEST_CASE("the last done run speaks for a cell, else the last one") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  const std::string cell = cell_name(1);
  CHECK_FALSE(store.current_run(cell));
  for (const Status status : {Status::done, Status::failed}) {
    TrialSummary summary = sample_summary(store.new_run(cell));
    summary.status = status;
    store.write_status(summary);
  }
  CHECK(store.current_run(cell)->run == "0001");
  TrialSummary summary = sample_summary({cell, "0001"});
  summary.status = Status::failed;
  store.write_status(summary);
  CHECK(store.current_run(cell)->run == "0002");
}

TEST_CASE("runs are found by the beginning of their cell") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  for (const std::string cell : {"abcd1111111111111111", "abcd2222222222222222"}) (void)store.new_run(cell);
  (void)store.new_run("abcd1111111111111111");
  CHECK(store.find("abcd1").run == "0002");
  CHECK(store.find("abcd1/1").run == "0001");
  CHECK(store.find("abcd1111111111111111/0002").run == "0002");
  CHECK(error_of([&] { (void)store.find("abcd"); }) ==
        "'abcd' is ambiguous: it begins abcd1111111111111111 and abcd2222222222222222; give more digits");
  CHECK(error_of([&] { (void)store.find("ffff"); }) == "no cell in '" + store.root().string() + "' begins with 'ffff'");
  CHECK(error_of([&] { (void)store.find("ab"); }).starts_with("'ab' does not name a run; give at least 4"));
  CHECK(error_of([&] { (void)store.find("abcd2/7"); }) == "cell abcd2222222222222222 has no run '7'; it has 0001");
}

TEST_CASE("a folder that is no store is refused") {
  const Scratch scratch;
  CHECK(error_of([&] { (void)Store::open(scratch / "none"); }) ==
        "there is no store of results at '" + (scratch / "none").string() + "'; `velo run` makes one");
  CHECK(error_of([&] { (void)Store::open(scratch.path()); }) ==
        "'" + scratch.path().string() + "' is not a store of results: it has no folder 'trials'");
}

TEST_CASE("a sweep keeps its cells and labels") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  store.write_sweep({"quickstart", "configs/sweeps/quickstart.yaml", {{cell_name(1), "a"}, {cell_name(2), "b"}}});
  const SweepManifest back = store.read_sweep("quickstart");
  CHECK(back.source == "configs/sweeps/quickstart.yaml");
  CHECK(back.cells == std::vector<SweepEntry>{{cell_name(1), "a"}, {cell_name(2), "b"}});
  CHECK(store.sweeps() == std::vector<std::string>{"quickstart"});
  CHECK(error_of([&] { (void)store.read_sweep("quikstart"); }) ==
        "there is no sweep 'quikstart' in '" + store.root().string() +
            "' (did you mean 'quickstart'?); it has quickstart");
  CHECK(error_of([&] { store.write_sweep({"../up", "", {}}); }).starts_with("'../up' cannot name a sweep"));
}

TEST_CASE("a manifest may hold more than this velo knows, but nothing less and nothing of another type") {
  const Scratch scratch;
  const Store store = Store::create(scratch / "store");
  store.write_sweep({"s", "s.yaml", {}});
  const auto file = store.root() / "sweeps/s.json";
  const auto read = [&](const std::string& text) {
    replace_file(file, text);
    return store.read_sweep("s");
  };
  const SweepManifest back = read(R"({"note": {"cells": [{"cell": 1}], "source": 2}, "source": "a.yaml",
    "cells": [{"why": ["x", {"label": "no"}], "label": "l", "cell": "c", "n": 1.5}], "layout_version": 1, "late": null})");
  CHECK(back.source == "a.yaml");
  CHECK(back.cells == std::vector<SweepEntry>{{"c", "l"}});
  CHECK(read(R"({"layout_version": 1, "source": "", "cells": []})").cells.empty());

  const std::string refused =
      "'" + file.string() + "' is not a list of a sweep's cells; delete it and start the sweep again";
  for (const std::string text :
       {"", "[]", "3", "{}", R"({"layout_version": 1, "source": "a", "cells": [)",
        R"({"layout_version": 1, "source": "a"})", R"({"layout_version": 1, "cells": []})",
        R"({"source": "a", "cells": []})", R"({"layout_version": "1", "source": "a", "cells": []})",
        R"({"layout_version": 1, "source": ["a"], "cells": []})",
        R"({"layout_version": 1, "source": "a", "cells": {}})",
        R"({"layout_version": 1, "source": "a", "cells": ["c"]})",
        R"({"layout_version": 1, "source": "a", "cells": [["c", "l"]]})",
        R"({"layout_version": 1, "source": "a", "cells": [{"cell": "c"}]})",
        R"({"layout_version": 1, "source": "a", "cells": [{"cell": "c", "label": 1}]})",
        R"({"layout_version": 1, "source": "a", "cells": [{"cell": {"cell": "c"}, "label": "l"}]})"}) {
    INFO(text);
    CHECK(error_of([&] { (void)read(text); }) == refused);
  }
  CHECK(error_of([&] { (void)read(R"({"layout_version": 2, "source": 5})"); }) ==
        "'" + file.string() + "' has layout 2, newer than the 1 this velo reads; use the newer velo");
}

TEST_CASE("merging twice copies once; a different run of the same number gets the next") {
  const Scratch scratch;
  const Store a = Store::create(scratch / "a"), b = Store::create(scratch / "b");
  put_sample_run(a, 1);
  put_sample_run(b, 1, [](Trajectory& t) { t.summary.final_validation = 0.5; });
  put_sample_run(b, 2);
  a.write_sweep({"s", "s.yaml", {{cell_name(1), "x"}}});
  b.write_sweep({"s", "s.yaml", {{cell_name(1), "x"}, {cell_name(2), "x"}}});
  CHECK(a.merge_from(b) == 2);
  CHECK(a.merge_from(b) == 0);
  REQUIRE(a.runs(cell_name(1)).size() == 2);
  CHECK(a.read_status({cell_name(1), "0002"}).final_validation == 0.5);
  CHECK(a.read_status({cell_name(1), "0002"}).id.run == "0002");
  CHECK(read_trajectory(a.folder({cell_name(2), "0001"}).trajectory()).evaluations.rows() == 3);
  CHECK(a.read_sweep("s").cells.size() == 2);
}
