#include "reports/record/record_json.h"

#include <fcntl.h>
#include <simdjson.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "reports/record/case_json.h"

namespace assay {
namespace {

using nlohmann::ordered_json;

// ---- writing
// ------------------------------------------------------------------------------------------------

double finite(double value, const char* what) {
  if (!std::isfinite(value)) {
    throw bad_input(std::string("a record may not hold ") + what + " = " + std::to_string(value) +
                        " (evidence has no NaN and no infinity)",
                    "report the number as absent");
  }
  return value;
}

ordered_json optional_number(const std::optional<double>& value, const char* what) {
  return value ? ordered_json(finite(*value, what)) : ordered_json(nullptr);
}

ordered_json numbers(const std::vector<double>& values, const char* what) {
  ordered_json list = ordered_json::array();
  for (const double value : values) list.push_back(finite(value, what));
  return list;
}

ordered_json optional_text(const std::string& text) {
  return text.empty() ? ordered_json(nullptr) : ordered_json(text);
}

ordered_json to_json_value(const FigureOfMerit& fom) {
  ordered_json peak = nullptr;
  if (fom.peak) {
    peak = {{"value", finite(fom.peak->value, "peak")},
            {"basis", word(fom.peak->basis)},
            {"source", fom.peak->source}};
  }
  return {{"name", fom.name},
          {"numerator", optional_number(fom.numerator, "numerator")},
          {"unit", fom.unit},
          {"better", word(fom.better)},
          {"reduce", word(fom.reduce)},
          {"peak", std::move(peak)},
          {"series", optional_text(fom.series)}};
}

ordered_json to_json_value(const std::optional<Histogram>& histogram) {
  if (!histogram) return nullptr;
  return {{"per_octave", histogram->per_octave}, {"first", histogram->first}, {"counts", histogram->counts}};
}

ordered_json to_json_value(const DeviceResult& device) {
  ordered_json all_series = ordered_json::object();
  for (const auto& [name, series] : device.series) {
    all_series[name] = {{"unit", series.unit},
                        {"samples", numbers(series.samples, name.c_str())},
                        {"histogram", to_json_value(series.histogram)}};
  }
  const Conditions& c = device.conditions;
  ordered_json metrics = ordered_json::object();
  for (const auto& [name, value] : device.metrics) metrics[name] = finite(value, name.c_str());
  return {{"rank", device.rank},
          {"kind", device.kind},
          {"name", device.name},
          {"id", device.id},
          {"warmups", device.warmups},
          {"iterations", device.iterations},
          {"samples_s", numbers(device.samples_s, "samples_s")},
          {"histogram", to_json_value(device.histogram)},
          {"series", std::move(all_series)},
          {"converged", device.converged},
          {"check",
           {{"status", word(device.check.status)},
            {"error", optional_number(device.check.error, "check.error")},
            {"bound", optional_number(device.check.bound, "check.bound")},
            {"how", device.check.how}}},
          {"conditions",
           {{"clock_hz", numbers(c.clock_hz, "clock_hz")},
            {"power_w", numbers(c.power_w, "power_w")},
            {"temperature_c", numbers(c.temperature_c, "temperature_c")},
            {"throttled", c.throttled ? ordered_json(*c.throttled) : ordered_json(nullptr)},
            {"steal_fraction", optional_number(c.steal_fraction, "steal_fraction")},
            {"load", optional_number(c.load, "load")}}},
          {"metrics", std::move(metrics)}};
}

// ---- reading
// ------------------------------------------------------------------------------------------------

// The DOM interface of simdjson picks the fastest parser for the CPU at run time and checks the whole line.
namespace dom = simdjson::dom;

/// One object being read: its fields are visited once; what is unknown, twice or missing is an error.
class RecordReader {
 public:
  explicit RecordReader(const Location& where) : where_(where) {}

  [[noreturn]] void refuse(const std::string& problem, const std::string& next = {}) const {
    throw bad_input(problem, next, where_);
  }

  template <typename T>
  T get(simdjson::simdjson_result<T> result, std::string_view key, const char* expected) const {
    T value;
    if (std::move(result).get(value) != simdjson::SUCCESS) {
      refuse("'" + std::string(key) + "' is not " + expected, "the writer of this record is at fault");
    }
    return value;
  }

