// The geometry of the small pictures in the report, apart from how they are drawn: where a target line, an
// interval, launches and the bars of a fleet lie. Positions across are shares of the picture's width (0 left,
// 1 right), so that it can be any width without distorting dots and letters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reports/judge/judgement.h"

namespace assay::render {

/// From values to shares of the width.
struct Scale {
  double low = 0, high = 1;
  double position(double value) const;  ///< not clamped
  bool contains(double value) const { return low <= value && value <= high; }
};

/// A vertical line with a word beside it.
struct Line {
  double x = 0;
  bool label_left = false;  ///< the word stands left of the line, else right
};

struct Tick {
  double x = 0;
  std::string text;
};

enum class Shape {
  met,            ///< a dot
  missed,         ///< a ring
  without_value,  ///< a cross at the edge of the side that is not accepted
  beyond_low,     ///< an arrow at the edge: too far away for the scale
  beyond_high,
};

struct Mark {
  double x = 0;
  double y = 0;  ///< share of the lane's height: launches in order, from top to bottom
  Shape shape = Shape::met;
};

struct Strip {
  bool empty = true;  ///< nothing to draw: neither a value nor a limit
  Scale scale;
  double accepted_from = 0, accepted_to = 0;         ///< the side of the limit that is accepted
  std::optional<Line> target, limit;                 ///< `limit` only where it is not the target
  std::optional<double> interval_from, interval_to;  ///< an open end reaches the edge
  bool interval_open_low = false, interval_open_high = false;
  std::vector<Mark> marks;
  std::vector<Tick> ticks;
  std::size_t beyond = 0;  ///< values drawn as arrows
};

/// Lays out the launches of one part. A launch that lies further from the rest than three times their span
/// becomes an arrow at the edge, so that one preempted launch does not flatten the picture.
Strip lay_out_strip(const PartVerdict& part);

struct Bar {
  double from = 0, to = 0;
  double height = 0;  ///< share of the tallest bar
  std::uint32_t count = 0;
  bool accepted = true;  ///< its middle is on the accepted side of the limit
};

struct FleetStrip {
  bool empty = true;
  Scale scale;
  std::optional<Line> target, limit;
  double median = 0;
  std::vector<Bar> bars;  ///< only those that hold devices
  std::vector<Tick> ticks;
};

/// Lays out the distribution of the device medians of one part.
FleetStrip lay_out_distribution(const PartVerdict& part);

/// One to four round values within the scale, with texts that share their unit: the last one shows it.
std::vector<Tick> ticks_of(const Scale& scale, std::string_view unit);

/// Whether larger values are accepted.
bool accepts_high(const PartVerdict& part);

}  // namespace assay::render
