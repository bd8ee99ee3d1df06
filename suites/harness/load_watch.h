// What a device did in each of a row of windows of a load: clock, power, temperature, what held it back, and
// the energy that it counted. A GPU is read ten times a second in a thread of its own, so that the load is
// not interrupted; the host is read between windows, from the kernel's files. What cannot be read is absent,
// never zero.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "suites/device/device.h"
#include "suites/harness/conditions.h"
#include "suites/harness/energy.h"
#include "suites/harness/settling.h"

namespace assay::bench {

struct WindowConditions {
  std::optional<double> clock_hz, power_w;               ///< means over the window
  std::optional<double> temperature_c;                   ///< the highest
  std::optional<std::vector<std::string>> throttled_by;  ///< at any moment of it; empty: nothing
  std::optional<double>
      first_throttled_s;  ///< after the window began; absent: it was not, or when is not known
};

/// Of the readings that fell into one window. `throttled_s`: when the first that was held back was taken.
WindowConditions conditions_of(const std::vector<device::Reading>& readings,
                               std::optional<double> throttled_s = {});

class LoadWatch {
 public:
  /// `shared_by`: ranks of this node, which share the node's own counters of energy: theirs are not read when
  /// there are several. `root`: where proc and sys are read. The device outlives this.
  LoadWatch(device::Device& device, int shared_by, std::filesystem::path root = "/", double period_s = 0.1);
  ~LoadWatch();
  LoadWatch(const LoadWatch&) = delete;
  LoadWatch& operator=(const LoadWatch&) = delete;

  /// Between begin and end lies one window; call both untimed.
  void begin();
  WindowConditions end();

  /// A counter; only differences mean something. On the host, `begin` and `end` are to be called at least
  /// every some minutes between two of these, for its counters wrap around.
  std::optional<double> energy_j();
  /// "RAPL: package-0", "NVML"; or why there is none.
  std::string energy_words();

 private:
  using Moment = std::chrono::steady_clock::time_point;

  void watch(double period_s);

  device::Device& device_;
  const int shared_by_;
  const std::filesystem::path root_;
  bool device_tells_ = false;
  // Of a device that tells:
  std::mutex mutex_;
  std::vector<device::Reading> readings_;
  std::optional<Moment> first_throttled_;
  Moment begun_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
  // Of the host:
  std::optional<ConditionsProbe> probe_;
  std::optional<EnergyMeter> meter_;
  double begun_j_ = 0;
};

class Recorder;

/// Runs windows of a load until rate and clock are stable (settling.h), for at most `limit_s`. `run_window`
/// times one window with the recorder and returns seconds per iteration. Only a device that works by itself
/// is read meanwhile: reading the host's files would take longer than its windows.
std::vector<LoadWindow> warm_until_settled(Recorder& recorder, device::Device& device, double limit_s,
                                           const std::function<double()>& run_window);

}  // namespace assay::bench
