#include "suites/harness/benchmark.h"

#include <stdexcept>

namespace assay::bench {

namespace {

template <typename Value>
const Value& typed(const Parameters& parameters, const char* name) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) throw std::logic_error(std::string("no parameter '") + name + "'");
  const auto* value = std::get_if<Value>(&found->second);
  if (value == nullptr) throw std::logic_error(std::string("parameter '") + name + "' has another type");
  return *value;
}

}  // namespace

std::int64_t integer(const Parameters& parameters, const char* name) {
  return typed<std::int64_t>(parameters, name);
}

const std::string& text(const Parameters& parameters, const char* name) {
  return typed<std::string>(parameters, name);
}

bool flag(const Parameters& parameters, const char* name) {
  return typed<bool>(parameters, name);
}

double real(const Parameters& parameters, const char* name) {
  return typed<double>(parameters, name);
}

}  // namespace assay::bench
