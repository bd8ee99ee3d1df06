#include "reports/record/time_course.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "reports/base/error.h"

namespace assay {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view beginning = R"({"schema":"assay.time_course/)";
constexpr std::string_view schema = "assay.time_course/1";
/// Numbers have seven digits, so windows that follow one another may seem to overlap by that much.
constexpr double rounding = 2e-6;

/// More than a clock or a sensor gives, and a short text.
double short_number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.7g", value);
  return std::strtod(text.data(), nullptr);
}

Json number_or_null(const std::optional<double>& value) {
  return value ? Json(short_number(*value)) : Json(nullptr);
}

/// What is wrong with these windows; empty: nothing.
std::string flaw(const std::vector<CourseWindow>& windows) {
  if (windows.size() > most_course_windows) return "has " + std::to_string(windows.size()) + " windows";
  double end_s = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const CourseWindow& window = windows[i];
    const std::string which = "window " + std::to_string(i) + " ";
    for (const std::optional<double>& number : {std::optional(window.begin_s), std::optional(window.length_s),
                                                std::optional(window.value), window.clock_hz, window.power_w})
      if (number && !(*number >= 0 && std::isfinite(*number))) return which + "holds a number that cannot be";
    if (window.temperature_c && !std::isfinite(*window.temperature_c))
      return which + "holds a number that cannot be";
    if (window.begin_s < end_s * (1 - rounding)) return which + "begins before the one before it ends";
    end_s = window.begin_s + window.length_s;
  }
  return {};
}

Json device_json(const DeviceCourse& device) {
  Json begin = Json::array(), length = Json::array(), value = Json::array(), clock = Json::array(),
       power = Json::array(), temperature = Json::array(), throttled = Json::array();
  std::vector<std::string> reasons;
  const auto place_of = [&](const std::string& reason) {
    const auto found = std::find(reasons.begin(), reasons.end(), reason);
    if (found != reasons.end()) return found - reasons.begin();
    reasons.push_back(reason);
    return static_cast<std::ptrdiff_t>(reasons.size()) - 1;
  };
  for (const CourseWindow& window : device.windows) {
    begin.push_back(short_number(window.begin_s));
    length.push_back(short_number(window.length_s));
    value.push_back(short_number(window.value));
    clock.push_back(number_or_null(window.clock_hz));
    power.push_back(number_or_null(window.power_w));
    temperature.push_back(number_or_null(window.temperature_c));
    Json places = nullptr;
    if (window.throttled_by) {
      places = Json::array();
      for (const std::string& reason : *window.throttled_by) places.push_back(place_of(reason));
    }
    throttled.push_back(std::move(places));
  }
  return {{"rank", device.rank},
          {"node", device.node},
          {"name", device.name},
          {"id", device.id},
          {"reasons", reasons},
          {"begin_s", begin},
          {"length_s", length},
          {"value", value},
          {"clock_hz", clock},
          {"power_w", power},
          {"temperature_c", temperature},
          {"throttled_by", throttled}};
}

[[noreturn]] void refuse(const std::string& file, const std::string& why) {
  throw bad_input("this time course cannot be read: " + why + " (what the load did cannot be told)",
                  "restore the file from a copy", {file});
}

