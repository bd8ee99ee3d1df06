#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reports/record/unit.h"
#include "suites/harness/available_memory.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/parameters.h"
#include "suites/harness/recorder.h"
#include "suites/harness/thread_binding.h"
#include "suites/memory/support/pages.h"
#include "suites/memory/support/turns.h"
#include "suites/node/burn/compute.h"
#include "suites/node/burn/patterns.h"

namespace assay::bench {

namespace {

using burn::CoreWork;
using burn::PatternMemory;
using burn::WrongResult;

/// Slices of a second, but at least four, and no more than a series keeps apart.
int slices_of(double seconds) {
  return static_cast<int>(std::clamp(std::round(seconds), 4.0, 64.0));
}

/// Bytes of one rank's memory: what is asked for, else 256 MiB a core but no more than a quarter of what is
/// left.
std::uint64_t memory_bytes(const Parameters& parameters, const Context& context) {
  const auto asked = static_cast<std::uint64_t>(integer(parameters, "bytes"));
  if (asked > 0) return asked;
  const std::uint64_t by_cores = static_cast<std::uint64_t>(context.threads) << 28;
  const std::uint64_t left = available_memory_bytes();
  const std::uint64_t quarter = left / 4 / static_cast<std::uint64_t>(ranks_on_own_node(context.group));
  return left == 0 ? by_cores : std::min(by_cores, quarter);
}

/// One core: what it computes, its memory, and in which slice it first went wrong.
struct Core {
  std::unique_ptr<CoreWork> work;
  std::unique_ptr<PatternMemory> memory;
  int wrong_slice = -1;
};

class Burn final : public PassCase {
 public:
  Burn(const Parameters& parameters, const Context& context)
      : group_(context.group),
        threads_(context.threads),
        seed_(context.seed + static_cast<std::uint64_t>(context.group.rank()) * 1000003),
        slices_(slices_of(real(parameters, "seconds"))),
        slice_s_(real(parameters, "seconds") / slices_),
        // The figures' numerators are the same on every rank, so all ranks take the least of their memories.
        blocks_(static_cast<std::size_t>(-context.group.maximum(
            -std::floor(static_cast<double>(memory_bytes(parameters, context)) / burn::block_bytes)))),
        width_(burn::best_width()),
        cores_(static_cast<std::size_t>(context.threads)) {}

  void prepare() override {
    binding_ = std::make_unique<ThreadBinding>(group_, threads_);
    pages_ = Pages(blocks_ * burn::block_bytes, PageSize::automatic);
    auto* const words = reinterpret_cast<std::uint64_t*>(pages_.data());
#pragma omp parallel num_threads(threads_)
    {
      const int thread = omp_get_thread_num();
      Core& core = cores_[static_cast<std::size_t>(thread)];
      const std::size_t first = share(blocks_, thread), end = share(blocks_, thread + 1);
      core.work = std::make_unique<CoreWork>(width_, seed_ * 4096 + static_cast<std::uint64_t>(thread));
      core.memory = std::make_unique<PatternMemory>(words + first * burn::block_words, end - first,
                                                    first * burn::block_words, width_);
      core.memory->fill();
    }
  }

  PassLimits limits() const override {
    PassLimits limits;
    limits.warmups = 1;  // finds out how much makes a slice
    limits.minimum = slices_;
    limits.maximum = slices_;
    return limits;
  }

  void pass(Recorder& recorder) override {
    if (!recorder.recording()) return calibrate(recorder);
    recorder.time("compute", [&] { compute(repetitions_); });
    recorder.time("memory", [&] { visit(visits_); });
    for (Core& core : cores_) {
      if (core.wrong_slice < 0 && core.work->wrong() + core.memory->wrong() > 0) core.wrong_slice = slice_;
    }
    ++slice_;
  }

  /// The memory keeps its patterns: what it holds is compared at the next visit and, all of it, in the end.
  void poison() override {
    for (Core& core : cores_) core.work->poison();
  }

