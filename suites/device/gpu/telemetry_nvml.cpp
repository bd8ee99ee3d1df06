#include <cstdint>
#include <cstring>
#include <mutex>
#include <utility>

#include "suites/device/gpu/telemetry_sources.h"

namespace assay::gpu {

namespace {

// The few functions of NVML (its reference manual, API version 12) that are used; every function returns 0
// when it succeeded. The header is not in every toolkit, the library comes with the driver.
using NvmlDevice = void*;
using NvmlEvents = void*;
constexpr unsigned sm_clock = 1, memory_clock = 2, gpu_temperature = 0;
constexpr unsigned corrected = 0, uncorrected = 1, since_driver_loaded = 0;
constexpr unsigned memory_temperature_field = 82, unsigned_int = 1;
constexpr unsigned long long xid_critical_error = 8;

/// nvmlFieldValue_t: the same since fields exist; 40 bytes.
struct NvmlField {
  unsigned field = 0, scope = 0;
  long long timestamp = 0, latency_us = 0;
  unsigned value_type = 0;
  int status = -1;
  union {
    double real;
    unsigned integer;
    unsigned long long wide;
  } value = {};
};
static_assert(sizeof(NvmlField) == 40);

/// nvmlEventData_t as nvmlEventSetWait_v2 fills it (without _v2 the last two are missing); 32 bytes.
struct NvmlEvent {
  NvmlDevice device = nullptr;
  unsigned long long type = 0, data = 0;
  unsigned gpu_instance = 0, compute_instance = 0;
};
static_assert(sizeof(NvmlEvent) == 32);

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
  int (*fields)(NvmlDevice, int, NvmlField*) = nullptr;
  int (*remapped)(NvmlDevice, unsigned*, unsigned*, unsigned*, unsigned*) = nullptr;
  int (*retired)(NvmlDevice, unsigned, unsigned*, unsigned long long*) = nullptr;
  int (*replays)(NvmlDevice, unsigned*) = nullptr;
  int (*create_events)(NvmlEvents*) = nullptr;
  int (*register_events)(NvmlDevice, unsigned long long, NvmlEvents) = nullptr;
  int (*wait_for_event)(NvmlEvents, NvmlEvent*, unsigned) = nullptr;
  int (*free_events)(NvmlEvents) = nullptr;
};

Nvml functions_of(void* library) {
  Nvml nvml;
  find_function(library, nvml.init, "nvmlInit_v2");
  find_function(library, nvml.by_address, "nvmlDeviceGetHandleByPciBusId_v2");
  find_function(library, nvml.uuid, "nvmlDeviceGetUUID");
  find_function(library, nvml.driver, "nvmlSystemGetDriverVersion");
  find_function(library, nvml.clock_mhz, "nvmlDeviceGetClockInfo");
  find_function(library, nvml.power_mw, "nvmlDeviceGetPowerUsage");
  find_function(library, nvml.temperature_c, "nvmlDeviceGetTemperature");
  find_function(library, nvml.energy_mj, "nvmlDeviceGetTotalEnergyConsumption");
  find_function(library, nvml.reasons, "nvmlDeviceGetCurrentClocksEventReasons");
  find_function(library, nvml.reasons, "nvmlDeviceGetCurrentClocksThrottleReasons");  // before 2023
  find_function(library, nvml.errors, "nvmlDeviceGetTotalEccErrors");
  find_function(library, nvml.processes, "nvmlDeviceGetComputeRunningProcesses_v3");
  find_function(library, nvml.fields, "nvmlDeviceGetFieldValues");
  find_function(library, nvml.remapped, "nvmlDeviceGetRemappedRows");
  find_function(library, nvml.retired, "nvmlDeviceGetRetiredPages");
  find_function(library, nvml.replays, "nvmlDeviceGetPcieReplayCounter");
  find_function(library, nvml.create_events, "nvmlEventSetCreate");
  find_function(library, nvml.register_events, "nvmlDeviceRegisterEvents");
  find_function(library, nvml.wait_for_event, "nvmlEventSetWait_v2");
  find_function(library, nvml.free_events, "nvmlEventSetFree");
  return nvml;
}

class NvmlTelemetry final : public Telemetry {
 public:
  NvmlTelemetry(const Nvml& nvml, NvmlDevice device) : nvml_(nvml), device_(device) {
    if (nvml_.create_events == nullptr || nvml_.register_events == nullptr || nvml_.free_events == nullptr ||
        nvml_.wait_for_event == nullptr || nvml_.create_events(&events_) != 0) {
      events_ = nullptr;
    } else if (nvml_.register_events(device_, xid_critical_error, events_) != 0) {
      nvml_.free_events(std::exchange(events_, nullptr));
    }
  }
  ~NvmlTelemetry() override {
    if (events_ != nullptr) nvml_.free_events(events_);
  }
  NvmlTelemetry(const NvmlTelemetry&) = delete;
  NvmlTelemetry& operator=(const NvmlTelemetry&) = delete;

