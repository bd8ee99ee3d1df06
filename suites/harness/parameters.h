// Parameters of a benchmark, described in one line each. `meaning` is what people read; limits are inclusive,
// absent: none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reports/record/catalogue.h"

namespace assay::bench {

/// The first choice is the default.
ParameterSpec choice_parameter(std::string name, std::vector<std::string> choices, std::string meaning);
ParameterSpec integer_parameter(std::string name, std::int64_t default_value, std::optional<double> minimum,
                                std::optional<double> maximum, std::string meaning);
ParameterSpec bytes_parameter(std::string name, std::int64_t default_bytes, std::optional<double> minimum,
                              std::optional<double> maximum, std::string meaning);
/// `unit`: "s", or empty for a plain number.
ParameterSpec real_parameter(std::string name, std::string unit, double default_value,
                             std::optional<double> minimum, std::optional<double> maximum,
                             std::string meaning);
ParameterSpec flag_parameter(std::string name, bool default_value, std::string meaning);
ParameterSpec text_parameter(std::string name, std::string default_value, std::string meaning);

}  // namespace assay::bench