  Check check() override {
#pragma omp parallel num_threads(threads_)
    {
      Core& core = cores_[static_cast<std::size_t>(omp_get_thread_num())];
      core.work->compare();
      core.memory->compare_all();
    }
    Check check;
    check.bound = 0;
    std::uint64_t wrong = 0;
    std::string first;
    for (std::size_t i = 0; i < cores_.size(); ++i) {
      const Core& core = cores_[i];
      wrong += core.work->wrong() + core.memory->wrong();
      if (first.empty()) first = describe_first(core, binding_->cpus()[i]);
    }
    const bool all_done = slice_ >= slices_;
    check.error = static_cast<double>(wrong) + (all_done ? 0 : 1);
    check.status = *check.error <= *check.bound ? CheckStatus::pass : CheckStatus::fail;
    check.how = "every result bit for bit on " + std::to_string(threads_) +
                (threads_ == 1 ? " core" : " cores") + ", in " + std::to_string(slice_) +
                " slices and once more after them";
    if (wrong > 0) check.how += "; " + std::to_string(wrong) + " wrong; " + first;
    if (!all_done) check.how += "; ended before the last slice";
    return check;
  }

  std::vector<FigureOfMerit> figures() const override {
    const double operations = burn::operations_of(width_) * static_cast<double>(repetitions_);
    const double bytes = 2.0 * static_cast<double>(burn::block_bytes) * static_cast<double>(visits_);
    return {
        {"rate", operations, "FLOP/s", Better::higher, Reduce::median, std::nullopt, "compute"},
        {"rate_worst", operations, "FLOP/s", Better::higher, Reduce::max, std::nullopt, "compute"},
        {"memory_rate", bytes, "B/s", Better::higher, Reduce::median, std::nullopt, "memory"},
        {"memory_rate_worst", bytes, "B/s", Better::higher, Reduce::max, std::nullopt, "memory"},
    };
  }

  std::map<std::string, std::string> path() const override {
    return {{"kernels", burn::name_of(width_)},
            {"threads", binding_->how()},
            {"pages", describe_pages(pages_.huge_bytes(), pages_.bytes(), PageSize::automatic)}};
  }

  std::map<std::string, double> metrics() const override {
    double results = 0, words = 0, wrong_cores = 0;
    for (const Core& core : cores_) {
      results += static_cast<double>(core.work->verified());
      words += static_cast<double>(core.memory->verified());
      if (core.work->wrong() + core.memory->wrong() > 0) ++wrong_cores;
    }
    return {{"verified_results", results},
            {"verified_memory_bytes", words * sizeof(std::uint64_t)},
            {"memory_bytes", static_cast<double>(pages_.bytes())},
            {"slices", slice_},
            {"wrong_cores", wrong_cores}};
  }

  void plant(Fault fault) override {
    if (group_.rank() != group_.size() - 1) return;
    Core& last = cores_.back();
    if (fault == Fault::nan) last.work->results().front() = std::nan("");
    // One bit of the last core's memory, the least that can flip.
    auto* const words = reinterpret_cast<std::uint64_t*>(pages_.data());
    if (fault == Fault::wrong_element) words[blocks_ * burn::block_words - 1] ^= 1;
  }

 private:
  /// Of `total` units, those before the part of `thread`.
  std::size_t share(std::size_t total, int thread) const {
    return total * static_cast<std::size_t>(thread) / static_cast<std::size_t>(threads_);
  }

  void compute(std::uint64_t repetitions) {
#pragma omp parallel num_threads(threads_)
    {
      const int thread = omp_get_thread_num();
      cores_[static_cast<std::size_t>(thread)].work->repeat(share(repetitions, thread + 1) -
                                                            share(repetitions, thread));
    }
  }

  void visit(std::uint64_t visits) {
#pragma omp parallel num_threads(threads_)
    {
      const int thread = omp_get_thread_num();
      cores_[static_cast<std::size_t>(thread)].memory->visit(share(visits, thread + 1) -
                                                             share(visits, thread));
    }
  }

