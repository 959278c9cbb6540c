#include "results/journal.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "results/error.hpp"
#include "results/files.hpp"
#include "results/text.hpp"

namespace velo {

namespace {

static_assert(std::endian::native == std::endian::little,
              "the journal is written in the machine's order, little-endian");

constexpr std::string_view magic = "VELOJRNL";
constexpr std::uint32_t journal_version = 1;
constexpr std::size_t header_bytes = 12;
constexpr std::size_t frame_bytes = 8;
constexpr std::uint32_t largest_record = 1u << 26;  // a longer length is garbage, not a record

enum class RecordType : std::uint8_t { declare = 1, evaluation = 2, step = 3, event = 4 };

template <typename T>
void put(std::string& out, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

std::uint32_t checksum(std::string_view payload) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(payload.data()), static_cast<uInt>(payload.size())));
}

/// Takes values off the front of a payload; remembers whether it ever came up short.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  T take() {
    T value{};
    if (bytes_.size() < sizeof value) {
      complete_ = false;
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }

  std::string take_text() {
    const auto length = take<std::uint32_t>();
    if (bytes_.size() < length) {
      complete_ = false;
      return {};
    }
    std::string text(bytes_.substr(0, length));
    bytes_.remove_prefix(length);
    return text;
  }

  [[nodiscard]] bool exactly_consumed() const { return complete_ && bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool complete_ = true;
};

void put_work(std::string& out, const Work& work) {
  for (const std::int64_t amount :
       {work.steps, work.examples, work.example_gradients, work.forward_examples, work.hvps})
    put(out, amount);
}

Work take_work(Reader& in) {
  Work work;
  for (std::int64_t* amount :
       {&work.steps, &work.examples, &work.example_gradients, &work.forward_examples, &work.hvps})
    *amount = in.take<std::int64_t>();
  return work;
}

bool take_values(Reader& in, const std::vector<SeriesInfo>& series, std::vector<NamedValue>& values) {
  const auto count = in.take<std::uint32_t>();
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto id = in.take<std::uint32_t>();
    if (id >= series.size()) return false;
    values.push_back({series[id].name, in.take<double>()});
  }
  return true;
}

bool read_payload(std::string_view payload, JournalContent& content) {
  Reader in(payload);
  switch (static_cast<RecordType>(in.take<std::uint8_t>())) {
    case RecordType::declare: {
      SeriesInfo info;
      info.name = in.take_text();
      info.unit = in.take_text();
      const auto direction = in.take<std::uint8_t>();
      if (!in.exactly_consumed() || direction > static_cast<std::uint8_t>(Direction::higher)) return false;
      info.direction = static_cast<Direction>(direction);
      content.series.push_back(std::move(info));
      return true;
    }
    case RecordType::evaluation: {
      EvaluationRow row;
      row.work = take_work(in);
      row.seconds = in.take<double>();
      row.wall_seconds = in.take<double>();
      if (!take_values(in, content.series, row.values) || !in.exactly_consumed()) return false;
      content.evaluations.push_back(std::move(row));
      return true;
    }
    case RecordType::step: {
      StepRow row;
      row.step = in.take<std::int64_t>();
      row.seconds = in.take<double>();
      row.training_loss = in.take<double>();
      if (!take_values(in, content.series, row.values) || !in.exactly_consumed()) return false;
      content.steps.push_back(std::move(row));
      return true;
    }
    case RecordType::event: {
      JournalEvent event;
      event.kind = in.take_text();
      event.text = in.take_text();
      event.step = in.take<std::int64_t>();
      event.seconds = in.take<double>();
      event.wall_seconds = in.take<double>();
      event.at = in.take_text();
      if (!in.exactly_consumed()) return false;
      content.events.push_back(std::move(event));
      return true;
    }
  }
  return false;
}

void check_header(std::string_view bytes, const std::filesystem::path& file) {
  const std::string_view begin = bytes.substr(0, magic.size());
  if (!magic.starts_with(begin))
    throw Error(cat("'", file.string(), "' is not a journal of velo; move it away and run the trial again"));
  if (bytes.size() < header_bytes) return;
  std::uint32_t version = 0;
  std::memcpy(&version, bytes.data() + magic.size(), sizeof version);
  if (version > journal_version)
    throw Error(cat("'", file.string(), "' is a journal of version ", version, ", newer than the ", journal_version,
                    " this velo reads; use the newer velo"));
}

}  // namespace

double JournalContent::last_seconds() const {
  double last = 0;
  for (const auto& row : evaluations) last = std::max(last, row.seconds);
  for (const auto& row : steps) last = std::max(last, row.seconds);
  for (const auto& event : events) last = std::max(last, event.seconds);
  return last;
}

