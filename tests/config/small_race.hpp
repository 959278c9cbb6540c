// tests/config/small_race.hpp
//
// A small catalogue and a scratch folder of YAML files, so that the tests of configuration depend on no real module.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "harness/catalogue.hpp"
#include "harness/sweep/sweep.hpp"
#include "results/error.hpp"

namespace velo::small_race {

inline Catalogue catalogue() {
  Catalogue out;
  CatalogueAlgorithm adam;
  adam.name = "adam";
  adam.version = 2;
  adam.parameters = {real("lr", 1e-3, Range::positive(), "step size"),
                     real("beta1", 0.9, Range::decay(), "first decay"),
                     real("weight_decay", 0.0, Range::non_negative(), "decay"),
                     boolean("amsgrad", false, "keep the largest second moment")};
  CatalogueAlgorithm clip;
  clip.name = "clip";
  clip.parameters = {real("max_norm", 1.0, Range::positive(), "bound"), inner_algorithm("inner", "what is clipped")};
  CatalogueAlgorithm lookahead;
  lookahead.name = "lookahead";
  lookahead.parameters = {inner_algorithm("inner", "fast weights"),
                          integer("k", 5, Range::at_least(1), "inner steps", "steps"),
                          real("alpha", 0.5, {0.0, 1.0, false, true}, "pull")};
  CatalogueAlgorithm newton;
  newton.name = "newton";
  newton.needs = {"hessian_vector_products"};
  newton.parameters = {real("damping", 1.0, Range::positive(), "damping")};
  CatalogueAlgorithm nothing;
  nothing.name = "null";
  CatalogueAlgorithm sgd;
  sgd.name = "sgd";
  sgd.parameters = {real("lr", 0.1, Range::positive(), "step size"), real("momentum", 0.0, Range::decay(), "momentum"),
                    boolean("nesterov", false, "look ahead"),
                    choice("decay_form", "coupled", {"coupled", "decoupled"}, "where decay enters")};
  out.algorithms = {adam, clip, lookahead, newton, nothing, sgd};

  CatalogueWorkload bowl;
  bowl.name = "bowl";
  bowl.metrics = {{"loss", "", false}};
  bowl.offers = {"hessian_vector_products"};
  bowl.parameters = {integer("dimension", 10, Range::at_least(1), "size"),
                     real("noise", 0.0, Range::non_negative(), "gradient noise")};
  CatalogueWorkload digits;
  digits.name = "digits";
  digits.version = 3;
  digits.data_set = "digits";
  digits.metrics = {{"accuracy", "fraction", true}, {"loss", "nats", false}};
  digits.parameters = {integer("batch_size", 128, Range::at_least(1), "examples a batch"),
                       choice("activation", "relu", {"relu", "gelu", "tanh"}, "nonlinearity")};
  digits.data_version = [](const Parameters&, const std::string& directory, bool synthetic) -> std::string {
    if (synthetic) return "generator-1";
    if (directory != "somewhere")
      throw Error("data set 'digits' is not in " + directory + "; `velo data install digits` installs it");
    return "0123abcd";
  };
  out.workloads = {bowl, digits};
  return out;
}

/// A scratch folder, removed at the end: sweep.yaml and, where given, configs/... beside it.
class Folder {
 public:
  Folder()
      : path_(std::filesystem::temp_directory_path() /
              ("velo_config_" + std::to_string(::getpid()) + "_" + std::to_string(next()++))) {
    write("configs/workloads/bowl.yaml",
          "workload: bowl\nstep_hint: 100\nevaluate_every: 10\nbudget: {steps: 100}\n"
          "target: {metric: loss, validation: 1.0e-3}\n");
    write("configs/workloads/digits.yaml",
          "workload: digits\nstep_hint: 1000\nevaluate_every: {steps: 50}\nbudget: {steps: 2000, seconds: 60}\n"
          "target: {metric: accuracy, validation: 0.9, test: 0.89, provenance: {seeds: 20, date: 2026-02-03}}\n");
    // The folder must answer for every name of the catalogue: what it lacks is looked for in the source tree.
    for (const char* name : {"clip", "lookahead", "newton", "null", "sgd"})
      write(std::string("configs/algorithms/") + name + ".yaml", std::string("algorithm: ") + name + "\n");
    write("configs/algorithms/adam.yaml",
          "algorithm: adam\nsearch_space:\n  lr: {min: 1.0e-4, max: 1.0e-2, scale: log}\n");
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
  }
  [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  static int& next() {
    static int number = 0;
    return number;
  }
  std::filesystem::path path_;
};

/// Loads a sweep from its text.
inline Sweep load(const Folder& folder, const std::string& text, const std::vector<std::string>& overrides = {}) {
  folder.write("sweep.yaml", text);
  return load_sweep({.path = folder / "sweep.yaml", .overrides = overrides, .backend = "Serial", .data_directory = ""},
                    catalogue());
}

inline const std::string two_by_two =
    "sweep: small\nstudies: 1\ntrials: 1\nseeds: 7\nworkloads: [bowl, digits]\nalgorithms: [adam, sgd]\n";

}  // namespace velo::small_race
