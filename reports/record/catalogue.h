// Which benchmarks exist, and with which parameters: what `assay` knows about `assay-bench`.
// Format "assay.catalogue/1", written by `assay-bench --describe`, embedded in `assay` at build time.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reports/base/error.h"
#include "reports/record/record.h"

namespace assay {

enum class ParameterType { integer, bytes, real, choice, flag, text };

struct ParameterSpec {
  std::string name;
  ParameterType type = ParameterType::integer;
  std::string unit;  ///< "", "B", "s"; bytes accept "8 MiB"
  ParameterValue default_value;
  std::vector<std::string> choices;        ///< for `choice`
  std::optional<double> minimum, maximum;  ///< inclusive, for numbers
  std::string meaning;
};

struct FomSpec {
  std::string name;
  std::string unit;  ///< base unit
  Better better = Better::higher;
  std::string meaning;
  /// Given only when this parameter has this value ({"mode", "latency"}), or is a number above zero
  /// ({"sustain", above_zero}); absent: always.
  std::optional<std::pair<std::string, std::string>> only_when;

  /// Whether a case gives it whose parameter of that name has this value. Only with only_when.
  bool given_with(const ParameterValue& value) const;
  /// The condition as people write it: `mode = "latency"`, `sustain above 0`. Only with only_when.
  std::string condition() const;
};

/// In place of a value of only_when.
inline constexpr const char* above_zero = ">0";

/// Whether each device has its own figure or all ranks have one together.
enum class Scope { device, group };

struct BenchmarkSpec {
  std::string name;   ///< "compute/gemm"
  std::string title;  ///< "Matrix product"
  std::string area;   ///< "compute", "memory", "collectives", ...: the first part of the name
  Scope scope = Scope::device;
  bool own_start = false;  ///< needs a process group of its own (storage, training, burn)
  int minimum_ranks = 1;
  std::vector<ParameterSpec> parameters;
  std::vector<FomSpec> foms;  ///< the first one is the headline

  const ParameterSpec* find_parameter(std::string_view name) const;
  const FomSpec* find_fom(std::string_view name) const;
};

struct Catalogue {
  std::string version;  ///< of the program that wrote it
  std::vector<BenchmarkSpec> benchmarks;

  const BenchmarkSpec* find(std::string_view name) const;
  std::vector<std::string> names() const;
};

std::string to_json(const Catalogue& catalogue);
/// Throws Error(bad_input).
Catalogue parse_catalogue(std::string_view json, const std::string& file);

/// Checks and converts one value as people write it ("8 MiB" for bytes, integers for reals).
/// Throws Error(bad_input) at `where` with what was expected.
ParameterValue checked_value(const ParameterSpec& spec, const ParameterValue& given, const Location& where);
/// The same from a command line ("4096", "8MiB", "bf16", "true").
ParameterValue checked_value(const ParameterSpec& spec, std::string_view text, const Location& where);

/// `given` over the defaults; unknown names are an Error with the nearest right one.
Parameters complete_parameters(const BenchmarkSpec& benchmark, const Parameters& given,
                               const Location& where);

/// A value as people read it: sizes as "64 MiB". `spec` may be null.
std::string value_text(const ParameterSpec* spec, const ParameterValue& value);

/// The first parameter and those that differ from their default, in the catalogue's order:
/// "compute/gemm dtype=bf16 m=4096". All of them when the benchmark is not known (null).
std::string case_label(const BenchmarkSpec* benchmark, const CaseIdentity& identity);

}  // namespace assay
