// The contract between a benchmark and the harness. A benchmark says what it works on, does one iteration at
// a time and checks what the timed iterations left behind. It prints nothing, reads no clock and keeps no
// global.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reports/record/catalogue.h"
#include "reports/record/record.h"
#include "suites/device/device.h"
#include "suites/harness/process_group.h"

namespace assay::bench {

/// Faults that can be planted on purpose, to show that each check can fail.
enum class Fault { none, wrong_element, nan, silent_rank, slow_rank, hang, crash, truncated_record, garbage };

/// What a case may use.
struct Context {
  ProcessGroup& group;
  int threads = 1;                           ///< OpenMP threads of this rank
  std::uint64_t seed = 0;                    ///< the same on every rank; mix in rank and slot
  std::uint64_t last_level_cache_bytes = 0;  ///< of the node; 0: unknown
  Fault fault = Fault::none;
  double time_s = 1;  ///< measuring time to aim for, warm-up included
  std::map<std::string, std::string> storage =
      {};                                       ///< folders to measure in, by name: {"scratch", "/lustre/x"}
  std::string trace_file = {};                  ///< where Case::trace goes; empty: none is wanted
  std::vector<std::string> library_flags = {};  ///< as given by hand; see LibraryFlags
};

/// Bytes that belong to a record and do not fit its line (a link matrix). The content tells its own format.
struct Attachment {
  std::string bytes;
};

/// One case on one rank: what all cases have, however they are timed.
class Case {
 public:
  virtual ~Case() = default;

  /// Allocates and fills. What it throws makes the case `failed` with that reason.
  virtual void prepare() = 0;
  /// Overwrites every output with a pattern that no right answer has (NaN where the type has one).
  virtual void poison() = 0;
  /// Examines all outputs as the last timed pass left them. Collective calls are allowed.
  virtual Check check() = 0;

  /// Closed formulas; the same on every rank. Asked for after the measurement.
  virtual std::vector<FigureOfMerit> figures() const = 0;
  /// What really carried the work: {"library": "oneDNN 2.6.3", "kernel": "brgemm:avx512_core_bf16"}. The key
  /// "invalid" says why this was not what the case names (a cache answered for the disk).
  virtual std::map<std::string, std::string> path() const { return {}; }
  /// Other numbers of this rank; names carry their unit: {"working_set_bytes", 4096}.
  virtual std::map<std::string, double> metrics() const { return {}; }
  /// On rank 0, what the record refers to by its hash; asked for after check. Empty elsewhere.
  virtual std::vector<Attachment> attachments() const { return {}; }
  /// What the case works on; null: the host's processor.
  virtual device::Device* device() const { return nullptr; }
  /// On rank 0, when the context has a trace_file: one recorded pass, part by part, of all ranks, as Chrome's
  /// trace JSON; asked for after check. Only of benchmarks that say that they `trace`.
  virtual std::string trace() const { return {}; }
  /// Plants the context's fault (wrong_element, nan) into what the last pass left, before check.
  virtual void plant(Fault fault) = 0;
};

enum class Mode {
  throughput,  ///< batches of iterations over the ring; samples are means over an interval
  latency,     ///< each operation alone after a barrier, into a histogram
};

/// One kind of operation again and again; the harness times it from outside. Calls come in this order, on
/// every rank alike:
///   prepare, { [refill] iterate ... iterate } ..., poison, [refill] iterate over the whole ring (timed too),
///   check
class LoopCase : public Case {
 public:
  virtual Mode mode() const { return Mode::throughput; }
  /// Prefilled buffers that iterations rotate over; a batch is a multiple of it.
  virtual int ring() const = 0;
  /// True when an iteration destroys its input (in place): the ring is then refilled, untimed, before each
  /// pass.
  virtual bool consumes_input() const { return false; }
  /// Inputs as they were after prepare; called only when consumes_input().
  virtual void refill() {}
  /// The timed work on one slot of the ring, nothing else.
  virtual void iterate(int slot) = 0;
  /// Waits for what iterate has only begun, on a device that works by itself. Timed: the last call of each
  /// interval, and in latency mode of each operation.
  virtual void finish() {}
  /// An interval lasts at least this long where time allows; 0: what the harness finds long enough.
  virtual double shortest_interval_s() const { return 0; }
  /// A device whose clock has to settle first is warmed up until rate and clock are stable (settling.h), for
  /// at most so long when `time_s` is aimed for; the record's path says how it ended. The same on every rank.
  /// 0: the harness's short warm-up will do.
  virtual double settling_limit_s(double /*time_s*/) const { return 0; }
};

class Recorder;

/// How often a PassCase is passed through.
struct PassLimits {
  int warmups = 1;  ///< passes that are not recorded
  int minimum = 1;  ///< recorded passes at least, the last one (after poison) included
  int maximum = 1 << 20;
  std::string headline;  ///< the series whose median decides when to stop; empty: until time or maximum is up
};

/// Several things in turn, each with times of its own (write and read; communication alone, computation
/// alone, both). Calls come in this order, on every rank alike:
///   prepare, pass ... pass, poison, pass (recorded too), check
class PassCase : public Case {
 public:
  virtual PassLimits limits() const = 0;
  /// One pass; what is timed goes through the recorder (recorder.h).
  virtual void pass(Recorder& recorder) = 0;
};

/// Flags that a benchmark takes beside its parameters and hands to a library that it runs on, for runs by
/// hand. They are no part of a case: what they leave out is missing from the record.
struct LibraryFlags {
  std::string prefix = {};  ///< "benchmark_" takes --benchmark_filter=x; empty: none
  /// What they ask for in place of a measurement, to be printed (a list of names); empty: measure. Throws
  /// Error(bad_input) for flags that the library does not understand.
  std::string (*answer)(const Parameters& parameters, const std::vector<std::string>& flags) = nullptr;
};

/// A benchmark: what the catalogue says of it, whether it can run here, and how to make a case.
struct Benchmark {
  BenchmarkSpec spec;
  /// "Can it run here?" is a question apart from running: empty when it can, else the reason.
  std::string (*unsupported)(const Parameters& parameters, const Context& context);
  std::unique_ptr<Case> (*make)(const Parameters& parameters, const Context& context);
  bool traces = false;  ///< Case::trace gives one
  LibraryFlags library_flags = {};
};

/// All registered benchmarks, by name. The list is generated from the folders' benchmark.cmake files.
const std::vector<const Benchmark*>& benchmarks();

// Typed access to complete parameters; a name or type that the spec does not have is a fault of the program.
std::int64_t integer(const Parameters& parameters, const char* name);
const std::string& text(const Parameters& parameters, const char* name);
bool flag(const Parameters& parameters, const char* name);
double real(const Parameters& parameters, const char* name);

}  // namespace assay::bench
