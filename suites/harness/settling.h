// When is a device warm? Pure: decided on what a row of windows of one load gave.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace assay::bench {

/// One window of a load.
struct LoadWindow {
  double length_s = 0;
  double iteration_s = 0;          ///< seconds per iteration
  std::optional<double> clock_hz;  ///< of the device meanwhile, where it was read
};

struct SettlingRule {
  double span_s = 0.25;    ///< two spans of windows, each at least this long, are compared
  std::size_t fewest = 3;  ///< windows of a span, at least
  double within = 0.01;    ///< relative difference of their median seconds per iteration
  double clock_within =
      0.03;  ///< of their median clocks: single readings of a capped clock jump by that much
};

/// How much the two latest spans of windows differ, relative, in their medians.
struct LoadChange {
  double rate = 0;
  std::optional<double> clock;  ///< where both spans hold one
};

/// Absent: too few windows.
std::optional<LoadChange> latest_change(const std::vector<LoadWindow>& windows,
                                        const SettlingRule& rule = {});

/// Whether rate and clock have become stable.
bool has_settled(const std::vector<LoadWindow>& windows, const SettlingRule& rule = {});

/// "settled after 620 ms: the rate within 1 %, the clock within 3 %"; "not settled after 2.0 s, the limit:
/// the rate changed by 3.1 %, the clock by 0.2 % in the latest 250 ms".
std::string settling_words(const std::vector<LoadWindow>& windows, const SettlingRule& rule = {});

}  // namespace assay::bench
