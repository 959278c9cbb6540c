#include "results/trajectory.hpp"

#include <hdf5.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "results/error.hpp"
#include "results/fields.hpp"
#include "results/files.hpp"
#include "results/text.hpp"

// Files pass through memory images (the core driver): the system calls are ours, so a full disk or a missing permission
// is an ordinary error with its reason, and HDF5's own file locks, which fail on network file systems, are never taken.

namespace velo {

namespace {

constexpr const char* format_name = "velodrome trajectory";
constexpr const char* image_name = "a trajectory in memory";  // must not exist: the core driver would look at it
constexpr std::size_t compact_limit = 8192;  // bytes; smaller data sets lie in their header: one read less

/// Debian's HDF5 is not thread-safe.
std::mutex& hdf5_mutex() {
  static std::mutex mutex;
  return mutex;
}

struct FormatError {
  std::string what;
};

/// Owns an HDF5 identifier. Negative results of the library become FormatError.
template <herr_t (*Close)(hid_t)>
class Handle {
 public:
  Handle(hid_t id, std::string_view what) : id_(id) {
    if (id_ < 0) throw FormatError{std::string(what)};
  }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (id_ >= 0) Close(id_);
  }
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
};

using File = Handle<H5Fclose>;
using Group = Handle<H5Gclose>;
using DataSet = Handle<H5Dclose>;
using Attribute = Handle<H5Aclose>;
using Object = Handle<H5Oclose>;
using Space = Handle<H5Sclose>;
using Type = Handle<H5Tclose>;
using PropertyList = Handle<H5Pclose>;

void check(herr_t result, std::string_view what) {
  if (result < 0) throw FormatError{std::string(what)};
}

Type text_type() {
  Type type(H5Tcopy(H5T_C_S1), "text type");
  check(H5Tset_size(type, H5T_VARIABLE), "text type");
  check(H5Tset_cset(type, H5T_CSET_UTF8), "text type");
  return type;
}

/// The type that h5py reads as numpy.bool_.
Type bool_type() {
  Type type(H5Tenum_create(H5T_NATIVE_INT8), "truth type");
  const std::int8_t no = 0, yes = 1;
  check(H5Tenum_insert(type, "FALSE", &no), "truth type");
  check(H5Tenum_insert(type, "TRUE", &yes), "truth type");
  return type;
}

PropertyList memory_driver() {
  PropertyList access(H5Pcreate(H5P_FILE_ACCESS), "file access");
  check(H5Pset_fapl_core(access, 1 << 16, 0), "file access");
  return access;
}

// ---- writing ----

void write_attribute(hid_t object, const char* key, hid_t type, const void* value) {
  const Space space(H5Screate(H5S_SCALAR), key);
  const Attribute attribute(H5Acreate2(object, key, type, space, H5P_DEFAULT, H5P_DEFAULT), key);
  check(H5Awrite(attribute, type, value), key);
}

void write_value(hid_t object, const char* key, const std::string& value) {
  const char* text = value.c_str();
  write_attribute(object, key, text_type(), static_cast<const void*>(&text));
}
void write_value(hid_t object, const char* key, std::int64_t value) {
  write_attribute(object, key, H5T_NATIVE_INT64, &value);
}
void write_value(hid_t object, const char* key, std::uint64_t value) {
  write_attribute(object, key, H5T_NATIVE_UINT64, &value);
}
void write_value(hid_t object, const char* key, double value) {
  write_attribute(object, key, H5T_NATIVE_DOUBLE, &value);
}
void write_value(hid_t object, const char* key, bool value) {
  const std::int8_t byte = value ? 1 : 0;
  write_attribute(object, key, bool_type(), &byte);
}
void write_value(hid_t object, const char* key, const std::map<std::string, std::string>& value) {
  write_value(object, key, nlohmann::json(value).dump());
}
template <typename T>
requires std::is_enum_v<T>
void write_value(hid_t object, const char* key, T value) { write_value(object, key, std::string(name(value))); }
template <typename T>
void write_value(hid_t object, const char* key, const std::optional<T>& value) {
  if (value) write_value(object, key, *value);
}

/// Links keep their creation order, so that series come back in theirs.
Group make_group(hid_t parent, const std::string& path) {
  const PropertyList creation(H5Pcreate(H5P_GROUP_CREATE), path);
  check(H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), path);
  return {H5Gcreate2(parent, path.c_str(), H5P_DEFAULT, creation, H5P_DEFAULT), path};
}

