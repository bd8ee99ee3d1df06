// What a record says of a device that was lost, was full or counted its energy.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <thread>

#include "suites/harness/per_joule.h"
#include "suites/harness/talking_device_testing.h"
#include "suites/harness/worker.h"

namespace assay::bench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

enum class Trouble { none, full, lost };

struct Full : std::bad_alloc {
  const char* what() const noexcept override { return "the GPU has no room for 96.00 GiB more"; }
};

/// A benchmark has no state of its own: what the next case works on.
TalkingDevice* next_device = nullptr;
Trouble next_trouble = Trouble::none;

class OnDevice final : public LoopCase {
 public:
  int ring() const override { return 1; }
  double shortest_interval_s() const override { return 0.2; }  // so that a window fills the time
  void prepare() override {
    if (next_trouble == Trouble::full) throw Full();
  }
  void poison() override {}
  void iterate(int) override {
    if (next_trouble == Trouble::lost && ++iterations_ == 5) {
      next_device->asked = 200;  // from now on it tells of an error
      throw std::runtime_error("the GPU's runtime refused synchronize: device is lost");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  Check check() override { return {CheckStatus::pass, 0.0, 0.0, "nothing"}; }
  std::vector<FigureOfMerit> figures() const override {
    return {{"rate", 100.0, "FLOP/s", Better::higher, Reduce::median, std::nullopt},
            per_joule_figure("FLOP", 100.0)};
  }
  device::Device* device() const override { return next_device; }
  void plant(Fault) override {}

 private:
  int iterations_ = 0;
};

std::string nothing_missing(const Parameters&, const Context&) {
  return {};
}
std::unique_ptr<Case> make_on_device(const Parameters&, const Context&) {
  return std::make_unique<OnDevice>();
}

Record run(Scope scope, Trouble trouble, double time_s = 0.02) {
  TalkingDevice device;
  next_device = &device;
  next_trouble = trouble;
  Benchmark benchmark{{}, nothing_missing, make_on_device};
  benchmark.spec.name = "test/on_device";
  benchmark.spec.scope = scope;
  benchmark.spec.foms = {per_joule_spec("FLOP", "operations")};
  ProcessGroup group;
  SteadyClock clock;
  Worker worker(group, clock);
  RequestedCase requested;
  requested.position = 1;
  requested.identity.benchmark = benchmark.spec.name;
  requested.time_s = time_s;
  const auto records = worker.run(requested, {}, &benchmark);
  next_device = nullptr;
  return records.size() == 1 ? records[0] : Record{};
}

TEST(WorkerOnADevice, OneThatIsLostInMidRunIsAFailureWithTheDriversError) {
  const Record record = run(Scope::device, Trouble::lost);
  EXPECT_EQ(record.status, LaunchStatus::failed);
  EXPECT_THAT(record.reason, AllOf(StartsWith("the GPU's runtime refused synchronize: device is lost"),
                                   HasSubstr("; the driver reported XID 79: fallen off the bus")));
  EXPECT_TRUE(record.devices.empty());
}

TEST(WorkerOnADevice, OneThatIsFullIsAFailureWithNumbers) {
  const Record record = run(Scope::device, Trouble::full);
  EXPECT_EQ(record.status, LaunchStatus::failed);
  EXPECT_THAT(record.reason, HasSubstr("no room for 96.00 GiB"));
}

TEST(WorkerOnADevice, EnergyOfTheMeasuredWindowGivesWorkPerJoule) {
  for (const Scope scope : {Scope::device, Scope::group}) {
    const Record record = run(scope, Trouble::none, 1.2);
    ASSERT_EQ(record.status, LaunchStatus::completed) << record.reason;
    ASSERT_EQ(record.devices.size(), 1u);
    const DeviceResult& device = record.devices[0];
    const double energy_j = device.metrics.at("energy_j");
    ASSERT_TRUE(device.series.contains(energy_series)) << device.metrics.at("energy_window_s");
    EXPECT_EQ(device.series.at(energy_series).unit, "J");
    const auto per_joule = value_of(record.foms[1], device);
    ASSERT_TRUE(per_joule);
    EXPECT_DOUBLE_EQ(*per_joule, 100.0 * static_cast<double>(device.iterations) / energy_j);
  }
}

TEST(WorkerOnADevice, AWindowTooShortForACounterGivesNone) {
  const Record record = run(Scope::device, Trouble::none, 0.02);
  ASSERT_EQ(record.status, LaunchStatus::completed) << record.reason;
  EXPECT_TRUE(record.devices[0].metrics.contains("energy_j"));
  EXPECT_FALSE(record.devices[0].series.contains(energy_series));
  EXPECT_FALSE(value_of(record.foms[1], record.devices[0]));
}

TEST(WorkerOnADevice, WhatBefellOneDeviceOfAGroupIsInItsRecord) {
  const auto rank = [](double lowest, double hottest, std::optional<double> errors) {
    Record record;
    DeviceResult& device = record.devices.emplace_back();
    device.metrics = {{"lowest_clock_hz", lowest}, {"highest_memory_temperature_c", hottest}, {"threads", 7}};
    if (errors) device.metrics["driver_errors"] = *errors;
    return record;
  };
  std::vector<Record> ranks = {rank(1.7e9, 80, std::nullopt), rank(1.1e9, 70, 1), rank(1.9e9, 95, 2)};
  ranks[1].path["driver_error"] = "XID 79";
  ranks[2].path["driver_error"] = "XID 48";
  const auto merged = merge_ranks(ranks, Scope::group);
  ASSERT_EQ(merged.size(), 1u);
  const auto& metrics = merged[0].devices.at(0).metrics;
  EXPECT_EQ(metrics.at("lowest_clock_hz"), 1.1e9);
  EXPECT_EQ(metrics.at("highest_memory_temperature_c"), 95);
  EXPECT_EQ(metrics.at("driver_errors"), 3);
  EXPECT_EQ(metrics.at("threads"), 7);
  EXPECT_FALSE(metrics.contains("ecc_corrected"));
  EXPECT_EQ(merged[0].path.at("driver_error"), "XID 79 (rank 1)");
}

}  // namespace
}  // namespace assay::bench