  /// How many repetitions and visits make three quarters and a quarter of a slice: doubled until the best of
  /// three trials is long enough to tell, since an interruption is no work. The same on all ranks, by the
  /// slowest one, and never so few that starting the threads would count, or that a thread had none: what it
  /// leaves undone would be a wrong result.
  void calibrate(Recorder& recorder) {
    constexpr double fewest_of_a_thread = 64;
    const double enough_s = std::min(0.05, slice_s_ / 8);
    const double fewest = fewest_of_a_thread * group_.maximum(threads_);
    const auto amount = [&](const char* series, double wanted_s, const auto& work) {
      const auto best_of_three = [&](std::uint64_t units) {
        double best_s = recorder.time(series, [&] { work(units); });
        for (int again = 0; again < 2; ++again)
          best_s = std::min(best_s, recorder.time(series, [&] { work(units); }));
        return best_s;
      };
      auto units = static_cast<std::uint64_t>(fewest);
      double taken_s = best_of_three(units);
      while (taken_s < enough_s) {
        units *= 2;
        taken_s = best_of_three(units);
      }
      const double unit_s = group_.maximum(taken_s / static_cast<double>(units));
      return static_cast<std::uint64_t>(std::max(fewest, wanted_s / unit_s));
    };
    repetitions_ = amount("compute", 0.75 * slice_s_, [&](std::uint64_t units) { compute(units); });
    visits_ = amount("memory", 0.25 * slice_s_, [&](std::uint64_t units) { visit(units); });
  }

  /// "CPU 3, slice 17: product element 5 is 0x... instead of 0x..."; empty when all was right.
  std::string describe_first(const Core& core, int cpu) const {
    const auto& computed = core.work->first();
    const auto& remembered = core.memory->first();
    if (!computed && !remembered) return {};
    const WrongResult& wrong = computed ? *computed : *remembered;
    const std::string when =
        core.wrong_slice < 0 ? "after the last slice" : "slice " + std::to_string(core.wrong_slice);
    char words[200];
    std::snprintf(words, sizeof words, "first on CPU %d, %s: %s %s %zu is 0x%016llx instead of 0x%016llx",
                  cpu, when.c_str(), wrong.part, remembered && !computed ? "byte" : "element", wrong.index,
                  static_cast<unsigned long long>(wrong.found),
                  static_cast<unsigned long long>(wrong.expected));
    return words;
  }

  ProcessGroup& group_;
  int threads_;
  std::uint64_t seed_;
  int slices_;
  double slice_s_;
  std::size_t blocks_;
  burn::VectorWidth width_;
  std::vector<Core> cores_;
  Pages pages_;
  std::unique_ptr<ThreadBinding> binding_;
  std::uint64_t repetitions_ = 0;
  std::uint64_t visits_ = 0;
  int slice_ = 0;
};

std::string unsupported(const Parameters& parameters, const Context& context) {
  const auto bytes = static_cast<double>(memory_bytes(parameters, context));
  if (bytes < static_cast<double>(burn::block_bytes) * context.threads)
    return format_bytes(bytes) + " leave some of " + std::to_string(context.threads) +
           " cores without memory to test; give at least " +
           format_bytes(static_cast<double>(burn::block_bytes) * context.threads) + " with bytes";
  const auto available = static_cast<double>(available_memory_bytes());
  const double needed = bytes * ranks_on_own_node(context.group);
  if (available > 0 && needed > 0.9 * available)
    return "the ranks of a node would test " + format_value(needed, "B") + " of memory, and it has " +
           format_value(available, "B") + " left (nine tenths may be used); give fewer bytes";
  return {};
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  return std::make_unique<Burn>(parameters, context);
}

BenchmarkSpec describe_burn() {
  BenchmarkSpec spec;
  spec.name = "node/burn";
  spec.title = "Processors and memory under full load for a set time, every result verified";
  spec.area = "node";
  spec.scope = Scope::device;
  spec.own_start = true;
  ParameterSpec seconds =
      real_parameter("seconds", "s", 60.0, 0.1, 7 * 86400.0,
                     "how long, in slices of a second, at least 4 and at most 64 of them; --time has no say");
  ParameterSpec bytes = bytes_parameter(
      "bytes", 0, 0, static_cast<double>(std::int64_t{1} << 46),
      "memory that each rank tests; 0: 256 MiB a core, at most a quarter of what the node has left");
  spec.parameters = {seconds, bytes};
  spec.foms = {
      {"rate", "FLOP/s", Better::higher, "verified f64 arithmetic of a slice, median over the slices",
       std::nullopt},
      {"rate_worst", "FLOP/s", Better::higher, "the same in the slowest slice", std::nullopt},
      {"memory_rate", "B/s", Better::higher,
       "memory read, verified and written again, median over the slices", std::nullopt},
      {"memory_rate_worst", "B/s", Better::higher, "the same in the slowest slice", std::nullopt},
  };
  return spec;
}

}  // namespace

const Benchmark& node_burn() {
  static const Benchmark benchmark{describe_burn(), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
