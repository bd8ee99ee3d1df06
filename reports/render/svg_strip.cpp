#include "reports/render/svg_strip.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "reports/render/present.h"

namespace assay::render {
namespace {

constexpr double margin = 0.04;      // of the span, on each side
constexpr double furthest = 3;       // spans of the core that a value may lie away before it is an arrow
constexpr double label_room = 0.14;  // share of the width that a word beside a line may need

/// Grows to hold values.
class Range {
 public:
  void add(double value) {
    if (!std::isfinite(value)) return;
    low_ = empty_ ? value : std::min(low_, value);
    high_ = empty_ ? value : std::max(high_, value);
    empty_ = false;
  }
  void add(const std::optional<double>& value) {
    if (value) add(*value);
  }
  bool empty() const { return empty_; }
  double low() const { return low_; }
  double high() const { return high_; }
  /// Never zero: equal values still get a picture.
  double span() const {
    const double plain = high_ - low_;
    const double size = std::max(std::abs(low_), std::abs(high_));
    return std::max(plain, size > 0 ? least_share_ * size : 1);
  }
  void set_least_share(double share) { least_share_ = share; }

  Scale scale() const {
    const double middle = low_ + (high_ - low_) / 2;
    const double half = span() * (0.5 + margin);
    Scale result{middle - half, middle + half};
    if (low_ >= 0) result.low = std::max(result.low, 0.0);  // rates and times are never negative
    return result;
  }