double JournalContent::last_wall_seconds() const {
  double last = 0;
  for (const auto& row : evaluations) last = std::max(last, row.wall_seconds);
  for (const auto& event : events) last = std::max(last, event.wall_seconds);
  return last;
}

std::int64_t JournalContent::last_step() const {
  std::int64_t last = 0;
  for (const auto& row : evaluations) last = std::max(last, row.work.steps);
  for (const auto& row : steps) last = std::max(last, row.step);
  for (const auto& event : events) last = std::max(last, event.step);
  return last;
}

JournalContent read_journal(const std::filesystem::path& file) {
  const std::string bytes = read_file(file);
  check_header(bytes, file);
  JournalContent content;
  content.total_bytes = bytes.size();
  if (bytes.size() < header_bytes) return content;

  std::string_view rest(bytes);
  rest.remove_prefix(header_bytes);
  content.good_bytes = header_bytes;
  while (rest.size() >= frame_bytes) {
    Reader frame(rest.substr(0, frame_bytes));
    const auto length = frame.take<std::uint32_t>();
    const auto sum = frame.take<std::uint32_t>();
    if (length > largest_record || rest.size() - frame_bytes < length) break;
    const std::string_view payload = rest.substr(frame_bytes, length);
    if (checksum(payload) != sum || !read_payload(payload, content)) break;
    rest.remove_prefix(frame_bytes + length);
    content.good_bytes += frame_bytes + length;
  }
  return content;
}

JournalWriter::JournalWriter(std::filesystem::path file, int descriptor, std::uint64_t position)
    : file_(std::move(file)), descriptor_(descriptor), position_(position) {}

JournalWriter::JournalWriter(JournalWriter&& other) noexcept
    : file_(std::move(other.file_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      position_(other.position_),
      ids_(std::move(other.ids_)),
      series_(std::move(other.series_)),
      frame_(std::move(other.frame_)) {}

JournalWriter& JournalWriter::operator=(JournalWriter&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(position_, other.position_);
  std::swap(ids_, other.ids_);
  std::swap(series_, other.series_);
  std::swap(frame_, other.frame_);
  return *this;
}

JournalWriter::~JournalWriter() {
  if (descriptor_ >= 0) close(descriptor_);
}

JournalWriter JournalWriter::create(const std::filesystem::path& file) {
  const int descriptor = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) throw Error(system_sentence("cannot write", file, errno));
  JournalWriter writer(file, descriptor, 0);
  std::string header(magic);
  put(header, journal_version);
  if (write(descriptor, header.data(), header.size()) != static_cast<ssize_t>(header.size()))
    throw Error(system_sentence("cannot write", file, errno));
  writer.position_ = header.size();
  return writer;
}

JournalWriter JournalWriter::resume(const std::filesystem::path& file, std::uint64_t position) {
  const JournalContent content = read_journal(file);
  if (position < header_bytes || content.good_bytes < position)
    throw Error(cat("the journal '", file.string(), "' is readable up to byte ",
                    static_cast<std::int64_t>(content.good_bytes), " but its checkpoint was written at byte ",
                    static_cast<std::int64_t>(position), "; delete the run's folder to start it again"));
  const int descriptor = open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) throw Error(system_sentence("cannot write", file, errno));
  JournalWriter writer(file, descriptor, position);
  if (!writer.cut(position)) throw Error(system_sentence("cannot write", file, errno));
  // Only what was declared before the cut is still in the file.
  for (const auto& info : read_journal(file).series) {
    writer.ids_.insert_or_assign(info.name, static_cast<std::uint32_t>(writer.series_.size()));
    writer.series_.push_back(info);
  }
  return writer;
}

bool JournalWriter::cut(std::uint64_t position) {
  const auto length = static_cast<off_t>(position);
  return ftruncate(descriptor_, length) == 0 && lseek(descriptor_, length, SEEK_SET) == length;
}

