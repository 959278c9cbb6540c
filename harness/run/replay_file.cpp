#include "harness/run/replay_file.hpp"

#include <hdf5.h>

#include <algorithm>
#include <utility>

#include "results/error.hpp"
#include "results/files.hpp"
#include "results/text.hpp"

// Files pass through memory images, as trajectories do (results/trajectory.cpp): the system calls are ours, so a full
// disk is an ordinary error with its reason, and HDF5's file locks are never taken.

namespace velo {

namespace {

constexpr std::size_t max_rank = 5;

std::int64_t count(const std::vector<std::int64_t>& shape) {
  std::int64_t n = 1;
  for (const std::int64_t extent : shape) n *= extent;
  return n;
}

/// "[25, 8, 6]"
std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (const std::int64_t extent : shape) out += cat(out.size() > 1 ? ", " : "", extent);
  return out + "]";
}

/// Owns an HDF5 identifier.
template <herr_t (*Close)(hid_t)>
class Handle {
 public:
  explicit Handle(hid_t id) : id_(id) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  Handle& operator=(Handle&&) = delete;
  ~Handle() {
    if (id_ >= 0) Close(id_);
  }
  [[nodiscard]] bool good() const { return id_ >= 0; }
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

/// Keeps the library from printing while it lives.
class Silence {
 public:
  Silence() {
    H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  ~Silence() { H5Eset_auto2(H5E_DEFAULT, function_, data_); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

// ---- reading ----

/// An array in the file, with its place for error sentences.
template <typename T>
struct Array {
  std::vector<std::int64_t> shape;
  std::vector<T> values;
};

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path), image_(read_file(path)), file_(open()) {
    if (!file_.good()) throw Error(cat("'", path, "' is not a whole HDF5 file"));
  }

  [[noreturn]] void fail(const std::string& what) const { throw Error(cat("'", path_, "': ", what)); }

  /// An object of that absolute path, of either type.
  [[nodiscard]] bool has(const std::string& path) const {
    for (auto slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
      if (H5Lexists(file_, path.substr(0, slash).c_str(), H5P_DEFAULT) <= 0) return false;
    return H5Lexists(file_, path.c_str(), H5P_DEFAULT) > 0;
  }

  /// Data sets below a group as paths relative to it, groups inside it included; every group in its order of creation
  /// where the file tracks it, else by name.
  [[nodiscard]] std::vector<std::string> data_sets(const std::string& group) const {
    std::vector<std::string> out;
    collect(group, "", out);
    return out;
  }

  [[nodiscard]] Array<float> floats(const std::string& path) const { return array<float>(path, H5T_NATIVE_FLOAT); }
  [[nodiscard]] Array<double> doubles(const std::string& path) const { return array<double>(path, H5T_NATIVE_DOUBLE); }

  [[nodiscard]] std::optional<std::string> text_attribute(const std::string& object, const char* key) const {
    if (H5Aexists_by_name(file_, object.c_str(), key, H5P_DEFAULT) <= 0) return std::nullopt;
    const Attribute attribute(H5Aopen_by_name(file_, object.c_str(), key, H5P_DEFAULT, H5P_DEFAULT));
    const Type stored(H5Aget_type(attribute));
    const Space space(H5Aget_space(attribute));
    if (H5Tget_class(stored) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1)
      fail(cat("attribute '", key, "' of ", object, " must be one string"));
    return H5Tis_variable_str(stored) > 0 ? variable_text(attribute, stored) : fixed_text(attribute, stored);
  }

  [[nodiscard]] std::optional<std::int64_t> integer_attribute(const char* key) const {
    if (H5Aexists(file_, key) <= 0) return std::nullopt;
    const Attribute attribute(H5Aopen(file_, key, H5P_DEFAULT));
    const Type stored(H5Aget_type(attribute));
    const Space space(H5Aget_space(attribute));
    std::int64_t value = 0;
    if (H5Tget_class(stored) != H5T_INTEGER || H5Sget_simple_extent_npoints(space) != 1 ||
        H5Aread(attribute, H5T_NATIVE_INT64, &value) < 0)
      fail(cat("root attribute '", key, "' must be one integer"));
    return value;
  }

 private:
  [[nodiscard]] File open() {
    const PropertyList access(H5Pcreate(H5P_FILE_ACCESS));
    H5Pset_fapl_core(access, 1 << 16, 0);
    if (image_.empty() || H5Pset_file_image(access, image_.data(), image_.size()) < 0) return File(-1);
    return File(H5Fopen("replay", H5F_ACC_RDONLY, access));
  }

  void collect(const std::string& group, const std::string& prefix, std::vector<std::string>& out) const {
    const Group here(H5Gopen2(file_, group.c_str(), H5P_DEFAULT));
    if (!here.good()) fail(cat(group, " must be a group"));
    for (const std::string& link : links(here)) {
      const std::string path = cat(group, "/", link);
      const Object object(H5Oopen(file_, path.c_str(), H5P_DEFAULT));
      if (!object.good()) fail(cat(path, " cannot be read"));
      if (H5Iget_type(object) == H5I_GROUP)
        collect(path, prefix + link + "/", out);
      else
        out.push_back(prefix + link);
    }
  }

  [[nodiscard]] static std::vector<std::string> links(const Group& group) {
    const PropertyList creation(H5Gget_create_plist(group));
    unsigned flags = 0;
    H5Pget_link_creation_order(creation, &flags);
    std::vector<std::string> names;
    H5Literate(
        group, (flags & H5P_CRT_ORDER_TRACKED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME, H5_ITER_INC, nullptr,
        [](hid_t, const char* link, const H5L_info_t*, void* into) -> herr_t {
          static_cast<std::vector<std::string>*>(into)->emplace_back(link);
          return 0;
        },
        &names);
    return names;
  }

  template <typename T>
  [[nodiscard]] Array<T> array(const std::string& path, hid_t memory_type) const {
    const DataSet data(H5Dopen2(file_, path.c_str(), H5P_DEFAULT));
    if (!data.good()) fail(cat(path, " must be a data set"));
    const Type stored(H5Dget_type(data));
    if (H5Tget_class(stored) != H5T_FLOAT) fail(cat(path, " must hold floating-point numbers"));
    const Space space(H5Dget_space(data));
    const int rank = H5Sget_simple_extent_ndims(space);
    if (rank < 0) fail(cat(path, " has no shape"));
    std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
    H5Sget_simple_extent_dims(space, extents.data(), nullptr);
    Array<T> out{{extents.begin(), extents.end()}, {}};
    out.values.resize(static_cast<std::size_t>(std::max<hssize_t>(H5Sget_simple_extent_npoints(space), 0)));
    if (!out.values.empty() && H5Dread(data, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out.values.data()) < 0)
      fail(cat(path, " cannot be read"));
    return out;
  }

  [[nodiscard]] static std::string variable_text(const Attribute& attribute, const Type& stored) {
    char* text = nullptr;
    if (H5Aread(attribute, stored, static_cast<void*>(&text)) < 0 || text == nullptr) return "";
    std::string out = text;
    H5free_memory(text);
    return out;
  }
  [[nodiscard]] static std::string fixed_text(const Attribute& attribute, const Type& stored) {
    std::string out(H5Tget_size(stored), '\0');
    if (H5Aread(attribute, stored, out.data()) < 0) return "";
    out.erase(std::find(out.begin(), out.end(), '\0'), out.end());
    out.erase(out.find_last_not_of(' ') + 1);
    return out;
  }

  std::string path_;
  std::string image_;
  Silence silence_;
  File file_;
};

std::vector<ReplayBlock> read_blocks(const Reader& reader) {
  if (!reader.has("/params")) reader.fail("there is no group /params with the initial parameters");
  std::vector<ReplayBlock> blocks;
  for (const std::string& name : reader.data_sets("/params")) {
    const std::string path = "/params/" + name;
    Array<float> array = reader.floats(path);
    if (array.values.empty()) reader.fail(cat(path, " has no elements"));
    if (array.shape.size() > max_rank) reader.fail(cat(path, " has more than ", max_rank, " dimensions"));
    const auto kind = reader.text_attribute(path, "kind");
    if (!kind) reader.fail(cat(path, " has no attribute 'kind' (\"weight\", \"bias\", ...)"));
    blocks.push_back({name, *kind, std::move(array.shape), std::move(array.values)});
  }
  if (blocks.empty()) reader.fail("/params holds no data set");
  return blocks;
}

void read_gradients(const Reader& reader, ReplayInput& input) {
  std::vector<std::string> names;
  for (const ReplayBlock& block : input.blocks) names.push_back(block.name);
  for (const std::string& name : reader.data_sets("/gradients"))
    if (std::find(names.begin(), names.end(), name) == names.end())
      reader.fail(cat("/gradients/", name, " belongs to no block of /params", did_you_mean(name, names)));

  for (const ReplayBlock& block : input.blocks) {
    const std::string path = "/gradients/" + block.name;
    if (!reader.has(path)) reader.fail(cat("there is no ", path, " for /params/", block.name));
    Array<float> array = reader.floats(path);
    if (input.gradients.empty()) input.steps = array.shape.empty() ? 0 : array.shape[0];
    std::vector<std::int64_t> expected = {input.steps};
    expected.insert(expected.end(), block.shape.begin(), block.shape.end());
    if (array.shape != expected)
      reader.fail(cat(path, " has the shape ", shape_text(array.shape),
                      "; it must be [steps, ...block shape] = ", shape_text(expected)));
    input.gradients.push_back(std::move(array.values));
  }
  if (input.steps == 0) reader.fail("/gradients holds no step");

  if (!reader.has("/losses")) return;
  Array<double> losses = reader.doubles("/losses");
  if (losses.shape != std::vector<std::int64_t>{input.steps})
    reader.fail(cat("/losses has the shape ", shape_text(losses.shape), "; it must be [steps] = [", input.steps, "]"));
  input.losses = std::move(losses.values);
}

std::vector<double> read_shaped(const Reader& reader, const std::string& path, const std::vector<std::int64_t>& shape) {
  if (!reader.has(path)) reader.fail(cat("there is no ", path));
  Array<double> array = reader.doubles(path);
  if (array.shape != shape)
    reader.fail(
        cat(path, " has the shape ", shape_text(array.shape), "; for these parameters it must be ", shape_text(shape)));
  return std::move(array.values);
}

void read_problem(const Reader& reader, ReplayInput& input) {
  const auto type = reader.text_attribute("/problem", "type");
  if (!type || *type != "quadratic") reader.fail("/problem must have the attribute 'type' = \"quadratic\"");
  const std::int64_t d = input.size();
  QuadraticProblem problem;
  problem.hessian = read_shaped(reader, "/problem/H", {d, d});
  problem.linear = read_shaped(reader, "/problem/b", {d});
  if (reader.has("/problem/noise")) {
    Array<double> noise = reader.doubles("/problem/noise");
    if (noise.shape.size() != 2 || noise.shape[0] == 0 || noise.shape[1] != d)
      reader.fail(cat("/problem/noise has the shape ", shape_text(noise.shape), "; it must be [steps, ", d, "]"));
    input.steps = noise.shape[0];
    problem.noise = std::move(noise.values);
  }
  input.problem = std::move(problem);
}

/// total_steps is what schedules take for the run's length. A problem without noise is as long as that.
void settle_steps(const Reader& reader, ReplayInput& input) {
  const auto total = reader.integer_attribute("total_steps");
  if (total && *total < 1) reader.fail("root attribute 'total_steps' must be at least 1");
  if (input.steps == 0 && !total)
    reader.fail("a problem without /problem/noise needs the root attribute 'total_steps'");
  if (input.steps == 0) input.steps = *total;
  input.total_steps = total.value_or(input.steps);
}

// ---- writing ----

/// Every failure here is lack of memory or a fault of ours: nothing touches the disk yet.
void require(bool good) {
  if (!good) throw std::runtime_error("HDF5 cannot build the replay file in memory");
}

Group make_group(hid_t parent, const std::string& path) {
  const PropertyList creation(H5Pcreate(H5P_GROUP_CREATE));
  H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  const PropertyList links(H5Pcreate(H5P_LINK_CREATE));
  H5Pset_create_intermediate_group(links, 1);
  Group group(H5Gcreate2(parent, path.c_str(), links, creation, H5P_DEFAULT));
  require(group.good());
  return group;
}

void write_array(hid_t parent, const std::string& path, const std::vector<std::int64_t>& shape, hid_t file_type,
                 hid_t memory_type, const void* values) {
  const std::vector<hsize_t> extents(shape.begin(), shape.end());
  const Space space(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr));
  const PropertyList creation(H5Pcreate(H5P_DATASET_CREATE));
  H5Pset_obj_track_times(creation, false);  // equal content, equal bytes
  const PropertyList links(H5Pcreate(H5P_LINK_CREATE));
  H5Pset_create_intermediate_group(links, 1);
  const DataSet data(H5Dcreate2(parent, path.c_str(), file_type, space, links, creation, H5P_DEFAULT));
  require(data.good() && H5Dwrite(data, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
}

void write_points(hid_t file, const std::string& name, const ReplayInput& input,
                  const std::vector<std::vector<float>>& points) {
  const Group group = make_group(file, name);
  for (std::size_t b = 0; b < points.size(); ++b) {
    std::vector<std::int64_t> shape = {input.steps + 1};
    shape.insert(shape.end(), input.blocks[b].shape.begin(), input.blocks[b].shape.end());
    write_array(group, input.blocks[b].name, shape, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, points[b].data());
  }
}

void write_integer(hid_t object, const char* key, std::int64_t value) {
  const Space space(H5Screate(H5S_SCALAR));
  const Attribute attribute(H5Acreate2(object, key, H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT));
  require(attribute.good() && H5Awrite(attribute, H5T_NATIVE_INT64, &value) >= 0);
}

std::string to_image(const ReplayInput& input, const ReplayOutput& output) {
  const PropertyList access(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_fapl_core(access, 1 << 16, 0);
  const File file(H5Fcreate("replay", H5F_ACC_TRUNC, H5P_DEFAULT, access));
  require(file.good());
  write_integer(file, "state_bytes", output.state_bytes);
  write_points(file, "params", input, output.params);
  write_points(file, "evaluation_params", input, output.evaluation_params);
  const Group observed = make_group(file, "observed");
  for (const auto& [name, values] : output.observed)
    write_array(observed, name, {input.steps}, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, values.data());

  require(H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0);
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  require(size > 0);
  std::string image(static_cast<std::size_t>(size), '\0');
  require(H5Fget_file_image(file, image.data(), image.size()) == size);
  return image;
}

}  // namespace

std::int64_t ReplayInput::size() const {
  std::int64_t n = 0;
  for (const ReplayBlock& block : blocks) n += count(block.shape);
  return n;
}

ReplayInput read_replay_input(const std::string& path) {
  const Reader reader(path);
  ReplayInput input;
  input.blocks = read_blocks(reader);
  const bool recorded = reader.has("/gradients"), problem = reader.has("/problem");
  if (recorded == problem)
    reader.fail(recorded ? "it has both /gradients and /problem; one of them must go"
                         : "it has neither /gradients nor /problem");
  if (recorded)
    read_gradients(reader, input);
  else
    read_problem(reader, input);
  settle_steps(reader, input);
  return input;
}

void write_replay_output(const std::string& path, const ReplayInput& input, const ReplayOutput& output) {
  const Silence silence;
  replace_file(path, to_image(input, output));
}

}  // namespace velo
