// analysis/report/assets.hpp
//
// The style sheets and scripts of this folder and the plotting library from npm, put into the program at build time.
#pragma once

#include <string_view>

namespace velo::analysis {

extern const std::string_view report_style;
extern const std::string_view view_style, view_script;
/// Observable Plot and D3, and their licences; empty where npm was absent when the program was built.
extern const std::string_view plot_library, plot_licences;

}  // namespace velo::analysis
