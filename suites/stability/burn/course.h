// What a device told of itself while it burned: power over the time that all ranks share, what first held its
// clock back, and which error counters rose.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "suites/device/device.h"

namespace assay::bench::stability {

/// Equal parts of the time from the common beginning on. At most 256, none shorter than a quarter of a
/// second (readings come every tenth), but there is at least one.
struct TimeBins {
  explicit TimeBins(double duration_s);
  std::size_t count = 1;
  double bin_s = 0;
};

/// One device's readings.
class Course {
 public:
  explicit Course(double duration_s) : bins_(duration_s), watts_(bins_.count), held_back_(bins_.count) {}

  /// `at_s`: since the common beginning. What lies outside the time counts for the throttling alone.
  void keep(double at_s, const device::Reading& reading);

  /// Mean of the readings of each bin; absent where there was none.
  std::vector<std::optional<double>> power_w() const;
  /// Whether any reading in each bin told of throttling.
  std::vector<bool> throttled() const;

  struct Throttle {
    double at_s = 0;
    std::string why;  ///< "power cap, temperature"
  };
  /// The first reading that told of it.
  const std::optional<Throttle>& first_throttle() const { return first_throttle_; }
  /// Whether any reading could tell.
  bool throttling_known() const { return throttling_known_; }
  std::int64_t readings() const { return readings_; }

 private:
  struct Sum {
    double total = 0;
    std::int64_t count = 0;
  };
  std::optional<std::size_t> bin_of(double at_s) const;

  TimeBins bins_;
  std::vector<Sum> watts_;
  std::vector<bool> held_back_;
  std::optional<Throttle> first_throttle_;
  bool throttling_known_ = false;
  std::int64_t readings_ = 0;
};

/// A counter of a reading that is compared before and after. A further one joins as a further line in
/// course.cpp.
struct ErrorCounter {
  const char* words;  ///< "uncorrected memory errors"
  std::optional<std::uint64_t> device::Reading::*counter;
  bool fails;                                      ///< whether a rise fails the check
  std::string device::Reading::*latest = nullptr;  ///< words for the latest of what is counted
};
const std::vector<ErrorCounter>& error_counters();

/// What became of one counter.
struct CounterChange {
  std::optional<std::uint64_t> before, after;
  std::string latest = {};  ///< of a rise, where there are words for it

  /// How much it rose; absent when it was not readable, or fell.
  std::optional<std::uint64_t> risen() const;
  /// "+2", "+1 (XID 79: fallen off the bus)", "not readable", "lost", "from 7 to 0".
  std::string words() const;
  /// A rise, or a counter that was readable and is no more, or fell: the device was reset or lost.
  bool bad() const;
};

/// One for each of error_counters(), in their order. Absent readings: nothing was readable.
std::vector<CounterChange> changes_between(const std::optional<device::Reading>& before,
                                           const std::optional<device::Reading>& after);

}  // namespace assay::bench::stability
