// harness/component_text.hpp
//
// Components as text for records: the short form that names them and the JSON of what they were told.
#pragma once

#include <string>

#include "harness/hyperparameters.hpp"

namespace velo {

class Registry;

/// "adamw", "lookahead(clip_by_value(sgd))".
[[nodiscard]] std::string short_form(const Component& component);

/// One JSON object of parameters, sorted by name; an inner algorithm's stand under "inner.lr". A schedule that is not
/// constant is an object in the form of the configuration.
[[nodiscard]] std::string parameters_json(const Component& component);
/// Only those that differ from the defaults.
[[nodiscard]] std::string algorithm_changes_json(const Component& component, const Registry& registry);
[[nodiscard]] std::string workload_changes_json(const Component& component, const Registry& registry);

}  // namespace velo
