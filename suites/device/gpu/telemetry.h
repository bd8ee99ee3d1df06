// What a GPU does at a moment: clock, power, temperature, energy, throttling, memory errors. Through NVIDIA's
// management library, opened when the program runs, or for AMD through the kernel's files; neither is linked,
// and where both are missing everything is absent.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "suites/device/device.h"

namespace assay::gpu {

class Telemetry {
 public:
  virtual ~Telemetry() = default;
  /// Any thread may ask.
  virtual device::Reading read() = 0;
  /// As the vendor's tools print it; empty: not known.
  virtual std::string uuid() = 0;
  /// Of the driver package ("580.95.05"); empty: not known.
  virtual std::string driver() = 0;
  /// Processes that compute on this GPU now, this one included if it does; absent: not known.
  virtual std::optional<int> processes() = 0;
};

/// Where telemetry is looked for; tests give places of their own.
struct TelemetrySources {
  std::vector<std::string> libraries = {"libnvidia-ml.so.1"};
  std::filesystem::path root = "/";
};

/// Of the GPU at this PCI address ("0000:1b:00.0"). Null with the reason where nothing tells.
struct OpenedTelemetry {
  std::unique_ptr<Telemetry> telemetry;
  std::string source;   ///< "NVML", "sysfs"
  std::string missing;  ///< a sentence; empty when there is a source
};
OpenedTelemetry open_telemetry(const std::string& pci_address, const TelemetrySources& sources = {});

/// The words for NVML's bits of what holds the clocks back. Idleness and clocks that an administrator or a
/// program set are no throttling.
std::vector<std::string> throttle_words(unsigned long long reasons);

}  // namespace assay::gpu
