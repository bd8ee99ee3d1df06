#include "suites/collectives/allreduce/allreduce.h"

#include <mpi.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "suites/collectives/allreduce/arithmetic.h"
#include "suites/collectives/allreduce/exact_sum.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/mpi_library.h"
#include "suites/harness/ring.h"

namespace assay::bench {

double busbw_factor(int ranks) {
  return 2.0 * (ranks - 1) / ranks;
}

namespace {

class Allreduce final : public LoopCase {
 public:
  Allreduce(const Parameters& parameters, const Context& context)
      : group_(context.group),
        fault_(context.fault),
        element_(parse_element(text(parameters, "dtype"))),
        in_place_(flag(parameters, "in_place")),
        mode_(text(parameters, "mode") == "latency" ? Mode::latency : Mode::throughput),
        bytes_(static_cast<std::size_t>(integer(parameters, "bytes"))),
        count_(bytes_ / device::bytes_of(element_)),
        ranks_on_node_(context.group.most_ranks_on_a_node()),
        ring_(ring_slots(bytes_, buffers(), ranks_on_node_, context.last_level_cache_bytes)),
        sums_(element_, context.seed, group_.rank(), group_.size()),
        sum_(element_, group_.alone()),
        communicator_(group_.communicator()) {}

  ~Allreduce() override {
    if (communicator_ != group_.communicator()) MPI_Comm_free(&communicator_);
  }
  Allreduce(const Allreduce&) = delete;
  Allreduce& operator=(const Allreduce&) = delete;

  Mode mode() const override { return mode_; }
  int ring() const override { return ring_; }
  bool consumes_input() const override { return in_place_; }

  void prepare() override {
    if (fault_ == Fault::silent_rank) {
      // The last rank talks to nobody: the others reduce without it, and nobody waits.
      const bool silent = group_.rank() == group_.size() - 1;
      MPI_Comm_split(group_.communicator(), silent ? 1 : 0, group_.rank(), &communicator_);
    }
    results_ = Ring(bytes_, ring_);
    if (!in_place_) {
      inputs_ = Ring(bytes_, ring_);
      for (int slot = 0; slot < ring_; ++slot) sums_.fill(inputs_[slot], count_, slot);
    }
    poison();  // touches the pages, so that the timed part does not
    if (in_place_) refill();
  }

  void refill() override {
    for (int slot = 0; slot < ring_; ++slot) sums_.fill(results_[slot], count_, slot);
  }

  void poison() override {
    const std::size_t size = device::bytes_of(element_);
    for (int slot = 0; slot < ring_; ++slot) {
      for (std::size_t byte = 0; byte < bytes_; ++byte)
        results_[slot][byte] = poison_byte(element_, byte % size);
    }
  }

  void iterate(int slot) override {
    const void* input = in_place_ ? MPI_IN_PLACE : inputs_[slot];
    MPI_Allreduce(input, results_[slot], static_cast<int>(count_), sum_.type(), sum_.operation(),
                  communicator_);
  }

  Check check() override {
    Differences all;
    int first_slot = 0;
    for (int slot = 0; slot < ring_; ++slot) {
      const Differences one = sums_.compare(results_[slot], count_, slot);
      if (!all.first && one.first) {
        all.first = one.first;
        all.found = one.found;
        all.expected = one.expected;
        first_slot = slot;
      }
      all.wrong += one.wrong;
      all.largest = std::max(all.largest, one.largest);
      all.not_a_number = all.not_a_number || one.not_a_number;
    }
    char place[160] = "";
    if (all.first) {
      std::snprintf(place, sizeof place, "first at rank %d, slot %d, element %zu: %.9g instead of %.9g",
                    group_.rank(), first_slot, *all.first, all.found, all.expected);
    }
    const std::int64_t wrong = group_.sum(all.wrong);
    const double largest = group_.maximum(all.largest);
    const bool not_a_number = group_.any(all.not_a_number);
    const auto places = group_.gather(place, 0);
    Check check;
    check.bound = 0;
    if (!not_a_number) check.error = largest;
    check.status =
        wrong == 0 && check.error && *check.error <= *check.bound ? CheckStatus::pass : CheckStatus::fail;
    check.how = "exact sum, each element of " + std::to_string(ring_) + " slots on " +
                std::to_string(group_.size()) + " ranks";
    if (sums_.limits().contributors < group_.size()) {
      check.how +=
          "; each sums " + std::to_string(sums_.limits().contributors) + " of the ranks, the others give 0";
    }
    if (wrong > 0) check.how += "; " + std::to_string(wrong) + " wrong";
    for (const std::string& one : places) {
      if (one.empty()) continue;
      check.how += ", " + one;
      break;
    }
    return check;
  }