  double number(dom::element value, std::string_view key) const {
    return get(value.get_double(), key, "a finite number");
  }
  std::int64_t integer(dom::element value, std::string_view key) const {
    return get(value.get_int64(), key, "an integer");
  }
  int small(dom::element value, std::string_view key) const {
    const std::int64_t wide = integer(value, key);
    if (wide < -1'000'000'000 || wide > 1'000'000'000) refuse("'" + std::string(key) + "' is out of range");
    return static_cast<int>(wide);
  }
  bool truth(dom::element value, std::string_view key) const {
    return get(value.get_bool(), key, "true or false");
  }
  std::string text(dom::element value, std::string_view key) const {
    return std::string(get(value.get_string(), key, "a text"));
  }
  bool null(dom::element value) const { return value.is_null(); }
  std::string text_or_null(dom::element value, std::string_view key) const {
    return null(value) ? std::string() : text(value, key);
  }
  std::optional<double> number_or_null(dom::element value, std::string_view key) const {
    if (null(value)) return std::nullopt;
    return number(value, key);
  }
  std::vector<double> numbers(dom::element value, std::string_view key) const {
    std::vector<double> list;
    each(value, key, [&](dom::element element) { list.push_back(number(element, key)); });
    return list;
  }
  template <typename Enum>
  Enum choice(dom::element value, std::string_view key) const {
    const std::string_view given = get(value.get_string(), key, "a text");
    const auto known = from_word<Enum>(given);
    if (!known)
      refuse("'" + std::string(key) + "' is '" + std::string(given) + "'",
             "expected one of: " + known_words<Enum>());
    return *known;
  }
  template <typename Use>
  void each(dom::element value, std::string_view key, Use use) const {
    for (const dom::element element : get(value.get_array(), key, "a list")) use(element);
  }
  /// Calls use(name, value) for every field.
  template <typename Use>
  void fields(dom::object object, Use use) const {
    for (const dom::key_value_pair field : object) use(field.key, field.value);
  }
  dom::object object(dom::element value, std::string_view key) const {
    return get(value.get_object(), key, "an object");
  }

  /// Like `fields` over a fixed set of keys: each exactly once. use(index, value).
  template <std::size_t N, typename Use>
  void exactly(dom::object object, std::string_view what, const std::array<std::string_view, N>& keys,
               Use use) const {
    std::uint32_t seen = 0;
    fields(object, [&](std::string_view name, dom::element value) {
      std::size_t index = 0;
      while (index < N && keys[index] != name) ++index;
      if (index == N)
        refuse("unknown key '" + std::string(name) + "' in " + std::string(what),
               "a newer version may have written it; this one reads " + std::string(record_schema));
      if (seen >> index & 1U) refuse("key '" + std::string(name) + "' stands twice in " + std::string(what));
      seen |= 1U << index;
      use(index, value);
    });
    for (std::size_t i = 0; i < N; ++i) {
      if ((seen >> i & 1U) == 0)
        refuse("key '" + std::string(keys[i]) + "' is missing in " + std::string(what));
    }
  }

  Peak peak(dom::element value) const {
    static constexpr std::array<std::string_view, 3> keys{"value", "basis", "source"};
    Peak peak;
    exactly(object(value, "peak"), "peak", keys, [&](std::size_t key, dom::element field) {
      if (key == 0) peak.value = number(field, "value");
      if (key == 1) peak.basis = choice<PeakBasis>(field, "basis");
      if (key == 2) peak.source = text(field, "source");
    });
    return peak;
  }

  FigureOfMerit fom(dom::element value) const {
    static constexpr std::array<std::string_view, 7> keys{"name",   "numerator", "unit",  "better",
                                                          "reduce", "peak",      "series"};
    FigureOfMerit fom;
    exactly(object(value, "foms"), "a figure of merit", keys, [&](std::size_t key, dom::element field) {
      switch (key) {
        case 0:
          fom.name = text(field, "name");
          break;
        case 1:
          fom.numerator = number_or_null(field, "numerator");
          break;
        case 2:
          fom.unit = text(field, "unit");
          break;
        case 3:
          fom.better = choice<Better>(field, "better");
          break;
        case 4:
          fom.reduce = choice<Reduce>(field, "reduce");
          break;
        case 5:
          if (!null(field)) fom.peak = peak(field);
          break;
        default:
          fom.series = text_or_null(field, "series");
      }
    });
    return fom;
  }

  Check check(dom::element value) const {
    static constexpr std::array<std::string_view, 4> keys{"status", "error", "bound", "how"};
    Check check;
    exactly(object(value, "check"), "check", keys, [&](std::size_t key, dom::element field) {
      switch (key) {
        case 0:
          check.status = choice<CheckStatus>(field, "status");
          break;
        case 1:
          check.error = number_or_null(field, "error");
          break;
        case 2:
          check.bound = number_or_null(field, "bound");
          break;
        default:
          check.how = text(field, "how");
      }
    });
    return check;
  }

  Histogram histogram(dom::element value) const {
    static constexpr std::array<std::string_view, 3> keys{"per_octave", "first", "counts"};
    Histogram histogram;
    exactly(object(value, "histogram"), "histogram", keys, [&](std::size_t key, dom::element field) {
      if (key == 0) histogram.per_octave = small(field, "per_octave");
      if (key == 1) histogram.first = small(field, "first");
      if (key == 2)
        each(field, "counts", [&](dom::element count) {
          histogram.counts.push_back(get(count.get_uint64(), "counts", "a count"));
        });
    });
    if (histogram.per_octave < 1) refuse("'per_octave' is not positive");
    return histogram;
  }