  device::Reading read() override {
    device::Reading reading;
    unsigned value = 0;
    unsigned long long long_value = 0;
    reading.clock_hz = clock(sm_clock);
    reading.memory_clock_hz = clock(memory_clock);
    if (nvml_.power_mw != nullptr && nvml_.power_mw(device_, &value) == 0) reading.power_w = 1e-3 * value;
    if (nvml_.temperature_c != nullptr && nvml_.temperature_c(device_, gpu_temperature, &value) == 0)
      reading.temperature_c = value;
    if (nvml_.energy_mj != nullptr && nvml_.energy_mj(device_, &long_value) == 0)
      reading.energy_j = 1e-3 * static_cast<double>(long_value);
    if (nvml_.reasons != nullptr && nvml_.reasons(device_, &long_value) == 0)
      reading.throttled_by = throttle_words(long_value);
    reading.corrected_errors = errors(corrected);
    reading.uncorrected_errors = errors(uncorrected);
    reading.memory_temperature_c = memory_temperature();
    reading.retired_memory = retired_memory();
    if (nvml_.replays != nullptr && nvml_.replays(device_, &value) == 0) reading.link_replays = value;
    collect_driver_errors(reading);
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
    constexpr int insufficient_size = 7;  // with no room given: "there are some"
    unsigned count = 0;
    if (nvml_.processes == nullptr) return std::nullopt;
    const int status = nvml_.processes(device_, &count, nullptr);
    if (status != 0 && status != insufficient_size) return std::nullopt;
    return static_cast<int>(count);
  }

 private:
  std::optional<double> clock(unsigned which) {
    unsigned megahertz = 0;
    if (nvml_.clock_mhz == nullptr || nvml_.clock_mhz(device_, which, &megahertz) != 0) return std::nullopt;
    return 1e6 * megahertz;
  }

  std::optional<std::uint64_t> errors(unsigned kind) {
    unsigned long long count = 0;
    if (nvml_.errors == nullptr || nvml_.errors(device_, kind, since_driver_loaded, &count) != 0)
      return std::nullopt;
    return count;
  }

  std::optional<double> memory_temperature() {
    NvmlField field;
    field.field = memory_temperature_field;
    if (nvml_.fields == nullptr || nvml_.fields(device_, 1, &field) != 0 || field.status != 0 ||
        field.value_type != unsigned_int || field.value.integer == 0)
      return std::nullopt;
    return field.value.integer;
  }

  /// Rows are remapped from Ampere on, pages were retired before.
  std::optional<std::uint64_t> retired_memory() {
    unsigned corrected_rows = 0, uncorrected_rows = 0, pending = 0, failed = 0;
    if (nvml_.remapped != nullptr &&
        nvml_.remapped(device_, &corrected_rows, &uncorrected_rows, &pending, &failed) == 0)
      return std::uint64_t{corrected_rows} + uncorrected_rows;
    if (nvml_.retired == nullptr) return std::nullopt;
    constexpr int insufficient_size = 7;
    std::uint64_t pages = 0;
    for (const unsigned cause : {0u, 1u}) {  // several single-bit errors; a double-bit error
      unsigned count = 0;
      const int status = nvml_.retired(device_, cause, &count, nullptr);
      if (status != 0 && status != insufficient_size) return std::nullopt;
      pages += count;
    }
    return pages;
  }

  void collect_driver_errors(device::Reading& reading) {
    if (events_ == nullptr) return;
    const std::lock_guard lock(mutex_);
    constexpr int at_once = 64;  // a GPU that reports without end must not hold the reader
    NvmlEvent event;
    for (int i = 0; i < at_once && nvml_.wait_for_event(events_, &event, 0) == 0; ++i) {
      if ((event.type & xid_critical_error) == 0) continue;
      ++driver_errors_;
      last_driver_error_ = xid_words(event.data);
    }
    reading.driver_errors = driver_errors_;
    reading.last_driver_error = last_driver_error_;
  }

  Nvml nvml_;
  NvmlDevice device_;
  NvmlEvents events_ = nullptr;  ///< null: this library or GPU tells of none
  std::mutex mutex_;
  std::uint64_t driver_errors_ = 0;
  std::string last_driver_error_;
};

}  // namespace

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

std::string xid_words(unsigned long long number) {
  constexpr std::pair<unsigned long long, const char*> known[] = {
      {13, "an exception of the graphics engine, mostly a program's fault"},
      {31, "a page fault of the GPU, mostly a program's fault"},
      {43, "the GPU stopped processing, mostly a program's fault"},
      {45, "a program's work was taken off the GPU"},
      {48, "a memory error that cannot be corrected (double bit)"},
      {61, "the internal microcontroller stopped at a breakpoint"},
      {62, "the internal microcontroller halted"},
      {63, "a row of memory was remapped or a page retired"},
      {64, "a row of memory could not be remapped or a page not retired"},
      {74, "an error of NVLink"},
      {79, "the GPU has fallen off the bus"},
      {92, "too many corrected memory errors"},
      {94, "a memory error that was contained in a program"},
      {95, "a memory error that was not contained"},
      {119, "the GPU's system processor (GSP) did not answer"},
      {120, "an error of the GPU's system processor (GSP)"},
      {140, "a memory error that was not recovered"}};
  std::string words = "XID " + std::to_string(number);
  for (const auto& [code, meaning] : known)
    if (code == number) words += std::string(": ") + meaning;
  return words;
}

}  // namespace assay::gpu
