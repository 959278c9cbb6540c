#include "results/trajectory.hpp"

#include <hdf5.h>

#include <cstdlib>
#include <fstream>

#include "tests/results/sample.hpp"

using namespace velo;
using namespace velo::test;

namespace {

void check_equal(const SeriesGroup& a, const SeriesGroup& b) {
  REQUIRE(a.series.size() == b.series.size());
  for (std::size_t i = 0; i < a.series.size(); ++i) {
    CHECK(a.series[i].info == b.series[i].info);
    REQUIRE(a.series[i].values.size() == b.series[i].values.size());
    for (std::size_t row = 0; row < a.series[i].values.size(); ++row) {
      const double x = a.series[i].values[row], y = b.series[i].values[row];
      CHECK((x == y || (std::isnan(x) && std::isnan(y))));
    }
  }
}

}  // namespace

TEST_CASE("a trajectory survives its file unchanged, series in order") {
  const Scratch scratch;
  const Trajectory t = sample_trajectory();
  write_trajectory(scratch / "t.h5", t);
  const Trajectory back = read_trajectory(scratch / "t.h5");
  CHECK(back.config == t.config);
  CHECK(summary_to_json(back.summary) == summary_to_json(t.summary));
  check_equal(back.evaluations, t.evaluations);
  check_equal(back.steps, t.steps);
  REQUIRE(back.events.size() == t.events.size());
  CHECK(back.events[1].text == "target");
  CHECK(back.events[1].step == 300);
  check_equal(read_evaluations(scratch / "t.h5"), t.evaluations);
}

TEST_CASE("equal trajectories give equal bytes") {
  const Scratch scratch;
  write_trajectory(scratch / "a.h5", sample_trajectory());
  write_trajectory(scratch / "b.h5", sample_trajectory());
  CHECK(read_file(scratch / "a.h5") == read_file(scratch / "b.h5"));
}

TEST_CASE("a run without a single evaluation has a readable trajectory") {
  const Scratch scratch;
  { (void)JournalWriter::create(scratch / "j.bin"); }
  write_trajectory(scratch / "t.h5", make_trajectory(read_journal(scratch / "j.bin"), sample_summary(), ""));
  const Trajectory back = read_trajectory(scratch / "t.h5");
  CHECK(back.evaluations.rows() == 0);
  CHECK(back.evaluations.series.size() == evaluation_counters().size());
  CHECK(back.config.empty());
}

TEST_CASE("a long run's series come back whole") {
  const Scratch scratch;
  Trajectory t = sample_trajectory();
  for (auto& series : t.steps.series) {
    series.values.assign(100000, 0.0);
    for (std::size_t i = 0; i < series.values.size(); ++i) series.values[i] = static_cast<double>(i);
  }
  write_trajectory(scratch / "t.h5", t);
  check_equal(read_trajectory(scratch / "t.h5").steps, t.steps);
}

TEST_CASE("a trajectory file cut at any byte is refused in one sentence that names it") {
  const Scratch scratch;
  write_trajectory(scratch / "whole.h5", sample_trajectory());
  const std::string bytes = read_file(scratch / "whole.h5");
  const auto file = scratch / "cut.h5";
  for (std::size_t length = 0; length < bytes.size(); length += length < 200 ? 1 : 97) {
    std::ofstream(file, std::ios::binary) << bytes.substr(0, length);
    const std::string sentence = error_of([&] { (void)read_trajectory(file); });
    INFO(length << ": " << sentence);
    REQUIRE(sentence.starts_with(cat("'", file.string(), "' is ")));
    REQUIRE((sentence.ends_with("delete it and run the trial again") ||
             sentence.ends_with("is not an HDF5 file; move it away or run the trial again")));
  }
}

TEST_CASE("missing, foreign and newer trajectory files are refused in one sentence") {
  const Scratch scratch;
  const auto file = scratch / "t.h5";
  const auto refusal = [&] { return error_of([&] { (void)read_trajectory(file); }); };
  CHECK(refusal() == "cannot read '" + file.string() + "': No such file or directory");

  hid_t foreign = H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(foreign);
  CHECK(refusal() == "'" + file.string() + "' is an HDF5 file but not a trajectory of velo; move it away");

  write_trajectory(file, sample_trajectory());
  const hid_t newer = H5Fopen(file.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t version = H5Aopen(newer, "layout_version", H5P_DEFAULT);
  const std::int64_t number = 99;
  H5Awrite(version, H5T_NATIVE_INT64, &number);
  H5Aclose(version);
  H5Fclose(newer);
  CHECK(refusal() ==
        "'" + file.string() + "' has trajectory layout 99, newer than the 1 this velo reads; use the newer velo");
}

TEST_CASE("a series that is also a group is refused by name") {
  const Scratch scratch;
  Trajectory t = sample_trajectory();
  t.steps.series.push_back({{"observed/lr/x", "", Direction::none}, t.steps.series.front().values});
  CHECK(error_of([&] { write_trajectory(scratch / "t.h5", t); }).find("observed/lr") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(scratch / "t.h5"));
}

TEST_CASE("writing to a full or missing place leaves no file") {
  const Scratch scratch;
  const auto file = scratch / "nowhere/t.h5";
  CHECK(error_of([&] { write_trajectory(file, sample_trajectory()); }) ==
        "cannot write '" + file.string() + "': No such file or directory");
}

TEST_CASE("h5py and pandas open a trajectory without our code") {
  if (std::system("/usr/bin/python3 -c 'import h5py, pandas' 2>/dev/null") != 0)
    SKIP("/usr/bin/python3 has no h5py and pandas");
  const Scratch scratch;
  write_trajectory(scratch / "t.h5", sample_trajectory());
  std::ofstream(scratch / "read.py") << R"(
import sys, h5py, numpy, pandas
with h5py.File(sys.argv[1]) as f:
    assert f.attrs["format"] == "velodrome trajectory" and f.attrs["layout_version"] == 1
    assert f["config"].asstr()[()].startswith("workload: quadratic")
    s = f["summary"].attrs
    assert s["status"] == "done" and s["seed"] == 0xfedcba9876543210 and bool(s["target_reached"])
    assert s["validation_target"] == 0.1 and "test_target" not in s
    e = f["evaluations"]
    frame = pandas.DataFrame({k: e[k][:] for k in e if isinstance(e[k], h5py.Dataset)})
    frame["loss"] = e["validation/loss"][:]
    assert list(frame["step"]) == [100, 200, 300] and frame["step"].dtype == numpy.int64
    assert frame["loss"].iloc[2] == 0.25 / 3
    assert numpy.isnan(e["test/loss"][0]) and e["test/loss"].attrs["direction"] == "lower"
    assert e["seconds"].attrs["unit"] == "s"
    assert list(f["events/kind"].asstr()[:]) == ["started", "stopped"]
)";
  const std::string command = "/usr/bin/python3 " + (scratch / "read.py").string() + " " + (scratch / "t.h5").string();
  CHECK(std::system(command.c_str()) == 0);
}

TEST_CASE("h5dump opens a trajectory") {
  if (std::system("command -v h5dump >/dev/null") != 0) SKIP("h5dump is not installed");
  const Scratch scratch;
  write_trajectory(scratch / "t.h5", sample_trajectory());
  CHECK(std::system(("h5dump " + (scratch / "t.h5").string() + " > /dev/null").c_str()) == 0);
}
