#include "suites/device/gpu/telemetry.h"

#include <dlfcn.h>

#include <fstream>
#include <utility>

namespace assay::gpu {

namespace {

namespace fs = std::filesystem;

// The few functions of NVML (its reference manual, API version 12) that are used; every function returns 0
// when it succeeded. The header is not in every toolkit, the library comes with the driver.
using NvmlDevice = void*;
constexpr unsigned sm_clock = 1, gpu_temperature = 0;  // nvmlClockType_t, nvmlTemperatureSensors_t
constexpr unsigned corrected = 0, uncorrected = 1, since_driver_loaded = 0;

struct Nvml {
  int (*init)() = nullptr;
  int (*by_address)(const char*, NvmlDevice*) = nullptr;
  int (*uuid)(NvmlDevice, char*, unsigned) = nullptr;
  int (*driver)(char*, unsigned) = nullptr;
  int (*clock_mhz)(NvmlDevice, unsigned, unsigned*) = nullptr;
  int (*power_mw)(NvmlDevice, unsigned*) = nullptr;
  int (*temperature_c)(NvmlDevice, unsigned, unsigned*) = nullptr;
  int (*energy_mj)(NvmlDevice, unsigned long long*) = nullptr;
  int (*reasons)(NvmlDevice, unsigned long long*) = nullptr;
  int (*errors)(NvmlDevice, unsigned, unsigned, unsigned long long*) = nullptr;
  int (*processes)(NvmlDevice, unsigned*, void*) = nullptr;
};

template <typename Function>
void find(void* library, Function& function, const char* name) {
  if (function == nullptr) function = reinterpret_cast<Function>(dlsym(library, name));
}

Nvml functions_of(void* library) {
  Nvml nvml;
  find(library, nvml.init, "nvmlInit_v2");
  find(library, nvml.by_address, "nvmlDeviceGetHandleByPciBusId_v2");
  find(library, nvml.uuid, "nvmlDeviceGetUUID");
  find(library, nvml.driver, "nvmlSystemGetDriverVersion");
  find(library, nvml.clock_mhz, "nvmlDeviceGetClockInfo");
  find(library, nvml.power_mw, "nvmlDeviceGetPowerUsage");
  find(library, nvml.temperature_c, "nvmlDeviceGetTemperature");
  find(library, nvml.energy_mj, "nvmlDeviceGetTotalEnergyConsumption");
  find(library, nvml.reasons, "nvmlDeviceGetCurrentClocksEventReasons");
  find(library, nvml.reasons, "nvmlDeviceGetCurrentClocksThrottleReasons");  // its name before 2023
  find(library, nvml.errors, "nvmlDeviceGetTotalEccErrors");
  find(library, nvml.processes, "nvmlDeviceGetComputeRunningProcesses_v3");
  return nvml;
}

class NvmlTelemetry final : public Telemetry {
 public:
  NvmlTelemetry(const Nvml& nvml, NvmlDevice device) : nvml_(nvml), device_(device) {}

  device::Reading read() override {
    device::Reading reading;
    unsigned value = 0;
    unsigned long long long_value = 0;
    if (nvml_.clock_mhz != nullptr && nvml_.clock_mhz(device_, sm_clock, &value) == 0)
      reading.clock_hz = 1e6 * value;
    if (nvml_.power_mw != nullptr && nvml_.power_mw(device_, &value) == 0) reading.power_w = 1e-3 * value;
    if (nvml_.temperature_c != nullptr && nvml_.temperature_c(device_, gpu_temperature, &value) == 0)
      reading.temperature_c = value;
    if (nvml_.energy_mj != nullptr && nvml_.energy_mj(device_, &long_value) == 0)
      reading.energy_j = 1e-3 * static_cast<double>(long_value);
    if (nvml_.reasons != nullptr && nvml_.reasons(device_, &long_value) == 0)
      reading.throttled_by = throttle_words(long_value);
    reading.corrected_errors = errors(corrected);
    reading.uncorrected_errors = errors(uncorrected);
    return reading;
  }

  std::string uuid() override {
    char text[96] = {};
    return nvml_.uuid != nullptr && nvml_.uuid(device_, text, sizeof text) == 0 ? text : "";
  }

  std::string driver() override {
    char text[96] = {};
    return nvml_.driver != nullptr && nvml_.driver(text, sizeof text) == 0 ? text : "";
  }