void JournalWriter::write_record(const std::string& payload) {
  frame_.clear();
  put(frame_, static_cast<std::uint32_t>(payload.size()));
  put(frame_, checksum(payload));
  frame_ += payload;
  std::string_view rest(frame_);
  while (!rest.empty()) {
    const ssize_t written = write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int reason = errno;
      cut(position_);  // no torn record before the next one, should the caller go on
      throw Error(system_sentence("cannot write", file_, reason));
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  position_ += frame_.size();
}

void JournalWriter::declare(const SeriesInfo& info) {
  const auto known = ids_.find(info.name);
  if (known != ids_.end() && series_[known->second] == info) return;
  std::string payload;
  put(payload, RecordType::declare);
  put_text(payload, info.name);
  put_text(payload, info.unit);
  put(payload, static_cast<std::uint8_t>(info.direction));
  write_record(payload);
  ids_.insert_or_assign(info.name, static_cast<std::uint32_t>(series_.size()));
  series_.push_back(info);
}

std::uint32_t JournalWriter::series_id(const std::string& series_name) {
  auto known = ids_.find(series_name);
  if (known == ids_.end()) {
    declare({series_name, "", Direction::none});
    known = ids_.find(series_name);
  }
  return known->second;
}

void JournalWriter::put_values(std::string& payload, const std::vector<NamedValue>& values) {
  put(payload, static_cast<std::uint32_t>(values.size()));
  for (const auto& [series_name, value] : values) {
    put(payload, series_id(series_name));
    put(payload, value);
  }
}

void JournalWriter::append(const EvaluationRow& row) {
  std::string payload;
  put(payload, RecordType::evaluation);
  put_work(payload, row.work);
  put(payload, row.seconds);
  put(payload, row.wall_seconds);
  put_values(payload, row.values);
  write_record(payload);
}

void JournalWriter::append(const StepRow& row) {
  std::string payload;
  put(payload, RecordType::step);
  put(payload, row.step);
  put(payload, row.seconds);
  put(payload, row.training_loss);
  put_values(payload, row.values);
  write_record(payload);
}

void JournalWriter::append(const JournalEvent& event) {
  std::string payload;
  put(payload, RecordType::event);
  put_text(payload, event.kind);
  put_text(payload, event.text);
  put(payload, event.step);
  put(payload, event.seconds);
  put(payload, event.wall_seconds);
  put_text(payload, event.at);
  write_record(payload);
}

void JournalWriter::sync() {
  if (fsync(descriptor_) != 0) throw Error(system_sentence("cannot flush", file_, errno));
}

namespace {

/// Collects rows into columns: a series seen late is NaN above, one not measured in a row is NaN there.
class RowCollector {
 public:
  explicit RowCollector(const std::vector<SeriesInfo>& counters) {
    for (const auto& info : counters) group_.series.push_back({info, {}});
    counters_ = counters.size();
  }

  void declare(const SeriesInfo& info) { known_.insert_or_assign(info.name, info); }

  void row(const std::vector<double>& counter_values, const std::vector<NamedValue>& values) {
    for (std::size_t i = 0; i < counters_; ++i) group_.series[i].values.push_back(counter_values[i]);
    ++rows_;
    for (const auto& [series_name, value] : values) column(series_name).back() = value;
    for (std::size_t i = counters_; i < group_.series.size(); ++i)
      group_.series[i].values.resize(rows_, std::numeric_limits<double>::quiet_NaN());
  }

  /// Validation first, then test, then observed; otherwise in order of appearance.
  SeriesGroup take() {
    const auto rank = [](const Series& s) {
      const std::string& n = s.info.name;
      return n.starts_with("validation/") ? 1 : n.starts_with("test/") ? 2 : 3;
    };
    std::stable_sort(group_.series.begin() + static_cast<std::ptrdiff_t>(counters_), group_.series.end(),
                     [&](const Series& a, const Series& b) { return rank(a) < rank(b); });
    return std::move(group_);
  }

 private:
  std::vector<double>& column(const std::string& series_name) {
    auto found = places_.find(series_name);
    if (found == places_.end()) {
      found = places_.emplace(series_name, group_.series.size()).first;
      const auto info = known_.find(series_name);
      group_.series.push_back({info == known_.end() ? SeriesInfo{series_name, "", Direction::none} : info->second, {}});
    }
    auto& values = group_.series[found->second].values;
    values.resize(rows_, std::numeric_limits<double>::quiet_NaN());
    return values;
  }

  SeriesGroup group_;
  std::size_t counters_ = 0;
  std::size_t rows_ = 0;
  std::map<std::string, std::size_t> places_;
  std::map<std::string, SeriesInfo> known_;
};

}  // namespace

Trajectory make_trajectory(const JournalContent& journal, const TrialSummary& summary, const std::string& config) {
  RowCollector evaluations(evaluation_counters());
  RowCollector steps(step_counters());
  for (const auto& info : journal.series) {
    evaluations.declare(info);
    steps.declare(info);
  }
  for (const auto& row : journal.evaluations) {
    const Work& w = row.work;
    evaluations.row({static_cast<double>(w.steps), static_cast<double>(w.examples),
                     static_cast<double>(w.example_gradients), static_cast<double>(w.forward_examples),
                     static_cast<double>(w.hvps), w.charged(), row.seconds, row.wall_seconds},
                    row.values);
  }
  for (const auto& row : journal.steps)
    steps.row({static_cast<double>(row.step), row.seconds, row.training_loss}, row.values);
  return {config, summary, evaluations.take(), steps.take(), journal.events};
}

}  // namespace velo
