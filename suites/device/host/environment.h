// Environment variables that libraries obey when they are loaded.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace assay::device {

/// The variables of this process whose names begin with one of the prefixes.
std::map<std::string, std::string> environment_with(const std::vector<std::string_view>& prefixes);

/// Takes the variables with these prefixes away, and puts everything back as it was when it ends. Not to be
/// used while other threads read the environment.
class WithoutEnvironment {
 public:
  explicit WithoutEnvironment(const std::vector<std::string_view>& prefixes);
  ~WithoutEnvironment();
  WithoutEnvironment(const WithoutEnvironment&) = delete;
  WithoutEnvironment& operator=(const WithoutEnvironment&) = delete;

  /// Sets a variable that begins with one of the prefixes, for as long as this lives.
  void set(const std::string& name, const std::string& value);
  const std::map<std::string, std::string>& cleared() const { return cleared_; }

 private:
  std::map<std::string, std::string> cleared_;
  std::vector<std::string> set_;
};

/// "A=1 B=2".
std::string to_string(const std::map<std::string, std::string>& variables);

}  // namespace assay::device
