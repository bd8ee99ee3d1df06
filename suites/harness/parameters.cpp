#include "suites/harness/parameters.h"

#include <utility>

namespace assay::bench {

namespace {

ParameterSpec parameter(std::string name, ParameterType type, std::string unit, ParameterValue default_value,
                        std::optional<double> minimum, std::optional<double> maximum, std::string meaning) {
  return {std::move(name), type,    std::move(unit),   std::move(default_value), {},
          minimum,         maximum, std::move(meaning)};
}

}  // namespace

ParameterSpec choice_parameter(std::string name, std::vector<std::string> choices, std::string meaning) {
  ParameterSpec spec =
      parameter(std::move(name), ParameterType::choice, "", choices.front(), {}, {}, std::move(meaning));
  spec.choices = std::move(choices);
  return spec;
}

ParameterSpec integer_parameter(std::string name, std::int64_t default_value, std::optional<double> minimum,
                                std::optional<double> maximum, std::string meaning) {
  return parameter(std::move(name), ParameterType::integer, "", default_value, minimum, maximum,
                   std::move(meaning));
}

ParameterSpec bytes_parameter(std::string name, std::int64_t default_bytes, std::optional<double> minimum,
                              std::optional<double> maximum, std::string meaning) {
  return parameter(std::move(name), ParameterType::bytes, "B", default_bytes, minimum, maximum,
                   std::move(meaning));
}

ParameterSpec real_parameter(std::string name, std::string unit, double default_value,
                             std::optional<double> minimum, std::optional<double> maximum,
                             std::string meaning) {
  return parameter(std::move(name), ParameterType::real, std::move(unit), default_value, minimum, maximum,
                   std::move(meaning));
}

ParameterSpec flag_parameter(std::string name, bool default_value, std::string meaning) {
  return parameter(std::move(name), ParameterType::flag, "", default_value, {}, {}, std::move(meaning));
}

ParameterSpec text_parameter(std::string name, std::string default_value, std::string meaning) {
  return parameter(std::move(name), ParameterType::text, "", std::move(default_value), {}, {},
                   std::move(meaning));
}

}  // namespace assay::bench