  Series series(dom::element value) const {
    static constexpr std::array<std::string_view, 3> keys{"unit", "samples", "histogram"};
    Series series;
    exactly(object(value, "series"), "series", keys, [&](std::size_t key, dom::element field) {
      if (key == 0) series.unit = text(field, "unit");
      if (key == 1) series.samples = numbers(field, "samples");
      if (key == 2 && !null(field)) series.histogram = histogram(field);
    });
    return series;
  }

  Conditions conditions(dom::element value) const {
    static constexpr std::array<std::string_view, 6> keys{"clock_hz",  "power_w",        "temperature_c",
                                                          "throttled", "steal_fraction", "load"};
    Conditions conditions;
    exactly(object(value, "conditions"), "conditions", keys, [&](std::size_t key, dom::element field) {
      switch (key) {
        case 0:
          conditions.clock_hz = numbers(field, "clock_hz");
          break;
        case 1:
          conditions.power_w = numbers(field, "power_w");
          break;
        case 2:
          conditions.temperature_c = numbers(field, "temperature_c");
          break;
        case 3:
          if (!null(field)) conditions.throttled = truth(field, "throttled");
          break;
        case 4:
          conditions.steal_fraction = number_or_null(field, "steal_fraction");
          break;
        default:
          conditions.load = number_or_null(field, "load");
      }
    });
    return conditions;
  }

  DeviceResult device(dom::element value) const {
    static constexpr std::array<std::string_view, 13> keys{
        "rank",      "kind",   "name",      "id",    "warmups",    "iterations", "samples_s",
        "histogram", "series", "converged", "check", "conditions", "metrics"};
    DeviceResult device;
    exactly(object(value, "devices"), "a device", keys, [&](std::size_t key, dom::element field) {
      switch (key) {
        case 0:
          device.rank = small(field, "rank");
          break;
        case 1:
          device.kind = text(field, "kind");
          break;
        case 2:
          device.name = text(field, "name");
          break;
        case 3:
          device.id = text(field, "id");
          break;
        case 4:
          device.warmups = integer(field, "warmups");
          break;
        case 5:
          device.iterations = integer(field, "iterations");
          break;
        case 6:
          device.samples_s = numbers(field, "samples_s");
          break;
        case 7:
          if (!null(field)) device.histogram = histogram(field);
          break;
        case 8:
          fields(object(field, "series"), [&](std::string_view name, dom::element one) {
            device.series.emplace(std::string(name), series(one));
          });
          break;
        case 9:
          device.converged = truth(field, "converged");
          break;
        case 10:
          device.check = check(field);
          break;
        case 11:
          device.conditions = conditions(field);
          break;
        default:
          fields(object(field, "metrics"), [&](std::string_view name, dom::element metric) {
            device.metrics.emplace(std::string(name), number(metric, name));
          });
      }
    });
    return device;
  }

  Parameters parameters(dom::element value) const {
    Parameters result;
    fields(object(value, "parameters"), [&](std::string_view name, dom::element field) {
      const std::string key(name);
      switch (field.type()) {
        case dom::element_type::STRING:
          result.emplace(key, text(field, name));
          break;
        case dom::element_type::BOOL:
          result.emplace(key, truth(field, name));
          break;
        case dom::element_type::INT64:
          result.emplace(key, integer(field, name));
          break;
        case dom::element_type::DOUBLE:
          result.emplace(key, number(field, name));
          break;
        default:
          refuse("parameter '" + key + "' is not a number, a text or true or false");
      }
    });
    return result;
  }

  Geometry geometry(dom::element value) const {
    static constexpr std::array<std::string_view, 4> keys{"placement", "nodes", "ranks_per_node",
                                                          "threads_per_rank"};
    Geometry geometry;
    exactly(object(value, "geometry"), "geometry", keys, [&](std::size_t key, dom::element field) {
      switch (key) {
        case 0:
          geometry.placement = choice<Placement>(field, "placement");
          break;
        case 1:
          geometry.nodes = small(field, "nodes");
          break;
        case 2:
          geometry.ranks_per_node = small(field, "ranks_per_node");
          break;
        default:
          geometry.threads_per_rank = small(field, "threads_per_rank");
      }
    });
    return geometry;
  }

