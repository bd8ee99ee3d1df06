// Time as the measuring loop sees it. Tests script it; nothing else in the suites reads a clock.
#pragma once

namespace assay::bench {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Seconds since some fixed moment; never goes back.
  virtual double now_s() = 0;
};

/// CLOCK_MONOTONIC, which neither daylight saving nor a correction by NTP can set back.
class SteadyClock final : public Clock {
 public:
  double now_s() override;
};

/// What one reading costs, in seconds: the smallest mean over a few runs of many readings, so that a
/// preemption does not count.
double reading_cost_s(Clock& clock);

}  // namespace assay::bench
