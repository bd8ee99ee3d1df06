// A load held for a long time: how it is cut into windows, and what its figures are made from. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "reports/record/time_course.h"

namespace assay::bench {

/// One window of the load.
struct HeldWindow {
  double begin_s = 0, length_s = 0;  ///< since the load began
  double iteration_s = 0;            ///< seconds a product
};

inline constexpr int most_hold_windows = 120;

/// Windows that a load of `sustain_s` is cut into, all of one length: at most 120, each at least one pass
/// over the ring and `shortest_s` long, and at least two.
int hold_windows(double sustain_s, double pass_s, double shortest_s);

/// The first window of the later part: of those that begin at or after half of the time that the load was to
/// be held; the last window where none does.
std::size_t later_part(const std::vector<HeldWindow>& windows, double sustain_s);

/// The rate of the last quarter of the load over that of the third, less one (medians of windows): below
/// zero it still fell. Zero with fewer than four windows.
double late_change(const std::vector<HeldWindow>& windows);

/// "steady: ...", "still falling: ..., hold it longer", from late_change.
std::string late_words(double change);

/// When the clock was first held back, and by what.
struct FirstThrottle {
  bool known = false;  ///< whether any window could tell
  bool seen = false;
  double after_s = 0;  ///< since the load began
  std::vector<std::string> reasons;
};

/// `throttled_s`: for each window when in it, since the window began; negative: not known.
FirstThrottle first_throttle(const std::vector<CourseWindow>& windows,
                             const std::vector<double>& throttled_s);

/// "rank 0 after 41 s: power cap", "none", "not known".
std::string throttle_words(const FirstThrottle& throttle, int rank);

}  // namespace assay::bench
