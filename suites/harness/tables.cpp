#include "suites/harness/tables.h"

#include <algorithm>
#include <optional>
#include <ostream>
#include <sstream>

#include "reports/base/names.h"
#include "reports/record/unit.h"
#include "suites/harness/statistics.h"

namespace assay::bench {

namespace {

constexpr std::size_t narrowest = 10;
constexpr std::size_t most_devices_shown = 8;
constexpr std::size_t most_figures_in_columns = 12;

std::string padded(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

std::string show(const ParameterSpec* spec, const ParameterValue& value) {
  if (spec != nullptr && spec->type == ParameterType::bytes) {
    if (const auto* bytes = std::get_if<std::int64_t>(&value))
      return format_bytes(static_cast<double>(*bytes));
  }
  return to_string(value);
}

/// Seconds of one iteration, reduced; the longest single operation exactly where it is known.
std::optional<double> seconds(const DeviceResult& device, Reduce reduce) {
  if (reduce == Reduce::max) {
    const auto exact = device.metrics.find("longest_s");
    if (exact != device.metrics.end()) return exact->second;
  }
  FigureOfMerit time;
  time.unit = "s";
  time.reduce = reduce;
  return value_of(time, device);
}

std::string show_seconds(const DeviceResult& device, Reduce reduce) {
  const auto value = seconds(device, reduce);
  return value ? format_value(*value, "s") : "-";
}

std::string show_check(const Check& check) {
  return check.status == CheckStatus::pass ? "pass" : check.status == CheckStatus::fail ? "FAIL" : "absent";
}

}  // namespace

ResultTable::ResultTable(std::ostream& out, const BenchmarkSpec& spec, std::vector<std::string> varying)
    : out_(out), spec_(spec), varying_(std::move(varying)) {}

bool ResultTable::shown(const FomSpec& fom, const Record& record) const {
  if (fom.unit == "s" && !by_parts_) return false;  // times have the columns p50 to max
  if (!fom.only_when) return true;
  const std::string& name = fom.only_when->first;
  if (std::find(varying_.begin(), varying_.end(), name) != varying_.end()) return true;
  const auto value = record.parameters.find(name);
  return value != record.parameters.end() && fom.given_with(value->second);
}

void ResultTable::print_title(const Record& record) {
  const int ranks = record.geometry.nodes * record.geometry.ranks_per_node;
  out_ << spec_.name << ": " << spec_.title << "; " << ranks << (ranks == 1 ? " rank on " : " ranks on ")
       << record.geometry.nodes << (record.geometry.nodes == 1 ? " node" : " nodes");
  titled_path_ = record.path;
  for (const auto& [name, value] : record.path) out_ << "; " << name << ": " << value;
  out_ << "\n";
  std::vector<std::string> constant;
  for (const ParameterSpec& parameter : spec_.parameters) {
    const auto value = record.parameters.find(parameter.name);
    if (value == record.parameters.end()) continue;
    if (std::find(varying_.begin(), varying_.end(), parameter.name) != varying_.end()) continue;
    constant.push_back(parameter.name + "=" + show(&parameter, value->second));
  }
  if (!constant.empty()) out_ << "with " << join(constant, " ") << "\n";
  if (!record.planted.empty()) out_ << "PLANTED FAULT: " << record.planted << "\n";
  out_ << "\n";
}

void ResultTable::print_headings(const Record& record) {
  by_parts_ = !record.devices.empty() && record.devices[0].samples_s.empty();
  headings_ = varying_;
  if (spec_.scope == Scope::device) headings_.emplace_back("rank");
  headings_.emplace_back(by_parts_ ? "passes" : "iterations");
  for (const FomSpec& fom : spec_.foms) {
    if (!shown(fom, record)) continue;
    rates_.push_back(&fom);
  }
  listed_ = rates_.size() > most_figures_in_columns;
  for (const FomSpec* fom : rates_)
    if (!listed_) headings_.push_back(fom->name);
  if (!by_parts_) {
    for (const char* name : {"p50", "+-", "p95", "p99", "max"}) headings_.emplace_back(name);
  }
  headings_.emplace_back("check");
  print_row(headings_);
}

void ResultTable::print_row(const std::vector<std::string>& cells) const {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    // A rate takes up to 13 characters ("123.4 GFLOP/s"), a name as many as it has.
    const std::size_t width = std::max(i < headings_.size() ? headings_[i].size() : 0, narrowest);
    const bool rate =
        i < headings_.size() && std::any_of(rates_.begin(), rates_.end(),
                                            [&](const FomSpec* fom) { return fom->name == headings_[i]; });
    if (i > 0) line += "  ";
    line += padded(cells[i], rate ? std::max<std::size_t>(width, 13) : width);
  }
  out_ << line << "\n" << std::flush;
}

std::string ResultTable::parameter_cell(const Record& record, const std::string& name) const {
  const auto value = record.parameters.find(name);
  return value == record.parameters.end() ? "-" : show(spec_.find_parameter(name), value->second);
}

std::vector<std::string> ResultTable::cells(const Record& record, const DeviceResult& device,
                                            const std::string& who) const {
  std::vector<std::string> row;
  for (const std::string& name : varying_) row.push_back(parameter_cell(record, name));
  if (spec_.scope == Scope::device) row.push_back(who);
  row.push_back(std::to_string(device.iterations));
  for (const FomSpec* fom : rates_) {
    if (listed_) break;
    const auto given = std::find_if(record.foms.begin(), record.foms.end(),
                                    [&](const FigureOfMerit& one) { return one.name == fom->name; });
    const auto value = given == record.foms.end() ? std::nullopt : value_of(*given, device);
    row.push_back(value ? format_value(*value, given->unit) : "-");
  }
  if (!by_parts_) {
    row.push_back(show_seconds(device, Reduce::median));
    // Single operations have no such interval: the bins of a histogram are wider than it.
    const auto width = device.histogram ? std::nullopt : relative_half_width(device.samples_s);
    row.push_back(width ? format_share(*width, 1) : "-");
    for (const Reduce reduce : {Reduce::p95, Reduce::p99, Reduce::max}) {
      row.push_back(show_seconds(device, reduce));
    }
  }
  row.push_back(show_check(device.check));
  // What the title said of the first case and is otherwise here: the level of a cache, another kernel.
  for (const auto& [name, value] : record.path) {
    const auto titled = titled_path_.find(name);
    if (titled == titled_path_.end() || titled->second != value) row.push_back(name + ": " + value);
  }
  return row;
}

void ResultTable::print_figures(const Record& record, const DeviceResult& device) {
  if (!listed_) return;
  std::size_t widest = 0;
  for (const FigureOfMerit& fom : record.foms) widest = std::max(widest, fom.name.size());
  for (const FigureOfMerit& fom : record.foms) {
    const std::optional<double> value = value_of(fom, device);
    out_ << "  " << fom.name << std::string(widest - fom.name.size() + 2, ' ')
         << padded(value ? format_value(*value, fom.unit) : "-", 13);
    if (value && fom.peak) out_ << "  " << format_share(*value / fom.peak->value, 1) << " of peak";
    out_ << "\n";
  }
}

void ResultTable::add(const Record& record) {
  if (!started_) print_title(record);
  started_ = true;
  const bool completed = record.status == LaunchStatus::completed;
  if (headings_.empty() && (completed || !varying_.empty())) print_headings(record);
  if (record.status != LaunchStatus::completed) {
    std::vector<std::string> row;
    for (const std::string& name : varying_) row.push_back(parameter_cell(record, name));
    row.push_back(std::string(record.status == LaunchStatus::unsupported ? "unsupported: " : "failed: ") +
                  record.reason);
    print_row(row);
    return;
  }
  for (const DeviceResult& device : record.devices) {
    if (!by_parts_) (device.histogram ? histograms_ : intervals_) = true;
    if (!device.converged) ++not_converged_;
  }
  if (record.devices.size() <= most_devices_shown) {
    for (const DeviceResult& device : record.devices) {
      print_row(cells(record, device, std::to_string(device.rank)));
      print_figures(record, device);
    }
    return;
  }
  const auto slowest = std::max_element(
      record.devices.begin(), record.devices.end(), [](const DeviceResult& a, const DeviceResult& b) {
        return seconds(a, Reduce::median).value_or(0) < seconds(b, Reduce::median).value_or(0);
      });
  print_row(cells(record, *slowest, std::to_string(slowest->rank)));
  print_figures(record, *slowest);
  out_ << "  (the slowest of " << record.devices.size() << " ranks on " << record.node << ")\n";
}

void ResultTable::finish() {
  if (rates_.empty()) return;  // nothing was measured
  const std::string longest = spec_.scope == Scope::group ? ", the longest over all ranks" : "";
  out_ << "\n";
  if (intervals_) {
    out_ << "p50 to max: seconds per iteration over the timed intervals, each a batch of iterations"
         << longest << ".\n";
  }
  if (histograms_) {
    out_ << (intervals_ ? "In latency mode: " : "p50 to max: ") << "single operations, each after a barrier"
         << longest << "; p50 to p99 are upper edges of bins 4.4 % wide.\n";
  }
  if (intervals_) out_ << "+-: half the width of the 95 % interval of p50, relative.\n";
  for (const FomSpec* fom : rates_) out_ << fom->name << ": " << fom->meaning << ".\n";
}

std::vector<std::string> warnings(const BenchmarkSpec& spec, const Record& record) {
  const std::string label = case_label(&spec, {record.benchmark, record.parameters, record.geometry});
  std::vector<std::string> texts;
  if (const auto invalid = record.path.find("invalid"); invalid != record.path.end()) {
    texts.push_back(label + ": INVALID: " + invalid->second);
  }
  for (const DeviceResult& device : record.devices) {
    const std::string who =
        label + (spec.scope == Scope::device ? ", rank " + std::to_string(device.rank) : "");
    if (device.check.status == CheckStatus::fail) {
      texts.push_back(who + ": the check FAILED: " + device.check.how + "; its speed means nothing");
    } else if (device.check.status == CheckStatus::absent) {
      texts.push_back(who + ": nothing was checked; its speed means nothing until it is");
    }
    if (device.conditions.steal_fraction && *device.conditions.steal_fraction > 0.01) {
      texts.push_back(who + ": a hypervisor took " + format_share(*device.conditions.steal_fraction) +
                      " of the CPU time; repeat on a machine of your own");
    }
    if (device.conditions.throttled.value_or(false)) {
      texts.push_back(who + ": the CPU was throttled for heat; look at its cooling");
    }
  }
  return texts;
}

std::string describe(const BenchmarkSpec& spec) {
  std::ostringstream out;
  out << spec.name << ": " << spec.title << "\n"
      << (spec.scope == Scope::group ? "One figure for all ranks together"
                                     : "Each rank's device has its own figure")
      << "; needs at least " << spec.minimum_ranks << (spec.minimum_ranks == 1 ? " rank" : " ranks")
      << ".\n\n";
  std::vector<std::vector<std::string>> rows = {{"parameter", "unit", "default", "values", "meaning"}};
  for (const ParameterSpec& parameter : spec.parameters) {
    std::string values;
    const auto bound = [&](double value) {
      return parameter.type == ParameterType::bytes ? format_bytes(value) : to_string(ParameterValue(value));
    };
    if (parameter.type == ParameterType::choice) {
      values = join(parameter.choices, " ");
    } else if (parameter.type == ParameterType::flag) {
      values = "true false";
    } else if (parameter.minimum && parameter.maximum) {
      values = bound(*parameter.minimum) + " to " + bound(*parameter.maximum);
    } else if (parameter.minimum) {
      values = "at least " + bound(*parameter.minimum);
    } else if (parameter.maximum) {
      values = "at most " + bound(*parameter.maximum);
    }
    rows.push_back({"--" + parameter.name, parameter.unit, show(&parameter, parameter.default_value), values,
                    parameter.meaning});
  }
  rows.push_back({});
  rows.push_back({"figure", "unit", "better", "given", "meaning"});
  for (const FomSpec& fom : spec.foms) {
    const std::string when = !fom.only_when ? "always"
                             : fom.only_when->second == above_zero
                                 ? fom.condition()
                                 : fom.only_when->first + "=" + fom.only_when->second;
    rows.push_back(
        {fom.name, fom.unit, fom.better == Better::higher ? "higher" : "lower", when, fom.meaning});
  }
  std::vector<std::size_t> widths(5, 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - row[i].size() + 2, ' ');
    }
    out << line << "\n";
  }
  return out.str();
}

}  // namespace assay::bench
