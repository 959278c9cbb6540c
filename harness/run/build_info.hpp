// harness/run/build_info.hpp
//
// How this program was built. Values come from CMake (build_info.cpp.in).
#pragma once

namespace velo {

extern const char* const build_version;   ///< "0.1.0"
extern const char* const build_commit;    ///< abbreviated, "+" when the tree had changes; empty outside git
extern const char* const build_compiler;  ///< "GNU 12.2.0"
extern const char* const build_backend;   ///< "OpenMP", "Serial", "Cuda": what its trials run on
extern const char* const build_type;      ///< "Release"

}  // namespace velo