  std::vector<FigureOfMerit> figures() const override {
    const auto seconds = [](const char* name, Reduce reduce) {
      return FigureOfMerit{name, std::nullopt, "s", Better::lower, reduce, std::nullopt};
    };
    if (mode_ == Mode::latency) {
      return {seconds("latency", Reduce::median), seconds("p95", Reduce::p95), seconds("p99", Reduce::p99),
              seconds("max", Reduce::max)};
    }
    const auto bytes = static_cast<double>(bytes_);
    return {
        {"busbw", bytes * busbw_factor(group_.size()), "B/s", Better::higher, Reduce::median, std::nullopt},
        {"algbw", bytes, "B/s", Better::higher, Reduce::median, std::nullopt},
        seconds("time", Reduce::median)};
  }

  std::map<std::string, std::string> path() const override {
    const bool one_node = ranks_on_node_ == group_.size();
    return {{"transport", one_node ? "shared memory" : "network (not identified)"},
            {"mpi", mpi_library()},
            {"operation", ElementSum::name(element_)}};
  }

  std::map<std::string, double> metrics() const override {
    return {{"working_set_bytes", static_cast<double>(bytes_) * buffers() * ranks_on_node_ * ring_}};
  }

  void plant(Fault fault) override {
    if (group_.rank() != group_.size() - 1) return;
    std::byte* last = results_[ring_ - 1] + (count_ / 2) * device::bytes_of(element_);
    if (fault == Fault::wrong_element) {
      // Off by one unit: the smallest error that an exact sum can have.
      const double right = decode(element_, last) / unit_of(element_);
      const auto units = static_cast<std::int64_t>(right);
      encode(element_, units > 0 ? units - 1 : units + 1, last);
    } else if (fault == Fault::nan) {
      for (std::size_t byte = 0; byte < device::bytes_of(element_); ++byte)
        last[byte] = poison_byte(element_, byte);
    }
  }

 private:
  int buffers() const { return in_place_ ? 1 : 2; }

  ProcessGroup& group_;
  Fault fault_;
  Element element_;
  bool in_place_;
  Mode mode_;
  std::size_t bytes_;
  std::size_t count_;
  int ranks_on_node_;
  int ring_;
  ExactSum sums_;
  ElementSum sum_;
  MPI_Comm communicator_;
  Ring inputs_;
  Ring results_;
};

std::string unsupported(const Parameters& parameters, const Context&) {
  const std::string& dtype = text(parameters, "dtype");
  const auto bytes = integer(parameters, "bytes");
  const auto size = static_cast<std::int64_t>(device::bytes_of(parse_element(dtype)));
  if (bytes % size != 0) {
    return std::to_string(bytes) + " bytes are no whole number of " + dtype +
           " elements; give a multiple of " + std::to_string(size);
  }
  return {};
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  return std::make_unique<Allreduce>(parameters, context);
}

BenchmarkSpec describe_allreduce() {
  BenchmarkSpec spec;
  spec.name = "collectives/allreduce";
  spec.title = "All-reduce: every rank gets the sum of all ranks' buffers";
  spec.area = "collectives";
  spec.scope = Scope::group;
  spec.minimum_ranks = 2;
  ParameterSpec bytes;
  bytes.name = "bytes";
  bytes.type = ParameterType::bytes;
  bytes.unit = "B";
  bytes.default_value = std::int64_t{1} << 20;
  bytes.minimum = 2;
  bytes.maximum = static_cast<double>(std::int64_t{1} << 30);
  bytes.meaning = "message size on each rank";
  ParameterSpec dtype;
  dtype.name = "dtype";
  dtype.type = ParameterType::choice;
  dtype.default_value = std::string("f32");
  dtype.choices = {"f32", "f64", "int32", "bf16"};
  dtype.meaning = "element type; bf16 is summed by an operation of our own, MPI 3.1 has none";
  ParameterSpec in_place;
  in_place.name = "in_place";
  in_place.type = ParameterType::flag;
  in_place.default_value = false;
  in_place.meaning = "the result replaces the input (MPI_IN_PLACE)";
  ParameterSpec mode;
  mode.name = "mode";
  mode.type = ParameterType::choice;
  mode.default_value = std::string("throughput");
  mode.choices = {"throughput", "latency"};
  mode.meaning = "operations back to back, or each alone after a barrier";
  spec.parameters = {bytes, dtype, in_place, mode};
  const std::pair<std::string, std::string> throughput{"mode", "throughput"};
  const std::pair<std::string, std::string> latency{"mode", "latency"};
  spec.foms = {
      {"busbw", "B/s", Better::higher, "bytes / time * 2 (n - 1) / n for n ranks", throughput},
      {"algbw", "B/s", Better::higher, "bytes / time", throughput},
      {"time", "s", Better::lower, "of one operation, median over the intervals, the longest over all ranks",
       throughput},
      {"latency", "s", Better::lower, "of one operation alone, median, the longest over all ranks", latency},
      {"p95", "s", Better::lower, "19 of 20 operations take no longer", latency},
      {"p99", "s", Better::lower, "99 of 100 operations take no longer", latency},
      {"max", "s", Better::lower, "the longest operation", latency},
  };
  return spec;
}

}  // namespace

const Benchmark& collectives_allreduce() {
  static const Benchmark benchmark{describe_allreduce(), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
