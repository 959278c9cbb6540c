// Runs training steps on command, so that a driver can interleave them with another program's:
//
//   train_steps WORKLOAD ALGORITHM BATCH THREADS [key=value ...]
//
// Reads lines "N" from standard input; makes N steps for each and prints the seconds they took. Every step is a trial's:
// batch drawn and loaded, gradient, update. Data are the synthetic ones. `key=value` sets real parameters of the
// algorithm.
#include <iomanip>
#include <iostream>
#include <string>

#include "harness/device/runtime.hpp"
#include "harness/run/training_steps.hpp"
#include "results/error.hpp"

namespace velo {

namespace {

int run(int count, char** words) {
  if (count < 5) throw Error("usage: train_steps WORKLOAD ALGORITHM BATCH THREADS [key=value ...]");
  const Runtime runtime(std::stoi(words[4]));
  const Registry& registry = builtin_registry();
  const WorkloadInfo& info = registry.workload(words[1]);
  Parameters track = Parameters::defaults(info.parameters);
  track.set("batch_size", std::int64_t{std::stoll(words[3])});
  Component rider{words[2], Parameters::defaults(registry.algorithm(words[2]).parameters)};
  for (int i = 5; i < count; ++i) {
    const std::string word = words[i];
    const auto equals = word.find('=');
    rider.parameters.set(word.substr(0, equals), Schedule(std::stod(word.substr(equals + 1))));
  }

  TrainingSteps training(info.make(track, {.directory = "", .synthetic = true}), info.offered_by(track), rider,
                         registry);
  std::cout << std::setprecision(9) << "ready " << training.workload().layout().size() << std::endl;
  for (std::int64_t steps = 0; std::cin >> steps;) {
    double seconds = 0;
    for (std::int64_t i = 0; i < steps; ++i) seconds += training.step();
    std::cout << seconds << " " << training.loss() << std::endl;
  }
  return 0;
}

}  // namespace

}  // namespace velo

int main(int count, char** words) {
  try {
    return velo::run(count, words);
  } catch (const std::exception& error) {
    std::cerr << "train_steps: " << error.what() << "\n";
    return 2;
  }
}
