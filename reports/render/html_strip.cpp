// Draws what svg_strip.h laid out. Positions across are percentages and heights are pixels, so that the
// picture has the width of the screen while letters and dots keep their size.
#include <algorithm>

#include "reports/render/html_parts.h"
#include "reports/render/present.h"

namespace assay::render {
namespace {

constexpr double inset = 0.02;  // keeps dots at the edge whole
constexpr double lane_top = 22, lane_height = 44;
constexpr double interval_y = 78;
constexpr double axis_y = 92, strip_height = 112;
constexpr double fleet_top = 22, fleet_height = 74, fleet_axis_y = 100, fleet_total = 120;
constexpr double least_bar_height = 2.5;  // one device in thousands must be seen

std::string across(double share) {
  return percent(inset + share * (1 - 2 * inset));
}

void write_text(HtmlWriter& html, double x, double y, bool left_of, const std::string& text,
                const char* css_class) {
  const auto label = html.element("text", {{"x", across(x)},
                                           {"dx", left_of ? "-6" : "6"},
                                           {"y", number(y)},
                                           {"text-anchor", left_of ? "end" : "start"},
                                           {"class", css_class}});
  html.text(text);
}

void write_line(HtmlWriter& html, const Line& line, double bottom, const std::string& word,
                const char* css_class) {
  html.shape("line", {{"x1", across(line.x)},
                      {"x2", across(line.x)},
                      {"y1", "4"},
                      {"y2", number(bottom)},
                      {"class", css_class}});
  write_text(html, line.x, 12, line.label_left, word, css_class);
}

void write_axis(HtmlWriter& html, const std::vector<Tick>& ticks, double y) {
  html.shape("line",
             {{"x1", across(0)}, {"x2", across(1)}, {"y1", number(y)}, {"y2", number(y)}, {"class", "axis"}});
  for (const Tick& tick : ticks) {
    html.shape("line", {{"x1", across(tick.x)},
                        {"x2", across(tick.x)},
                        {"y1", number(y)},
                        {"y2", number(y + 4)},
                        {"class", "axis"}});
    const char* anchor = tick.x > 0.82 ? "end" : tick.x < 0.06 ? "start" : "middle";
    const auto label = html.element(
        "text", {{"x", across(tick.x)}, {"y", number(y + 17)}, {"text-anchor", anchor}, {"class", "tick"}});
    html.text(tick.text);
  }
}

/// A mark is an <svg> of its own, because only that can stand at a percentage.
void write_mark(HtmlWriter& html, const Mark& mark) {
  const std::string x = across(mark.x);
  const std::string y = number(lane_top + 4 + mark.y * (lane_height - 8));
  switch (mark.shape) {
    case Shape::met:
      html.shape("circle", {{"cx", x}, {"cy", y}, {"r", "4"}, {"class", "met"}});
      return;
    case Shape::missed:
      html.shape("circle", {{"cx", x}, {"cy", y}, {"r", "3.5"}, {"class", "missed"}});
      return;
    default:
      break;
  }
  const auto place = html.element("svg", {{"x", x}, {"y", y}, {"overflow", "visible"}});
  if (mark.shape == Shape::without_value) {
    html.shape("path", {{"d", "M-4-4L4 4M-4 4L4-4"}, {"class", "cross"}});
  } else {
    const bool low = mark.shape == Shape::beyond_low;
    html.shape("path", {{"d", low ? "M5-4L-3 0L5 4Z" : "M-5-4L3 0L-5 4Z"}, {"class", "beyond"}});
  }
}

std::string strip_words(const PartVerdict& part, const std::string& bounds) {
  std::string words = launches_text(part) + " launches met the limit. Required " + part.required_text + ".";
  if (part.measured) words += " Measured " + measured_text(part) + ".";
  words += " " + bounds + ": " + interval_text(part) + ".";
  std::optional<double> low, high;
  for (const LaunchPoint& launch : part.launches) {
    if (!launch.value) continue;
    low = low ? std::min(*low, *launch.value) : *launch.value;
    high = high ? std::max(*high, *launch.value) : *launch.value;
  }
  if (low) {
    words += " Launches from " + value_text(*low, part.unit, {part.limit}) + " to " +
             value_text(*high, part.unit, {part.limit}) + ".";
  }
  return typographic(words);
}

/// Opens a picture with its text alternative.
HtmlWriter::Element picture(HtmlWriter& html, double height, const std::string& words) {
  return html.element("svg", {{"class", "strip"},
                              {"role", "img"},
                              {"width", "100%"},
                              {"height", number(height)},
                              {"aria-label", words}});
}

}  // namespace

void write_strip(HtmlWriter& html, const PartVerdict& part, const std::string& bounds) {
  const Strip strip = lay_out_strip(part);
  if (strip.empty) return;
  const auto figure = html.element("figure");
  {
    const auto image = picture(html, strip_height, strip_words(part, bounds));
    html.shape("rect", {{"x", across(strip.accepted_from)},
                        {"width", percent((strip.accepted_to - strip.accepted_from) * (1 - 2 * inset))},
                        {"y", number(lane_top - 4)},
                        {"height", number(axis_y - lane_top + 4)},
                        {"class", "accepted"}});
    write_axis(html, strip.ticks, axis_y);
    if (strip.limit) write_line(html, *strip.limit, axis_y, "limit", "limit");
    if (strip.target) write_line(html, *strip.target, axis_y, "target", "target");
    if (strip.interval_from) {
      const double from = *strip.interval_from, to = *strip.interval_to;
      html.shape("line", {{"x1", across(from)},
                          {"x2", across(to)},
                          {"y1", number(interval_y)},
                          {"y2", number(interval_y)},
                          {"class", "interval"}});
      const auto cap = [&](double x) {
        html.shape("line", {{"x1", across(x)},
                            {"x2", across(x)},
                            {"y1", number(interval_y - 5)},
                            {"y2", number(interval_y + 5)},
                            {"class", "cap"}});
      };
      if (!strip.interval_open_low) cap(from);
      if (!strip.interval_open_high) cap(to);
    }
    for (const Mark& mark : strip.marks) write_mark(html, mark);
  }
  const auto caption = html.element("figcaption");
  std::string words = "Launches in order, from top to bottom; the bar is the interval";
  if (!strip.interval_from) words = "Launches in order, from top to bottom; too few for an interval";
  if (part.without_value > 0) words += "; a cross is a launch without a valid value";
  if (strip.beyond > 0) words += "; an arrow is a value beyond the scale";
  html.text(words + ".");
}

void write_fleet(HtmlWriter& html, const PartVerdict& part) {
  const FleetStrip strip = lay_out_distribution(part);
  if (strip.empty) return;
  const Distribution& fleet = *part.distribution;
  const auto show = [&](double value) { return value_text(value, part.unit, {part.limit, part.target}); };
  const auto figure = html.element("figure");
  {
    const auto image =
        picture(html, fleet_total,
                typographic("Distribution of the medians of " + devices_text(fleet.devices) + " from " +
                            show(fleet.minimum) + " to " + show(fleet.maximum) + ", median " +
                            show(fleet.median) + ". Required " + part.required_text + "."));
    write_axis(html, strip.ticks, fleet_axis_y);
    for (const Bar& bar : strip.bars) {
      const double height = std::max(least_bar_height, bar.height * fleet_height);
      html.shape("rect", {{"x", across(bar.from)},
                          {"width", percent(std::max((bar.to - bar.from) * (1 - 2 * inset), 0.003))},
                          {"y", number(fleet_top + fleet_height + 4 - height)},
                          {"height", number(height)},
                          {"class", bar.accepted ? "bar" : "bar low"}});
    }
    if (strip.limit) write_line(html, *strip.limit, fleet_axis_y, "limit", "limit");
    if (strip.target) write_line(html, *strip.target, fleet_axis_y, "target", "target");
  }
  const auto caption = html.element("figcaption");
  html.text("Medians of " + devices_text(fleet.devices) + ": 1 % below " + show(fleet.p01) + ", half below " +
            show(fleet.median) + ", 99 % below " + show(fleet.p99) + ".");
}

}  // namespace assay::render
