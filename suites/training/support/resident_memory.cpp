#include "suites/training/support/resident_memory.h"

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace assay::training {

namespace {

double status_bytes(std::string_view key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return std::strtod(line.c_str() + key.size(), nullptr) * 1024;
  }
  return 0;
}

}  // namespace

double resident_bytes() {
  return status_bytes("VmRSS:");
}

double peak_resident_bytes() {
  return status_bytes("VmHWM:");
}

void forget_peak_resident() {
  std::ofstream("/proc/self/clear_refs") << 5;  // proc(5): resets the peak
}

}  // namespace assay::training