 private:
  bool empty_ = true;
  double least_share_ = 1e-3;  // of the largest value
  double low_ = 0, high_ = 0;
};

/// Puts the words of two neighbouring lines on their far sides, and never past the edge.
void place_lines(const PartVerdict& part, const Scale& scale, std::optional<Line>& target,
                 std::optional<Line>& limit) {
  if (part.target && std::isfinite(*part.target)) target = Line{scale.position(*part.target)};
  const bool differs = part.limit && part.limit != part.target && std::isfinite(*part.limit);
  if (differs) limit = Line{scale.position(*part.limit)};
  if (target && limit) {
    target->label_left = target->x < limit->x;
    limit->label_left = !target->label_left;
  } else if (target) {
    target->label_left = target->x > 0.5;
  } else if (limit) {
    limit->label_left = limit->x > 0.5;
  }
  // Both words on the same side of their lines only where the edge leaves no other place.
  for (auto* line : {&target, &limit}) {
    if (!*line) continue;
    if ((*line)->x < label_room) (*line)->label_left = false;
    if ((*line)->x > 1 - label_room) (*line)->label_left = true;
  }
}

std::string without_trailing_zeros(std::string text) {
  if (text.find('.') == std::string::npos || text.find('e') != std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

/// The middle 80 % of the values: what the scale must show whatever the rest does.
void add_core(Range& range, std::vector<double> values) {
  if (values.empty()) return;
  std::sort(values.begin(), values.end());
  const std::size_t cut = values.size() / 10;
  range.add(values[cut]);
  range.add(values[values.size() - 1 - cut]);
}

}  // namespace

double Scale::position(double value) const {
  return (value - low) / (high - low);
}

bool accepts_high(const PartVerdict& part) {
  return part.kind == PartVerdict::Kind::at_least;
}

std::vector<Tick> ticks_of(const Scale& scale, std::string_view unit) {
  const double span = scale.high - scale.low;
  const double raw = span / 3.6;  // four labels fit beside each other on a telephone
  const double power = std::pow(10, std::floor(std::log10(raw)));
  const double mantissa = raw / power;
  double step = 10 * power;
  for (const double round : {5.0, 4.0, 2.5, 2.0, 1.0}) {
    if (mantissa <= round) step = round * power;
  }
  std::vector<Tick> ticks;
  std::vector<std::pair<std::string, std::string>> texts;
  for (double i = std::ceil(scale.low / step); i * step <= scale.high && ticks.size() < 4; ++i) {
    const double value = i * step;
    // As many digits as tell this tick from the next.
    const std::string text = value_text(value, unit, {value + step, value - step});
    const auto space = text.rfind(' ');
    texts.emplace_back(without_trailing_zeros(text.substr(0, space)),
                       space == std::string::npos ? "" : text.substr(space));
    ticks.push_back({scale.position(value), {}});
  }
  bool one_unit = true;
  for (const auto& [digits, suffix] : texts)
    one_unit = one_unit && (digits == "0" || suffix == texts.back().second);
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    const bool last = i + 1 == ticks.size();
    ticks[i].text = texts[i].first + (last || !one_unit ? texts[i].second : "");
  }
  return ticks;
}

Strip lay_out_strip(const PartVerdict& part) {
  Strip strip;
  if (!is_timed(part)) return strip;
  Range range;
  range.add(part.target);
  range.add(part.limit);
  range.add(part.interval.lower);
  range.add(part.interval.upper);
  std::vector<double> values;
  for (const LaunchPoint& launch : part.launches) {
    if (launch.value && std::isfinite(*launch.value)) values.push_back(*launch.value);
  }
  add_core(range, values);
  if (range.empty()) return strip;
  strip.empty = false;
  if (values.empty()) range.set_least_share(0.5);  // a limit alone: no value asks for a finer scale
  const Range core = range;
  for (const double value : values) {
    const bool near =
        value >= core.low() - furthest * core.span() && value <= core.high() + furthest * core.span();
    if (near) range.add(value);
  }
  strip.scale = range.scale();
  const Scale& scale = strip.scale;
  place_lines(part, scale, strip.target, strip.limit);

  const std::optional<double> limit = part.limit ? part.limit : part.target;
  if (limit) {
    const double x = std::clamp(scale.position(*limit), 0.0, 1.0);
    strip.accepted_from = accepts_high(part) ? x : 0;
    strip.accepted_to = accepts_high(part) ? 1 : x;
  }
  if (part.interval.lower || part.interval.upper) {
    strip.interval_open_low = !part.interval.lower;
    strip.interval_open_high = !part.interval.upper;
    strip.interval_from = part.interval.lower ? scale.position(*part.interval.lower) : 0;
    strip.interval_to = part.interval.upper ? scale.position(*part.interval.upper) : 1;
  }
  const std::size_t count = part.launches.size();
  for (std::size_t i = 0; i < count; ++i) {
    const LaunchPoint& launch = part.launches[i];
    Mark mark;
    mark.y = count == 1 ? 0.5 : static_cast<double>(i) / static_cast<double>(count - 1);
    if (!launch.value || !std::isfinite(*launch.value)) {
      mark.shape = Shape::without_value;
      mark.x = accepts_high(part) ? 0 : 1;
    } else if (!scale.contains(*launch.value)) {
      const bool low = *launch.value < scale.low;
      mark.shape = low ? Shape::beyond_low : Shape::beyond_high;
      mark.x = low ? 0 : 1;
      ++strip.beyond;
    } else {
      mark.shape = launch.meets ? Shape::met : Shape::missed;
      mark.x = scale.position(*launch.value);
    }
    strip.marks.push_back(mark);
  }
  strip.ticks = ticks_of(scale, part.unit);
  return strip;
}

FleetStrip lay_out_distribution(const PartVerdict& part) {
  FleetStrip strip;
  if (!part.distribution || part.distribution->counts.empty() || part.distribution->devices == 0)
    return strip;
  const Distribution& fleet = *part.distribution;
  if (!std::isfinite(fleet.low) || !std::isfinite(fleet.high)) return strip;
  Range range;
  range.add(fleet.low);
  range.add(fleet.high);
  range.add(part.target);
  range.add(part.limit);
  strip.empty = false;
  strip.scale = range.scale();
  place_lines(part, strip.scale, strip.target, strip.limit);
  strip.median = strip.scale.position(fleet.median);

  const std::optional<double> limit = part.limit ? part.limit : part.target;
  const std::uint32_t tallest = *std::max_element(fleet.counts.begin(), fleet.counts.end());
  const double width = (fleet.high - fleet.low) / static_cast<double>(fleet.counts.size());
  for (std::size_t i = 0; i < fleet.counts.size(); ++i) {
    if (fleet.counts[i] == 0) continue;
    Bar bar;
    const double from = fleet.low + width * static_cast<double>(i);
    bar.from = strip.scale.position(from);
    bar.to = strip.scale.position(from + width);
    bar.count = fleet.counts[i];
    bar.height = static_cast<double>(bar.count) / static_cast<double>(tallest);
    const double middle = from + width / 2;
    bar.accepted = !limit || (accepts_high(part) ? middle >= *limit : middle <= *limit);
    strip.bars.push_back(bar);
  }
  strip.ticks = ticks_of(strip.scale, part.unit);
  return strip;
}

}  // namespace assay::render