void make_parents(hid_t root, const std::string& path) {
  for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    if (H5Lexists(root, parent.c_str(), H5P_DEFAULT) <= 0) make_group(root, parent);
  }
}

DataSet make_data_set(hid_t parent, const std::string& path, hid_t type, std::size_t rows, std::size_t value_bytes) {
  const hsize_t extent = rows;
  const Space space(H5Screate_simple(1, &extent, nullptr), path);
  const PropertyList creation(H5Pcreate(H5P_DATASET_CREATE), path);
  check(H5Pset_obj_track_times(creation, false), path);  // equal content, equal bytes
  const bool small = rows > 0 && rows * value_bytes <= compact_limit;
  if (small) check(H5Pset_layout(creation, H5D_COMPACT), path);
  return {H5Dcreate2(parent, path.c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT), path};
}

bool is_whole(const SeriesInfo& info) {
  static const std::array<std::string_view, 5> counters{"step", "examples", "example_gradients", "forward_examples",
                                                        "hvps"};
  return std::find(counters.begin(), counters.end(), info.name) != counters.end();
}

void write_series(hid_t group, const Series& series) {
  const auto& [info, values] = series;
  make_parents(group, info.name);
  const DataSet data =
      make_data_set(group, info.name, is_whole(info) ? H5T_STD_I64LE : H5T_IEEE_F64LE, values.size(), sizeof(double));
  if (!values.empty())
    check(H5Dwrite(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), info.name);
  write_value(data, "unit", info.unit);
  write_value(data, "direction", info.direction);
}

void write_group(hid_t file, const std::string& path, const SeriesGroup& group) {
  const Group made = make_group(file, path);
  for (const auto& series : group.series) {
    if (series.values.size() != group.rows())
      throw std::logic_error(cat("series '", series.info.name, "' is not as long as its group"));
    write_series(made, series);
  }
}

void write_texts(hid_t group, const char* key, const std::vector<const char*>& texts) {
  const Type type = text_type();
  const DataSet data = make_data_set(group, key, type, texts.size(), sizeof(hvl_t));
  if (!texts.empty())
    check(H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, static_cast<const void*>(texts.data())), key);
}

void write_events(hid_t file, const std::vector<JournalEvent>& events) {
  SeriesGroup numbers{{{{"step", "steps", Direction::none}, {}},
                       {{"seconds", "s", Direction::none}, {}},
                       {{"wall_seconds", "s", Direction::none}, {}}}};
  std::vector<const char*> kind, text, at;
  for (const auto& event : events) {
    kind.push_back(event.kind.c_str());
    text.push_back(event.text.c_str());
    at.push_back(event.at.c_str());
    numbers.series[0].values.push_back(static_cast<double>(event.step));
    numbers.series[1].values.push_back(event.seconds);
    numbers.series[2].values.push_back(event.wall_seconds);
  }
  write_group(file, "events", numbers);
  const Group group(H5Gopen2(file, "events", H5P_DEFAULT), "events");
  write_texts(group, "kind", kind);
  write_texts(group, "text", text);
  write_texts(group, "at", at);
}

