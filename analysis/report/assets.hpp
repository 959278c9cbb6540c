// analysis/report/assets.hpp
//
// style.css and script.js of this folder, put into the program at build time.
#pragma once

namespace velo::analysis {

extern const char* const report_style;
extern const char* const report_script;

}  // namespace velo::analysis