  std::optional<int> processes() override {
    constexpr int insufficient_size =
        7;  // NVML_ERROR_INSUFFICIENT_SIZE: with no room given, "there are some"
    unsigned count = 0;
    if (nvml_.processes == nullptr) return std::nullopt;
    const int status = nvml_.processes(device_, &count, nullptr);
    if (status != 0 && status != insufficient_size) return std::nullopt;
    return static_cast<int>(count);
  }

 private:
  std::optional<std::uint64_t> errors(unsigned kind) {
    unsigned long long count = 0;
    if (nvml_.errors == nullptr || nvml_.errors(device_, kind, since_driver_loaded, &count) != 0)
      return std::nullopt;
    return count;
  }

  Nvml nvml_;
  NvmlDevice device_;
};

/// Null when the library is not there or does not know the GPU. The library stays open.
std::unique_ptr<Telemetry> open_nvml(const std::string& pci_address, const std::vector<std::string>& names,
                                     std::string& missing) {
  for (const std::string& name : names) {
    void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      missing = name + " cannot be opened (it comes with NVIDIA's driver)";
      continue;
    }
    const Nvml nvml = functions_of(library);
    NvmlDevice device = nullptr;
    if (nvml.init == nullptr || nvml.by_address == nullptr || nvml.init() != 0) {
      missing = name + " does not work with the driver that is loaded";
    } else if (nvml.by_address(pci_address.c_str(), &device) != 0) {
      missing = name + " knows no GPU at " + pci_address;
    } else {
      return std::make_unique<NvmlTelemetry>(nvml, device);
    }
  }
  return nullptr;
}

/// The amdgpu driver's files: hwmon's units are its documentation's (microwatts, thousandths of a degree,
/// Hz).
class SysfsTelemetry final : public Telemetry {
 public:
  SysfsTelemetry(fs::path device, fs::path hwmon, fs::path root)
      : device_(std::move(device)), hwmon_(std::move(hwmon)), root_(std::move(root)) {}

  device::Reading read() override {
    device::Reading reading;
    reading.clock_hz = number(hwmon_ / "freq1_input", 1);
    reading.power_w = number(hwmon_ / "power1_average", 1e-6);
    if (!reading.power_w) reading.power_w = number(hwmon_ / "power1_input", 1e-6);
    reading.temperature_c = number(hwmon_ / "temp2_input", 1e-3);  // the hottest spot
    if (!reading.temperature_c) reading.temperature_c = number(hwmon_ / "temp1_input", 1e-3);
    return reading;
  }

  std::string uuid() override { return text(device_ / "unique_id"); }
  std::string driver() override { return text(root_ / "sys/module/amdgpu/version"); }
  std::optional<int> processes() override { return std::nullopt; }

 private:
  static std::optional<double> number(const fs::path& file, double unit) {
    std::ifstream stream(file);
    double value = 0;
    if (!(stream >> value)) return std::nullopt;
    return value * unit;
  }
  static std::string text(const fs::path& file) {
    std::ifstream stream(file);
    std::string word;
    stream >> word;
    return word;
  }

  fs::path device_, hwmon_, root_;
};

std::unique_ptr<Telemetry> open_sysfs(const std::string& pci_address, const fs::path& root) {
  const fs::path device = root / "sys/bus/pci/devices" / pci_address;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(device / "hwmon", ignored))
    if (fs::exists(entry.path() / "temp1_input", ignored))
      return std::make_unique<SysfsTelemetry>(device, entry.path(), root);
  return nullptr;
}

}  // namespace

std::vector<std::string> throttle_words(unsigned long long reasons) {
  constexpr std::pair<unsigned long long, const char*> known[] = {{0x04, "power cap"},
                                                                  {0x08, "hardware slowdown"},
                                                                  {0x20, "temperature"},
                                                                  {0x40, "temperature, by hardware"},
                                                                  {0x80, "power brake"}};
  std::vector<std::string> words;
  for (const auto& [bit, word] : known)
    if ((reasons & bit) != 0) words.emplace_back(word);
  return words;
}

OpenedTelemetry open_telemetry(const std::string& pci_address, const TelemetrySources& sources) {
  OpenedTelemetry opened;
  std::string missing;
  opened.telemetry = open_nvml(pci_address, sources.libraries, missing);
  opened.source = "NVML";
  if (opened.telemetry) return opened;
  opened.telemetry = open_sysfs(pci_address, sources.root);
  opened.source = "sysfs";
  if (opened.telemetry) return opened;
  opened.source.clear();
  opened.missing = "Clock, power and temperature of the GPU cannot be read: " + missing + ", and " +
                   (sources.root / "sys/bus/pci/devices" / pci_address).string() + " has no sensors.";
  return opened;
}

}  // namespace assay::gpu
