#include "suites/device/gpu/telemetry.h"

#include <utility>

#include "suites/device/gpu/telemetry_sources.h"

namespace assay::gpu {

namespace {

template <typename Value>
void fill(std::optional<Value>& value, std::optional<Value> other) {
  if (!value) value = std::move(other);
}

class OneAfterTheOther final : public Telemetry {
 public:
  OneAfterTheOther(std::unique_ptr<Telemetry> first, std::unique_ptr<Telemetry> second)
      : first_(std::move(first)), second_(std::move(second)) {}

  device::Reading read() override {
    device::Reading reading = first_->read();
    device::Reading other = second_->read();
    fill(reading.clock_hz, other.clock_hz);
    fill(reading.power_w, other.power_w);
    fill(reading.temperature_c, other.temperature_c);
    fill(reading.energy_j, other.energy_j);
    fill(reading.corrected_errors, other.corrected_errors);
    fill(reading.uncorrected_errors, other.uncorrected_errors);
    fill(reading.throttled_by, std::move(other.throttled_by));
    fill(reading.memory_clock_hz, other.memory_clock_hz);
    fill(reading.memory_temperature_c, other.memory_temperature_c);
    fill(reading.retired_memory, other.retired_memory);
    fill(reading.link_replays, other.link_replays);
    if (!reading.driver_errors) reading.last_driver_error = std::move(other.last_driver_error);
    fill(reading.driver_errors, other.driver_errors);
    return reading;
  }
  std::string uuid() override { return known(first_->uuid(), second_->uuid()); }
  std::string driver() override { return known(first_->driver(), second_->driver()); }
  std::optional<int> processes() override {
    std::optional<int> processes = first_->processes();
    fill(processes, second_->processes());
    return processes;
  }

 private:
  static std::string known(const std::string& first, const std::string& second) {
    return first.empty() ? second : first;
  }

  std::unique_ptr<Telemetry> first_, second_;
};

}  // namespace

std::unique_ptr<Telemetry> one_after_the_other(std::unique_ptr<Telemetry> first,
                                               std::unique_ptr<Telemetry> second) {
  return std::make_unique<OneAfterTheOther>(std::move(first), std::move(second));
}

OpenedTelemetry open_telemetry(const std::string& pci_address, const TelemetrySources& sources) {
  OpenedTelemetry opened;
  std::string missing, amd_missing;
  opened.telemetry = open_nvml(pci_address, sources.libraries, missing);
  opened.source = "NVML";
  if (opened.telemetry) return opened;
  opened.telemetry = open_rocm_smi(pci_address, sources.amd_libraries, amd_missing);
  auto files = open_amd_files(pci_address, sources.root);
  opened.source = opened.telemetry ? "ROCm SMI" : "";
  if (opened.telemetry && files) {
    opened.telemetry = one_after_the_other(std::move(opened.telemetry), std::move(files));
    opened.source += ", sysfs";
  } else if (files) {
    opened.telemetry = std::move(files);
    opened.source = "sysfs";
  }
  if (opened.telemetry) return opened;
  opened.missing = "Clock, power and temperature of the GPU cannot be read: " + missing + ", " + amd_missing +
                   ", and " + (sources.root / "sys/bus/pci/devices" / pci_address).string() +
                   " has no sensors.";
  return opened;
}

}  // namespace assay::gpu
