// harness/config/yaml.hpp
//
// YAML text to trees, through yaml-cpp's event parser. Stricter than YAML: one document, keys are scalars, a key given
// twice is an error, tags are refused, an alias must follow its complete anchor, and aliases may not blow a document up
// beyond a million values.
#pragma once

#include <string>

#include "harness/config/tree.hpp"

namespace velo {

/// `name` is what errors call the text. Throws Error "name:line:column: sentence". An empty document is a null tree.
[[nodiscard]] Tree parse_yaml(const std::string& text, const std::string& name);

/// Throws Error when the file cannot be read, else as parse_yaml.
[[nodiscard]] Tree read_yaml_file(const std::string& path);

/// The value of an argument "--set a.b=VALUE"; every position in the tree is the argument itself.
[[nodiscard]] Tree parse_override_value(const std::string& text, const std::string& argument);

}  // namespace velo
