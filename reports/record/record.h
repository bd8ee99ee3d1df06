// The schema of evidence: one record is what one case gave in one start on one node.
// Format "assay.record/1", one JSON object a line; described by reference_results/schema/record.schema.json.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace assay {

using ParameterValue = std::variant<bool, std::int64_t, double, std::string>;
using Parameters = std::map<std::string, ParameterValue, std::less<>>;

/// "bf16", "8192", "0.5", "true".
std::string to_string(const ParameterValue& value);

/// How a plan spreads a case over nodes. `fixed` is a stated number of nodes, `all` every usable node in one
/// process group, `each` every node alone, `pairs` two nodes at a time.
enum class Placement { fixed, all, each, pairs };

/// The process group that a case is meant for. A record repeats what was asked for; only `nodes` of the
/// placements other than `fixed` is filled in with the number that it was.
struct Geometry {
  Placement placement = Placement::fixed;
  int nodes = 1;  ///< nodes in the process group
  int ranks_per_node = 1;
  int threads_per_rank = 0;  ///< 0: left to the worker (all cores of the node divided by its ranks)
  friend bool operator==(const Geometry&, const Geometry&) = default;
};

enum class LaunchStatus { completed, failed, timeout, unsupported, not_run };
enum class CheckStatus { pass, fail, absent };
enum class Better { higher, lower };
/// How the samples of one device become one number. `p99` and the like are taken from the histogram when
/// there is one, else from the samples (nearest rank).
enum class Reduce { median, mean, min, max, p95, p99, p99_9, total };
enum class PeakBasis { theoretical, measured };

/// An upper bound of a rate. A measured one comes from a probe: it never invalidates a result and cannot
/// carry a mandatory target.
struct Peak {
  double value = 0;  ///< in the unit of its figure of merit
  PeakBasis basis = PeakBasis::measured;
  std::string source;  ///< data sheet, or what the probe did
  friend bool operator==(const Peak&, const Peak&) = default;
};

/// A number that a case is judged by: `numerator` over the reduced samples; without a numerator the reduced
/// samples themselves (unit "s", or "1" for a share or a factor).
struct FigureOfMerit {
  std::string name;                 ///< "rate", "busbw", "latency"
  std::optional<double> numerator;  ///< work of one iteration in base units, with every factor applied
  std::string unit;                 ///< base unit of the value: "FLOP/s", "B/s", "s"
  Better better = Better::higher;
  Reduce reduce = Reduce::median;
  std::optional<Peak> peak;
  std::string series = {};  ///< which series of the device it reduces; empty: samples_s
  friend bool operator==(const FigureOfMerit&, const FigureOfMerit&) = default;
};

/// Result of comparing what was computed with what is right. `!(error <= bound)` fails, so NaN fails.
struct Check {
  CheckStatus status = CheckStatus::absent;
  std::optional<double> error;  ///< largest error found, absent when it is not a number
  std::optional<double> bound;
  std::string how;  ///< "Freivalds, 8 vectors; 64 elements in higher precision"
};

/// Counts of single operations over time, in bins of equal ratio: bin i holds durations in
/// [2^((first + i) / per_octave), 2^((first + i + 1) / per_octave)) seconds. At 16 bins an octave a value
/// read back is within 2.2 % of the true one.
struct Histogram {
  int per_octave = 16;
  int first = 0;
  std::vector<std::uint64_t> counts;
  friend bool operator==(const Histogram&, const Histogram&) = default;
};

/// The samples of one part of a pass, for cases whose pass has several parts ("write" and "read", "triad").
struct Series {
  std::string unit = "s";              ///< "s"; "1" for a share or a factor made from times; "J"
  std::vector<double> samples;         ///< at most 64; times are positive, shares and factors may be zero
  std::optional<Histogram> histogram;  ///< single operations of this part, seconds
  friend bool operator==(const Series&, const Series&) = default;
};

/// What the machine did beside the launch. Absent: not readable here, never zero.
struct Conditions {
  std::vector<double> clock_hz;  ///< sampled clock of the device (CPU: the rank's own core)
  std::vector<double> power_w;
  std::vector<double> temperature_c;
  std::optional<bool> throttled;
  std::optional<double> steal_fraction;  ///< time a hypervisor took, of all CPU time of the node
  std::optional<double> load;            ///< 1-minute load average of the node before the launch
};

/// One device (or one group of ranks that did something together: kind "group").
struct DeviceResult {
  int rank = 0;      ///< in its process group
  std::string kind;  ///< "cpu", "gpu" or "group"
  std::string name;  ///< "AMD EPYC 9754", "NVIDIA H200", "4 ranks"
  std::string id;    ///< serial or UUID; empty where there is none
  std::int64_t warmups = 0;
  std::int64_t iterations = 0;         ///< timed iterations, all samples together
  std::vector<double> samples_s;       ///< seconds per iteration, at most 64, each the mean over its interval
  std::optional<Histogram> histogram;  ///< single operations (latency mode)
  std::map<std::string, Series> series;
  bool converged = false;  ///< the interval of the median was narrow enough before time was up
  Check check;
  Conditions conditions;
  std::map<std::string, double> metrics;  ///< other numbers, names carry their unit: "energy_j"
};

struct Record {
  std::string benchmark;  ///< "compute/gemm"; JSON key "case"
  Parameters parameters;  ///< complete: defaults are spelled out
  Geometry geometry;
  int start = 0;        ///< which process group of the campaign, from 1; 0: run by hand
  int position = 0;     ///< place of the case within its start, from 1
  std::string node;     ///< identity from the launcher, not the host name alone
  std::string started;  ///< UTC, "2026-11-22T10:00:00.123Z"
  LaunchStatus status = LaunchStatus::completed;
  std::string reason;  ///< why not completed; empty (JSON null) when completed
  std::vector<FigureOfMerit> foms;
  std::vector<DeviceResult> devices;
  std::map<std::string, std::string> path;  ///< what really carried the work: {"transport":"shared memory"}
  std::vector<std::string> attachments;     ///< SHA-256 of files in attachments/
  std::string
      planted;  ///< a fault that was planted on purpose; such a record is always invalid. Empty: none.
};

/// The value of a figure of merit on one device; absent when there is no usable sample (none, not finite, not
/// positive; zero is usable where the unit is "1").
std::optional<double> value_of(const FigureOfMerit& fom, const DeviceResult& device);

/// Reduces samples. The median of an even number is the mean of the middle two; percentiles are the nearest
/// rank. Absent when `samples` is empty or holds a number that is not finite or negative.
std::optional<double> reduce_samples(Reduce reduce, const std::vector<double>& samples);

/// The value below which a share q of the counts lies (upper edge of the bin that reaches it).
std::optional<double> quantile(const Histogram& histogram, double q);

/// The same case has the same identity in every record, plan and report.
struct CaseIdentity {
  std::string benchmark;
  Parameters parameters;
  Geometry geometry;

  /// Canonical text, unique for the identity: "compute/gemm dtype=f32 k=2048 m=2048 n=2048 @1x1" (nodes x
  /// ranks[x threads]); a number of nodes that was resolved from "all", "each" or "pairs" is not part of it.
  std::string key() const;
};

}  // namespace assay