std::string to_image(const Trajectory& trajectory) {
  const File file(H5Fcreate(image_name, H5F_ACC_TRUNC, H5P_DEFAULT, memory_driver()), "file");
  write_value(file, "format", std::string(format_name));
  write_value(file, "layout_version", trajectory_layout_version);
  {
    const Space space(H5Screate(H5S_SCALAR), "config");
    const PropertyList creation(H5Pcreate(H5P_DATASET_CREATE), "config");
    check(H5Pset_obj_track_times(creation, false), "config");
    const Type type = text_type();
    const DataSet data(H5Dcreate2(file, "config", type, space, H5P_DEFAULT, creation, H5P_DEFAULT), "config");
    const char* text = trajectory.config.c_str();
    check(H5Dwrite(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, static_cast<const void*>(&text)), "config");
  }
  {
    const Group summary = make_group(file, "summary");
    visit_fields(trajectory.summary, [&](const Field& field, const auto& member) {
      write_value(summary, std::string(field.name).c_str(), member);
    });
  }
  write_group(file, "evaluations", trajectory.evaluations);
  write_group(file, "steps", trajectory.steps);
  write_events(file, trajectory.events);

  check(H5Fflush(file, H5F_SCOPE_GLOBAL), "file");
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  std::string image(static_cast<std::size_t>(std::max<ssize_t>(size, 0)), '\0');
  if (size <= 0 || H5Fget_file_image(file, image.data(), image.size()) != size) throw FormatError{"file image"};
  return image;
}

// ---- reading ----

std::string read_text(hid_t object, const char* key) {
  const Attribute attribute(H5Aopen(object, key, H5P_DEFAULT), key);
  char* text = nullptr;
  check(H5Aread(attribute, text_type(), static_cast<void*>(&text)), key);
  std::string value = text == nullptr ? "" : text;
  H5free_memory(text);
  return value;
}

void read_attribute(hid_t object, const char* key, hid_t type, void* value) {
  const Attribute attribute(H5Aopen(object, key, H5P_DEFAULT), key);
  check(H5Aread(attribute, type, value), key);
}

void read_value(hid_t object, const char* key, std::string& out) { out = read_text(object, key); }
void read_value(hid_t object, const char* key, std::int64_t& out) {
  read_attribute(object, key, H5T_NATIVE_INT64, &out);
}
void read_value(hid_t object, const char* key, std::uint64_t& out) {
  read_attribute(object, key, H5T_NATIVE_UINT64, &out);
}
void read_value(hid_t object, const char* key, double& out) { read_attribute(object, key, H5T_NATIVE_DOUBLE, &out); }
void read_value(hid_t object, const char* key, bool& out) {
  std::int8_t byte = 0;
  read_attribute(object, key, bool_type(), &byte);
  out = byte != 0;
}
void read_value(hid_t object, const char* key, std::map<std::string, std::string>& out) {
  const auto json = nlohmann::json::parse(read_text(object, key), nullptr, false);
  if (!json.is_object()) throw FormatError{key};
  json.get_to(out);
}
template <typename T>
requires std::is_enum_v<T>
void read_value(hid_t object, const char* key, T& out) { parse_word(read_text(object, key), out); }
template <typename T>
void read_value(hid_t object, const char* key, std::optional<T>& out) {
  out.reset();
  if (H5Aexists(object, key) > 0) read_value(object, key, out.emplace());
}

std::size_t rows_of(const DataSet& data, const std::string& path) {
  const Space space(H5Dget_space(data), path);
  hsize_t extent = 0;
  if (H5Sget_simple_extent_ndims(space) != 1 || H5Sget_simple_extent_dims(space, &extent, nullptr) != 1)
    throw FormatError{path};
  return static_cast<std::size_t>(extent);
}

Series read_series(hid_t group, const std::string& path) {
  const DataSet data(H5Dopen2(group, path.c_str(), H5P_DEFAULT), path);
  Series series{{path, read_text(data, "unit"), parse_direction(read_text(data, "direction"))}, {}};
  series.values.resize(rows_of(data, path));
  if (!series.values.empty())
    check(H5Dread(data, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, series.values.data()), path);
  return series;
}

struct LinkList {
  std::vector<std::string> names;
  static herr_t add(hid_t, const char* link, const H5L_info_t*, void* self) {
    static_cast<LinkList*>(self)->names.emplace_back(link);
    return 0;
  }
};

