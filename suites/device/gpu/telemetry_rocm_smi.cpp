#include <cstdint>
#include <cstdio>
#include <utility>

#include "suites/device/gpu/telemetry_sources.h"

namespace assay::gpu {

namespace {

// ROCm SMI (rocm_smi.h), every function returns 0 when it succeeded. Only functions that hand over single
// numbers are used, and one structure of two counts: the larger ones (frequencies, metrics), and nearly all
// of AMD SMI's, changed their layout from release to release. What they would tell comes from the kernel's
// files.
constexpr int junction = 1, memory = 2, current_temperature = 0;
constexpr int memory_controller = 1;  // RSMI_GPU_BLOCK_UMC

/// rsmi_error_count_t, with room behind it: what a library writes there shows that its structure is another.
struct ErrorCounts {
  std::uint64_t corrected = unwritten, uncorrected = unwritten;
  std::uint64_t behind[8] = {unwritten, unwritten, unwritten, unwritten,
                             unwritten, unwritten, unwritten, unwritten};
  static constexpr std::uint64_t unwritten = 0xa55aa55aa55aa55a;

  bool as_expected() const {
    for (const std::uint64_t one : behind)
      if (one != unwritten) return false;
    return corrected != unwritten && uncorrected != unwritten;
  }
};

struct RocmSmi {
  int (*init)(std::uint64_t) = nullptr;
  int (*count)(std::uint32_t*) = nullptr;
  int (*address)(std::uint32_t, std::uint64_t*) = nullptr;
  int (*power)(std::uint32_t, std::uint64_t*, int*) = nullptr;
  int (*average_power)(std::uint32_t, std::uint32_t, std::uint64_t*) = nullptr;
  int (*energy)(std::uint32_t, std::uint64_t*, float*, std::uint64_t*) = nullptr;
  int (*temperature)(std::uint32_t, std::uint32_t, int, std::int64_t*) = nullptr;
  int (*errors)(std::uint32_t, int, ErrorCounts*) = nullptr;
  int (*replays)(std::uint32_t, std::uint64_t*) = nullptr;
  int (*unique_id)(std::uint32_t, std::uint64_t*) = nullptr;
};

RocmSmi functions_of(void* library) {
  RocmSmi smi;
  find_function(library, smi.init, "rsmi_init");
  find_function(library, smi.count, "rsmi_num_monitor_devices");
  find_function(library, smi.address, "rsmi_dev_pci_id_get");
  find_function(library, smi.power, "rsmi_dev_power_get");
  find_function(library, smi.average_power, "rsmi_dev_power_ave_get");
  find_function(library, smi.energy, "rsmi_dev_energy_count_get");
  find_function(library, smi.temperature, "rsmi_dev_temp_metric_get");
  find_function(library, smi.errors, "rsmi_dev_ecc_count_get");
  find_function(library, smi.replays, "rsmi_dev_pci_replay_counter_get");
  find_function(library, smi.unique_id, "rsmi_dev_unique_id_get");
  return smi;
}

/// Bits 32 to 63 the domain, 8 to 15 the bus, 3 to 7 the device, 0 to 2 the function.
std::string address_text(std::uint64_t id) {
  char text[32];
  std::snprintf(text, sizeof text, "%04x:%02x:%02x.%x", static_cast<unsigned>(id >> 32),
                static_cast<unsigned>(id >> 8 & 0xff), static_cast<unsigned>(id >> 3 & 0x1f),
                static_cast<unsigned>(id & 7));
  return text;
}

class RocmSmiTelemetry final : public Telemetry {
 public:
  RocmSmiTelemetry(const RocmSmi& smi, std::uint32_t device) : smi_(smi), device_(device) {}

  device::Reading read() override {
    device::Reading reading;
    reading.power_w = power();
    reading.temperature_c = temperature(junction);
    reading.memory_temperature_c = temperature(memory);
    std::uint64_t count = 0, when_ns = 0;
    float unit_uj = 0;
    if (smi_.energy != nullptr && smi_.energy(device_, &count, &unit_uj, &when_ns) == 0 && count > 0 &&
        unit_uj > 0)
      reading.energy_j = unit_j(1e-6 * static_cast<double>(unit_uj)) * static_cast<double>(count);
    ErrorCounts errors;
    if (smi_.errors != nullptr && smi_.errors(device_, memory_controller, &errors) == 0 &&
        errors.as_expected()) {
      reading.corrected_errors = errors.corrected;
      reading.uncorrected_errors = errors.uncorrected;
    }
    if (smi_.replays != nullptr && smi_.replays(device_, &count) == 0) reading.link_replays = count;
    return reading;
  }

  std::string uuid() override {
    std::uint64_t id = 0;
    if (smi_.unique_id == nullptr || smi_.unique_id(device_, &id) != 0 || id == 0) return {};
    char text[20];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(id));
    return text;
  }
  std::string driver() override { return {}; }
  std::optional<int> processes() override { return std::nullopt; }

 private:
  /// Microwatts; of the moment where the GPU tells it, else a mean that its firmware makes.
  std::optional<double> power() {
    std::uint64_t microwatts = 0;
    int type = 0;
    const bool known = (smi_.power != nullptr && smi_.power(device_, &microwatts, &type) == 0) ||
                       (smi_.average_power != nullptr && smi_.average_power(device_, 0, &microwatts) == 0);
    if (!known || microwatts == 0) return std::nullopt;
    return 1e-6 * static_cast<double>(microwatts);
  }

  /// The library gives the driver's 2^-16 J (15.2588 uJ) rounded to 15.3 uJ.
  static double unit_j(double told_j) {
    constexpr double exact_j = 1.0 / 65536;
    return told_j > 0.99 * exact_j && told_j < 1.01 * exact_j ? exact_j : told_j;
  }

  std::optional<double> temperature(int sensor) {
    std::int64_t thousandths = 0;
    if (smi_.temperature == nullptr ||
        smi_.temperature(device_, static_cast<std::uint32_t>(sensor), current_temperature, &thousandths) != 0)
      return std::nullopt;
    return 1e-3 * static_cast<double>(thousandths);
  }

  RocmSmi smi_;
  std::uint32_t device_;
};

}  // namespace

std::unique_ptr<Telemetry> open_rocm_smi(const std::string& pci_address,
                                         const std::vector<std::string>& names, std::string& missing) {
  for (const std::string& name : names) {
    void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) continue;
    const RocmSmi smi = functions_of(library);
    std::uint32_t devices = 0;
    if (smi.init == nullptr || smi.count == nullptr || smi.address == nullptr || smi.init(0) != 0 ||
        smi.count(&devices) != 0) {
      missing = name + " does not work with the driver that is loaded";
      continue;
    }
    for (std::uint32_t device = 0; device < devices; ++device) {
      std::uint64_t id = 0;
      if (smi.address(device, &id) == 0 && address_text(id) == pci_address)
        return std::make_unique<RocmSmiTelemetry>(smi, device);
    }
    missing = name + " knows no GPU at " + pci_address;
  }
  if (missing.empty()) missing = "librocm_smi64 cannot be opened (it comes with ROCm)";
  return nullptr;
}

}  // namespace assay::gpu
