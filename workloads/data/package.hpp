// workloads/data/package.hpp
//
// Gets files out of Debian packages without root: an installed package is used where it lies, any other is downloaded
// by apt and unpacked by dpkg into a scratch folder.
#pragma once

#include <string>

#include "harness/data_set.hpp"

namespace velo::data {

/// Folder that holds the package's `folder` ("/usr/share/datasets/fashion-mnist"): itself when it exists, else a copy
/// below `scratch`. Throws Error with apt's own reason.
[[nodiscard]] std::string package_folder(const std::string& package, const std::string& folder,
                                         const std::string& scratch, const Say& say);

}  // namespace velo::data
