#include "results/journal.hpp"

#include <fstream>

#include "tests/results/sample.hpp"

using namespace velo;
using namespace velo::test;

namespace {

std::string sample_bytes(const Scratch& scratch) {
  auto writer = JournalWriter::create(scratch / "whole.bin");
  write_sample_journal(writer);
  return read_file(scratch / "whole.bin");
}

std::size_t records(const JournalContent& c) {
  return c.series.size() + c.evaluations.size() + c.steps.size() + c.events.size();
}

}  // namespace

TEST_CASE("a journal reads back what was written") {
  const Scratch scratch;
  const std::string bytes = sample_bytes(scratch);
  const JournalContent content = read_journal(scratch / "whole.bin");
  CHECK_FALSE(content.torn());
  CHECK(content.good_bytes == bytes.size());
  REQUIRE(content.evaluations.size() == 3);
  CHECK(content.evaluations[2].work == Work{300, 9600, 9600, 32, 4});
  CHECK(content.evaluations[2].values.size() == 3);
  CHECK(content.evaluations[2].values[1].name == "test/loss");
  CHECK(content.evaluations[2].values[1].value == 0.3);
  REQUIRE(content.steps.size() == 4);
  CHECK(content.steps[3].training_loss == 0.01);
  REQUIRE(content.events.size() == 2);
  CHECK(content.events[1].kind == "stopped");
  CHECK(content.series[0] == SeriesInfo{"validation/loss", "nats", Direction::lower});
  CHECK(content.series.back().name == "observed/inner/lr");
  CHECK(content.last_step() == 301);
  CHECK(content.last_seconds() == 1.6);
  CHECK(content.last_wall_seconds() == 2.1);
}

TEST_CASE("a journal cut at any byte gives a readable prefix") {
  const Scratch scratch;
  const std::string bytes = sample_bytes(scratch);
  const auto file = scratch / "cut.bin";
  std::size_t before = 0;
  std::uint64_t good_before = 0;
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    std::ofstream(file, std::ios::binary) << bytes.substr(0, length);
    const JournalContent content = read_journal(file);
    REQUIRE(content.total_bytes == length);
    REQUIRE(content.good_bytes <= length);
    REQUIRE(content.good_bytes >= good_before);
    REQUIRE(records(content) >= before);
    REQUIRE(records(content) - before <= 1);
    before = records(content);
    good_before = content.good_bytes;
  }
  CHECK(good_before == bytes.size());
  CHECK(before == records(read_journal(scratch / "whole.bin")));
}

TEST_CASE("a journal with any one byte spoilt loses that record and what follows, never more") {
  const Scratch scratch;
  const std::string bytes = sample_bytes(scratch);
  const auto file = scratch / "spoilt.bin";
  for (std::size_t at = 12; at < bytes.size(); ++at) {
    std::string spoilt = bytes;
    spoilt[at] = static_cast<char>(spoilt[at] ^ 0x41);
    std::ofstream(file, std::ios::binary) << spoilt;
    const JournalContent content = read_journal(file);
    REQUIRE(content.torn());
    REQUIRE(content.good_bytes <= at);
  }
}

TEST_CASE("a resumed journal continues at the checkpoint's position") {
  const Scratch scratch;
  const auto file = scratch / "journal.bin";
  std::uint64_t position = 0;
  {
    auto writer = JournalWriter::create(file);
    writer.declare({"validation/loss", "nats", Direction::lower});
    writer.append(EvaluationRow{{100, 0, 0, 0, 0}, 1.0, 1.0, {{"validation/loss", 0.5}}});
    position = writer.position();
    writer.sync();
    writer.append(EvaluationRow{{200, 0, 0, 0, 0}, 2.0, 2.0, {{"validation/loss", 0.4}, {"observed/lost", 1.0}}});
  }
  std::ofstream(file, std::ios::binary | std::ios::app) << "torn";
  CHECK(read_journal(file).torn());
  CHECK(read_journal(file).last_seconds() == 2.0);
  {
    auto writer = JournalWriter::resume(file, position);
    CHECK(writer.position() == position);
    writer.append(EvaluationRow{{200, 0, 0, 0, 0}, 3.0, 3.0, {{"observed/lr", 0.1}, {"validation/loss", 0.25}}});
  }
  const JournalContent content = read_journal(file);
  CHECK_FALSE(content.torn());
  REQUIRE(content.evaluations.size() == 2);
  CHECK(content.evaluations[1].values[0].name == "observed/lr");
  CHECK(content.evaluations[1].values[1].name == "validation/loss");
  CHECK(content.evaluations[1].values[1].value == 0.25);
  CHECK(content.series.size() == 2);
}

TEST_CASE("resuming beyond the readable part of a journal is refused") {
  const Scratch scratch;
  const auto file = scratch / "journal.bin";
  { (void)JournalWriter::create(file); }
  CHECK(error_of([&] { (void)JournalWriter::resume(file, 50); }) ==
        "the journal '" + file.string() +
            "' is readable up to byte 12 but its checkpoint was written at byte 50; delete the run's folder to start "
            "it again");
}

TEST_CASE("a missing, foreign or newer journal is refused in one sentence") {
  const Scratch scratch;
  const auto file = scratch / "journal.bin";
  const auto refusal = [&] { return error_of([&] { (void)read_journal(file); }); };
  CHECK(refusal() == "cannot read '" + file.string() + "': No such file or directory");
  std::ofstream(file) << "SQLite format 3";
  CHECK(refusal() == "'" + file.string() + "' is not a journal of velo; move it away and run the trial again");
  std::ofstream(file, std::ios::binary) << std::string("VELOJRNL\x09\0\0\0", 12);
  CHECK(refusal() ==
        "'" + file.string() + "' is a journal of version 9, newer than the 1 this velo reads; use the newer velo");
}

TEST_CASE("a journal turns into series, with NaN where nothing was measured") {
  const Trajectory t = sample_trajectory();
  CHECK(t.evaluations.rows() == 3);
  CHECK(t.evaluations.at("step")[1] == 200);
  CHECK(t.evaluations.at("seconds")[2] == 1.5);
  CHECK(std::isnan(t.evaluations.at("test/loss")[0]));
  CHECK(t.evaluations.at("test/loss")[2] == 0.3);
  CHECK(t.evaluations.find("validation/loss")->info.direction == Direction::lower);
  CHECK(t.steps.rows() == 4);
  CHECK(std::isnan(t.steps.at("observed/lr")[3]));
  CHECK(std::isnan(t.steps.at("observed/inner/lr")[0]));
  CHECK(t.steps.at("observed/inner/lr")[3] == 0.5);
  CHECK(t.events.size() == 2);
  CHECK(error_of([&] { (void)t.steps.at("observed/rl"); }).find("there is no series 'observed/rl'") == 0);
}