class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  const Json& member(const Json& json, const char* key) const {
    if (!json.is_object()) refuse(file_, "a part is no JSON object");
    const auto found = json.find(key);
    if (found == json.end()) refuse(file_, "it has no '" + std::string(key) + "'");
    return *found;
  }
  const Json& list(const Json& json, const char* key) const {
    const Json& found = member(json, key);
    if (!found.is_array()) refuse(file_, "'" + std::string(key) + "' is no list");
    return found;
  }
  const Json& list(const Json& json, const char* key, std::size_t length) const {
    const Json& found = list(json, key);
    if (found.size() != length)
      refuse(file_, "'" + std::string(key) + "' is no list of " + std::to_string(length));
    return found;
  }
  std::string words(const Json& value, const char* key) const {
    if (!value.is_string()) refuse(file_, "'" + std::string(key) + "' holds " + value.dump());
    return value.get<std::string>();
  }
  double number(const Json& value, const char* key) const {
    if (!value.is_number()) refuse(file_, "'" + std::string(key) + "' holds " + value.dump());
    return value.get<double>();
  }
  std::optional<double> number_or_null(const Json& value, const char* key) const {
    if (value.is_null()) return std::nullopt;
    return number(value, key);
  }
  std::int64_t whole(const Json& value, const char* key, std::int64_t most) const {
    if (!value.is_number_integer() || value < 0 || value > most)
      refuse(file_, "'" + std::string(key) + "' holds " + value.dump());
    return value.get<std::int64_t>();
  }

  DeviceCourse device(const Json& json) const {
    DeviceCourse device;
    device.rank = static_cast<int>(whole(member(json, "rank"), "rank", 1 << 30));
    device.node = words(member(json, "node"), "node");
    device.name = words(member(json, "name"), "name");
    device.id = words(member(json, "id"), "id");
    std::vector<std::string> reasons;
    for (const Json& reason : list(json, "reasons")) reasons.push_back(words(reason, "reasons"));
    const Json& begin = list(json, "begin_s");
    const std::size_t count = begin.size();
    const Json &length = list(json, "length_s", count), &value = list(json, "value", count),
               &clock = list(json, "clock_hz", count), &power = list(json, "power_w", count),
               &temperature = list(json, "temperature_c", count),
               &throttled = list(json, "throttled_by", count);
    for (std::size_t i = 0; i < count; ++i) {
      CourseWindow& window = device.windows.emplace_back();
      window.begin_s = number(begin[i], "begin_s");
      window.length_s = number(length[i], "length_s");
      window.value = number(value[i], "value");
      window.clock_hz = number_or_null(clock[i], "clock_hz");
      window.power_w = number_or_null(power[i], "power_w");
      window.temperature_c = number_or_null(temperature[i], "temperature_c");
      if (throttled[i].is_null()) continue;
      if (!throttled[i].is_array()) refuse(file_, "'throttled_by' holds " + throttled[i].dump());
      window.throttled_by.emplace();
      for (const Json& place : throttled[i]) {
        const auto which = whole(place, "throttled_by", static_cast<std::int64_t>(reasons.size()) - 1);
        window.throttled_by->push_back(reasons[static_cast<std::size_t>(which)]);
      }
    }
    if (const std::string wrong = flaw(device.windows); !wrong.empty())
      refuse(file_, "rank " + std::to_string(device.rank) + ": " + wrong);
    return device;
  }

 private:
  const std::string& file_;
};

}  // namespace

std::string to_json(const TimeCourse& course) {
  Json devices = Json::array();
  for (const DeviceCourse& device : course.devices) {
    if (const std::string wrong = flaw(device.windows); !wrong.empty())
      throw std::logic_error("a time course that " + wrong);
    devices.push_back(device_json(device));
  }
  const Json json = {
      {"schema", schema}, {"quantity", course.quantity}, {"unit", course.unit}, {"devices", devices}};
  // A device's name that is not UTF-8 must not stop evidence from being written.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool is_time_course(std::string_view bytes) {
  return bytes.substr(0, beginning.size()) == beginning;
}

TimeCourse parse_time_course(std::string_view bytes, const std::string& file) {
  if (!is_time_course(bytes)) refuse(file, "it does not begin as one");
  const Json json = Json::parse(bytes, nullptr, false);
  if (!json.is_object()) refuse(file, "it is no JSON object (cut off?)");
  const Reader reader(file);
  const std::string format = reader.words(reader.member(json, "schema"), "schema");
  if (format != schema)
    throw bad_input("this time course is of format " + format + ", expected " + std::string(schema),
                    "use the assay of the version that wrote it", {file});
  TimeCourse course;
  course.quantity = reader.words(reader.member(json, "quantity"), "quantity");
  course.unit = reader.words(reader.member(json, "unit"), "unit");
  for (const Json& device : reader.list(json, "devices")) course.devices.push_back(reader.device(device));
  return course;
}

}  // namespace assay