bool is_group(hid_t root, const std::string& path) {
  const Object object(H5Oopen(root, path.c_str(), H5P_DEFAULT), path);
  return H5Iget_type(object) == H5I_GROUP;
}

void read_group_below(hid_t root, const std::string& prefix, SeriesGroup& out) {
  const Group here(H5Gopen2(root, prefix.empty() ? "." : prefix.c_str(), H5P_DEFAULT), prefix);
  LinkList links;
  check(H5Literate(here, H5_INDEX_CRT_ORDER, H5_ITER_INC, nullptr, &LinkList::add, &links), prefix);
  for (const auto& link : links.names) {
    const std::string path = prefix.empty() ? link : cat(prefix, "/", link);
    if (is_group(root, path)) {
      read_group_below(root, path, out);
    } else {
      out.series.push_back(read_series(root, path));
      if (out.series.back().values.size() != out.rows()) throw FormatError{path};
    }
  }
}

SeriesGroup read_group(hid_t file, const char* path) {
  const Group group(H5Gopen2(file, path, H5P_DEFAULT), path);
  SeriesGroup out;
  read_group_below(group, "", out);
  return out;
}

std::vector<std::string> read_texts(hid_t group, const char* key) {
  const DataSet data(H5Dopen2(group, key, H5P_DEFAULT), key);
  const Type type = text_type();
  std::vector<char*> pointers(rows_of(data, key), nullptr);
  if (pointers.empty()) return {};
  check(H5Dread(data, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, static_cast<void*>(pointers.data())), key);
  std::vector<std::string> texts;
  for (char* text : pointers) {
    texts.emplace_back(text == nullptr ? "" : text);
    H5free_memory(text);
  }
  return texts;
}

std::vector<JournalEvent> read_events(hid_t file) {
  const Group group(H5Gopen2(file, "events", H5P_DEFAULT), "events");
  const auto kind = read_texts(group, "kind"), text = read_texts(group, "text"), at = read_texts(group, "at");
  const auto step = read_series(group, "step").values, seconds = read_series(group, "seconds").values,
             wall = read_series(group, "wall_seconds").values;
  std::vector<JournalEvent> events;
  for (std::size_t i = 0; i < kind.size(); ++i)
    events.push_back({kind[i], text.at(i), static_cast<std::int64_t>(step.at(i)), seconds.at(i), wall.at(i), at.at(i)});
  return events;
}

std::string read_config(hid_t file) {
  const DataSet data(H5Dopen2(file, "config", H5P_DEFAULT), "config");
  char* text = nullptr;
  check(H5Dread(data, text_type(), H5S_ALL, H5S_ALL, H5P_DEFAULT, static_cast<void*>(&text)), "config");
  std::string config = text == nullptr ? "" : text;
  H5free_memory(text);
  return config;
}

/// Opens an image, checks format and version, and gives the file to `read`. Whatever is wrong becomes one sentence.
template <typename Read>
auto with_file(const std::filesystem::path& path, Read&& read) {
  const std::string shown = path.string();
  std::string image = read_file(path);
  if (!image.starts_with("\x89HDF\r\n\x1a\n"))
    throw Error(cat("'", shown, "' is not an HDF5 file; move it away or run the trial again"));
  const std::lock_guard lock(hdf5_mutex());
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // errors are reported once, by us
  const std::string damaged = cat("'", shown, "' is truncated or damaged (");
  const std::string advice = "); delete it and run the trial again";
  try {
    const PropertyList access = memory_driver();
    check(H5Pset_file_image(access, image.data(), image.size()), "file");
    const File file(H5Fopen(image_name, H5F_ACC_RDONLY, access), "file");
    if (H5Aexists(file, "format") <= 0 || read_text(file, "format") != format_name)
      throw Error(cat("'", shown, "' is an HDF5 file but not a trajectory of velo; move it away"));
    std::int64_t version = 0;
    read_value(file, "layout_version", version);
    if (version > trajectory_layout_version)
      throw Error(cat("'", shown, "' has trajectory layout ", version, ", newer than the ", trajectory_layout_version,
                      " this velo reads; use the newer velo"));
    return read(file);
  } catch (const FormatError& error) {
    throw Error(cat(damaged, "unreadable: ", error.what, advice));
  } catch (const std::out_of_range&) {
    throw Error(cat(damaged, "columns of unequal length", advice));
  }
}

}  // namespace

