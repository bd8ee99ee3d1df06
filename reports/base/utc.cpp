#include "reports/base/utc.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace assay {
namespace {

std::string formatted(const char* format, std::time_t seconds) {
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), format, &parts);
  return text.data();
}

}  // namespace

std::string utc_now() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(milliseconds % 1000));
  return formatted("%Y-%m-%dT%H:%M:%S", static_cast<std::time_t>(milliseconds / 1000)) + fraction.data();
}

std::string utc_compact() {
  return formatted("%Y%m%dT%H%M%SZ", std::time(nullptr));
}

}  // namespace assay
