#include "suites/device/host/environment.h"

#include <unistd.h>

#include <cstdlib>

namespace assay::device {

std::map<std::string, std::string> environment_with(const std::vector<std::string_view>& prefixes) {
  std::map<std::string, std::string> found;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    for (const std::string_view prefix : prefixes)
      if (text.substr(0, equals).substr(0, prefix.size()) == prefix)
        found.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return found;
}

WithoutEnvironment::WithoutEnvironment(const std::vector<std::string_view>& prefixes)
    : cleared_(environment_with(prefixes)) {
  for (const auto& [name, value] : cleared_) unsetenv(name.c_str());
}

WithoutEnvironment::~WithoutEnvironment() {
  for (const std::string& name : set_) unsetenv(name.c_str());
  for (const auto& [name, value] : cleared_) setenv(name.c_str(), value.c_str(), 1);
}

void WithoutEnvironment::set(const std::string& name, const std::string& value) {
  setenv(name.c_str(), value.c_str(), 1);
  set_.push_back(name);
}

std::string to_string(const std::map<std::string, std::string>& variables) {
  std::string text;
  for (const auto& [name, value] : variables) text += (text.empty() ? "" : " ") + name + "=" + value;
  return text;
}

}  // namespace assay::device