const Series* SeriesGroup::find(std::string_view wanted) const {
  for (const auto& candidate : series)
    if (candidate.info.name == wanted) return &candidate;
  return nullptr;
}

std::span<const double> SeriesGroup::at(std::string_view wanted) const {
  if (const Series* found = find(wanted)) return found->values;
  std::vector<std::string> names;
  for (const auto& candidate : series) names.push_back(candidate.info.name);
  throw Error(cat("there is no series '", wanted, "'", did_you_mean(wanted, names), "; there are ", join_words(names)));
}

const std::vector<SeriesInfo>& evaluation_counters() {
  static const std::vector<SeriesInfo> counters{{"step", "steps", Direction::none},
                                                {"examples", "examples", Direction::none},
                                                {"example_gradients", "example gradients", Direction::none},
                                                {"forward_examples", "examples", Direction::none},
                                                {"hvps", "examples", Direction::none},
                                                {"work", "example gradients", Direction::none},
                                                {"seconds", "s", Direction::none},
                                                {"wall_seconds", "s", Direction::none}};
  return counters;
}

const std::vector<SeriesInfo>& step_counters() {
  static const std::vector<SeriesInfo> counters{{"step", "steps", Direction::none},
                                                {"seconds", "s", Direction::none},
                                                {"training_loss", "loss", Direction::lower}};
  return counters;
}

namespace {

/// Evaluations of a file that is older than the charge: it follows from the counts.
SeriesGroup with_work(SeriesGroup rows) {
  if (rows.find("work") != nullptr) return rows;
  const auto& counters = evaluation_counters();
  const auto place = std::find_if(counters.begin(), counters.end(), [](const auto& c) { return c.name == "work"; });
  Series made{*place, {}};
  const auto gradients = rows.at("example_gradients"), forward = rows.at("forward_examples"), hvps = rows.at("hvps");
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    Work work;
    work.example_gradients = static_cast<std::int64_t>(gradients[row]);
    work.forward_examples = static_cast<std::int64_t>(forward[row]);
    work.hvps = static_cast<std::int64_t>(hvps[row]);
    made.values.push_back(work.charged());
  }
  rows.series.insert(rows.series.begin() + (place - counters.begin()), std::move(made));
  return rows;
}

}  // namespace

void write_trajectory(const std::filesystem::path& file, const Trajectory& trajectory, Durability durability) {
  std::string image;
  try {
    const std::lock_guard lock(hdf5_mutex());
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    image = to_image(trajectory);
  } catch (const FormatError& error) {
    throw Error(
        cat("cannot put '", error.what, "' into '", file.string(), "'; a series and a group may share that name"));
  }
  replace_file(file, image, durability);
}

Trajectory read_trajectory(const std::filesystem::path& path) {
  return with_file(path, [](hid_t file) {
    Trajectory trajectory;
    trajectory.config = read_config(file);
    const Group summary(H5Gopen2(file, "summary", H5P_DEFAULT), "summary");
    visit_fields(trajectory.summary, [&](const Field& field, auto& member) {
      if (field.added && H5Aexists(summary, std::string(field.name).c_str()) == 0) return;
      read_value(summary, std::string(field.name).c_str(), member);
    });
    trajectory.evaluations = with_work(read_group(file, "evaluations"));
    trajectory.steps = read_group(file, "steps");
    trajectory.events = read_events(file);
    return trajectory;
  });
}

SeriesGroup read_evaluations(const std::filesystem::path& path) {
  return with_file(path, [](hid_t file) { return with_work(read_group(file, "evaluations")); });
}

}  // namespace velo
