// What a GPU does at a moment: clocks, power, temperatures, energy, throttling, memory errors, errors that
// the driver reports. Through the vendor's management library, opened when the program runs (NVIDIA's NVML,
// AMD's ROCm SMI), or for AMD through the kernel's files, which also fill in what its library does not tell.
// Nothing is linked, and where all are missing everything is absent.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
  std::vector<std::string> amd_libraries = {"librocm_smi64.so.1", "librocm_smi64.so.7", "librocm_smi64.so.6",
                                            "librocm_smi64.so.5", "librocm_smi64.so"};
};

/// Of the GPU at this PCI address ("0000:1b:00.0"). Null with the reason where nothing tells.
struct OpenedTelemetry {
  std::unique_ptr<Telemetry> telemetry;
  std::string source;   ///< "NVML", "ROCm SMI, sysfs", "ROCm SMI", "sysfs"
  std::string missing;  ///< a sentence; empty when there is a source
};
OpenedTelemetry open_telemetry(const std::string& pci_address, const TelemetrySources& sources = {});

/// The words for NVML's bits of what holds the clocks back. Idleness and clocks that an administrator or a
/// program set are no throttling.
std::vector<std::string> throttle_words(unsigned long long reasons);

/// "XID 79: the GPU has fallen off the bus". The meaning is NVIDIA's; unknown numbers stay numbers.
std::string xid_words(unsigned long long number);

/// The amdgpu driver's file `gpu_metrics`, a table with its own size and revision in front. What the revision
/// does not have, or marks as unknown, is absent; so is everything when the size does not fit the revision
/// or the revision is not known. Throttling is a state in some revisions and a count of cycles in others.
struct AmdMetrics {
  bool known = false;
  std::optional<double> energy_j, temperature_c, memory_temperature_c, power_w;
  std::optional<std::vector<std::string>> throttled_by;
  struct Residency {
    const char* reason;
    std::uint32_t cycles;
  };
  std::vector<Residency> residencies;  ///< a reason whose count rises holds the clock back
};
AmdMetrics parse_amd_metrics(std::string_view bytes);

}  // namespace assay::gpu
