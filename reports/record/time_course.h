// How fast devices worked while a load was held, window by window, and what they did meanwhile. The
// attachment of compute/gemm with `sustain`, JSON on one line:
//
//   {"schema":"assay.time_course/1","quantity":"matrix products","unit":"FLOP/s","devices":[
//     {"rank":0,"node":"n1","name":"NVIDIA H200","id":"GPU-...","reasons":["power cap"],
//      "begin_s":[0,5,...],"length_s":[5,5,...],"value":[7.1e14,...],"clock_hz":[1.98e9,null,...],
//      "power_w":[...],"temperature_c":[...],"throttled_by":[[],[0],null,...]},...]}
//
// All lists of a device have one entry for each window. Times count from the beginning of the load on that
// device; windows follow one another and do not overlap. What was not readable in a window is null, never
// zero. `throttled_by` are places in `reasons`; an empty list says that nothing held the clock back.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

struct CourseWindow {
  double begin_s = 0, length_s = 0;
  double value = 0;  ///< of the quantity, in the course's unit: the mean over the window
  std::optional<double> clock_hz, power_w;  ///< means over the window
  std::optional<double> temperature_c;      ///< the highest
  std::optional<std::vector<std::string>> throttled_by;
  friend bool operator==(const CourseWindow&, const CourseWindow&) = default;
};

struct DeviceCourse {
  int rank = 0;  ///< in its process group
  std::string node, name, id;
  std::vector<CourseWindow> windows;
  friend bool operator==(const DeviceCourse&, const DeviceCourse&) = default;
};

struct TimeCourse {
  std::string quantity;  ///< "matrix products"
  std::string unit;      ///< base unit: "FLOP/s"
  std::vector<DeviceCourse> devices;
  friend bool operator==(const TimeCourse&, const TimeCourse&) = default;
};

/// Windows of one device at most.
inline constexpr std::size_t most_course_windows = 512;

/// Numbers are written with seven digits. Throws std::logic_error for what parse_time_course would refuse.
std::string to_json(const TimeCourse& course);

/// Whether the bytes begin as a time course does.
bool is_time_course(std::string_view bytes);
/// Throws Error(bad_input) naming `file`: not a time course, another version, lists of different lengths,
/// windows that overlap or go back, numbers that cannot be.
TimeCourse parse_time_course(std::string_view bytes, const std::string& file);

}  // namespace assay
