// For tests: a device that computes nothing and tells known readings.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "suites/device/device.h"
#include "suites/device/operators.h"

namespace assay::bench {

/// A device that tells one reading after the other, each time it is asked.
class TalkingDevice final : public device::Device {
 public:
  std::string kind() const override { return "gpu"; }
  std::string id() const override { return "GPU-0"; }
  bool works_by_itself() const override { return true; }
  std::string name() const override { return "fake"; }
  std::optional<device::Reading> read_conditions() override {
    const int n = asked++;
    if (silent) return std::nullopt;
    device::Reading reading;
    reading.clock_hz = 1e9;
    reading.power_w = 500.0;
    reading.energy_j = 1000.0 + 5.0 * n;
    reading.corrected_errors = 3;
    reading.uncorrected_errors = n == 0 ? 0u : 2u;
    reading.throttled_by = n % 2 == 0 ? std::vector<std::string>{} : std::vector<std::string>{"power cap"};
    if (n > 100) reading.throttled_by->insert(reading.throttled_by->begin(), "brake");
    reading.memory_clock_hz = n == 7 ? 1.5e9 : 2.6e9;
    reading.memory_temperature_c = n == 7 ? 91 : 70;
    reading.retired_memory = 4;
    reading.link_replays = static_cast<std::uint64_t>(n);
    reading.driver_errors = n > 150 ? 2u : 1u;
    reading.last_driver_error = n > 150 ? "XID 79: fallen off the bus" : "XID 13: of a program";
    return reading;
  }
  std::unique_ptr<device::Buffer> allocate(std::size_t) override { return nullptr; }
  std::optional<std::uint64_t> available_bytes() const override { return std::nullopt; }
  std::unique_ptr<device::Operators> operators(device::Element, int) override { return nullptr; }
  std::string gemm_unsupported(device::Element) override { return "fake"; }
  std::unique_ptr<device::Gemm> plan_gemm(const device::GemmPlan&) override { return nullptr; }
  int largest_int8() const override { return 127; }
  std::optional<device::Ceiling> gemm_ceiling(device::Element, int) override { return std::nullopt; }
  std::map<std::string, std::string> libraries() override { return {}; }
  std::vector<std::string> warnings() override { return {}; }

  bool silent = false;
  std::atomic<int> asked{0};
};

}  // namespace assay::bench