  Record record(dom::object document) const {
    static constexpr std::array<std::string_view, 15> keys{
        "schema", "case",   "parameters", "geometry", "start", "position",    "node",   "started",
        "status", "reason", "foms",       "devices",  "path",  "attachments", "planted"};
    Record record;
    exactly(document, "the record", keys, [&](std::size_t key, dom::element field) {
      switch (key) {
        case 0: {
          const std::string schema = text(field, "schema");
          if (schema != record_schema)
            refuse("schema is '" + schema + "'", "this version reads " + std::string(record_schema));
          break;
        }
        case 1:
          record.benchmark = text(field, "case");
          break;
        case 2:
          record.parameters = parameters(field);
          break;
        case 3:
          record.geometry = geometry(field);
          break;
        case 4:
          record.start = small(field, "start");
          break;
        case 5:
          record.position = small(field, "position");
          break;
        case 6:
          record.node = text(field, "node");
          break;
        case 7:
          record.started = text(field, "started");
          break;
        case 8:
          record.status = choice<LaunchStatus>(field, "status");
          break;
        case 9:
          record.reason = text_or_null(field, "reason");
          break;
        case 10:
          each(field, "foms", [&](dom::element one) { record.foms.push_back(fom(one)); });
          break;
        case 11:
          each(field, "devices", [&](dom::element one) { record.devices.push_back(device(one)); });
          break;
        case 12:
          fields(object(field, "path"), [&](std::string_view name, dom::element part) {
            record.path.emplace(std::string(name), text(part, name));
          });
          break;
        case 13:
          each(field, "attachments",
               [&](dom::element one) { record.attachments.push_back(text(one, "attachments")); });
          break;
        default:
          record.planted = text_or_null(field, "planted");
      }
    });
    return record;
  }

 private:
  const Location& where_;
};

/// The parser keeps its buffers from line to line.
class LineParser {
 public:
  Record parse(std::string_view line, const Location& where) {
    const RecordReader reader(where);
    buffer_.assign(line);
    buffer_.reserve(line.size() + simdjson::SIMDJSON_PADDING);
    dom::element document;
    if (const auto failure = parser_.parse(buffer_.data(), buffer_.size(), false).get(document);
        failure != simdjson::SUCCESS) {
      reader.refuse(std::string("this line is not JSON: ") + simdjson::error_message(failure),
                    "restore the file from a copy; nothing was changed");
    }
    return reader.record(reader.object(document, "the line"));
  }

 private:
  dom::parser parser_;
  std::string buffer_;
};

}  // namespace

std::string to_json_line(const Record& record) {
  ordered_json foms = ordered_json::array();
  for (const FigureOfMerit& fom : record.foms) foms.push_back(to_json_value(fom));
  ordered_json devices = ordered_json::array();
  for (const DeviceResult& device : record.devices) devices.push_back(to_json_value(device));
  ordered_json path = ordered_json::object();
  for (const auto& [name, value] : record.path) path[name] = value;
  const ordered_json json = {{"schema", record_schema},
                             {"case", record.benchmark},
                             {"parameters", to_json_value(record.parameters)},
                             {"geometry", to_json_value(record.geometry)},
                             {"start", record.start},
                             {"position", record.position},
                             {"node", record.node},
                             {"started", record.started},
                             {"status", word(record.status)},
                             {"reason", optional_text(record.reason)},
                             {"foms", std::move(foms)},
                             {"devices", std::move(devices)},
                             {"path", std::move(path)},
                             {"attachments", record.attachments},
                             {"planted", optional_text(record.planted)}};
  // Text that is not UTF-8 (a device name, a library's words) must not stop evidence from being written.
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Record parse_record(std::string_view line, const Location& where) {
  return LineParser().parse(line, where);
}

RecordsRead read_records(const std::filesystem::path& file, const std::function<void(Record&&)>& use) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    throw bad_input("cannot read " + file.string() + ": " + std::strerror(errno), "check the path");
  RecordsRead read;
  LineParser parser;
  Location where{file.string(), 0, 0};
  std::string text;  // what was read and not yet used: at most a block and one line
  std::size_t used = 0;
  try {
    for (;;) {
      const auto newline = text.find('\n', used);
      if (newline != std::string::npos) {
        ++where.line;
        const std::string_view line(text.data() + used, newline - used);
        use(parser.parse(line, where));
        ++read.records;
        used = newline + 1;
        continue;
      }
      text.erase(0, used);
      used = 0;
      constexpr std::size_t block = 1 << 20;
      const std::size_t kept = text.size();
      text.resize(kept + block);
      ssize_t got = 0;
      do {
        got = ::read(descriptor, text.data() + kept, block);
      } while (got < 0 && errno == EINTR);
      if (got < 0)
        throw bad_input("cannot read " + file.string() + ": " + std::strerror(errno), "check the disk");
      text.resize(kept + static_cast<std::size_t>(got));
      if (got == 0) break;
    }
  } catch (...) {
    ::close(descriptor);
    throw;
  }
  ::close(descriptor);
  read.truncated_last_line = !text.empty();
  return read;
}

}  // namespace assay
