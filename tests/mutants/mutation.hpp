// tests/mutants/mutation.hpp
//
// The switches that mutate.py writes into copies of the algorithms' sources. Each copy defines VELO_MUTANT_FILE; the
// environment variable VELO_MUTANT ("adamw.cpp:17") turns one switch on. Every switch that is off leaves value and
// type of its expression as they are.
#pragma once

#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>

namespace velo::mutation {

namespace {

int number_for_this_file() {
  const char* text = std::getenv("VELO_MUTANT");
  const std::string file = VELO_MUTANT_FILE ":";
  if (text == nullptr || std::string_view(text).substr(0, file.size()) != file) return -1;
  return std::atoi(text + file.size());
}

const int on = number_for_this_file();

bool active(int number) { return number == on; }

/// a + b becomes a - b.
struct Sign {
  explicit Sign(int number) : flip(active(number)) {}
  bool flip;
  template <typename T>
  friend T operator*(Sign s, T x) {
    return s.flip ? -x : x;
  }
};

/// a * b becomes a * b / 2, and a / b becomes a / b / 2.
struct Halve {
  explicit Halve(int number) : half(active(number)) {}
  bool half;
  template <typename T>
  friend T operator*(T x, Halve h) {
    return h.half ? x / 2 : x;
  }
  template <typename T>
  friend T operator/(T x, Halve h) {
    return h.half ? x / 2 : x;
  }
};

/// A root that is forgotten.
template <typename T>
T root(int number, T x) {
  return active(number) ? x : std::sqrt(x);
}

/// One becomes two.
template <typename T>
T one(int number, T x) {
  return active(number) ? x + x : x;
}

}  // namespace

}  // namespace velo::mutation
