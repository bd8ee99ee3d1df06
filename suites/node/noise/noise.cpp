#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "suites/harness/benchmark.h"
#include "suites/harness/parameters.h"
#include "suites/harness/recorder.h"
#include "suites/harness/thread_binding.h"
#include "suites/node/noise/quanta.h"

namespace assay::bench {

namespace {

/// What one core did in the last pass.
struct alignas(64) CoreLog {
  std::vector<double> seconds;         ///< of each quantum, from the end of the one before
  std::vector<std::uint64_t> results;  ///< of each quantum
  std::size_t quanta = 0;
};

class Noise final : public PassCase {
 public:
  Noise(const Parameters& parameters, const Context& context)
      : group_(context.group),
        threads_(context.threads),
        seed_(context.seed),
        quantum_s_(real(parameters, "quantum")),
        // The rest of the time is for finding out how long a quantum takes.
        window_s_(std::max(0.8 * context.time_s, fewest_quanta * quantum_s_)),
        logs_(static_cast<std::size_t>(context.threads)) {}

  void prepare() override {
    binding_ = std::make_unique<ThreadBinding>(group_, threads_);
    // Twice as many as expected: clocks may rise after the quantum was fixed.
    const auto room = static_cast<std::size_t>(2 * window_s_ / quantum_s_) + 16;
#pragma omp parallel num_threads(threads_)
    {
      CoreLog& log = logs_[static_cast<std::size_t>(omp_get_thread_num())];
      log.seconds.assign(room, 0);
      log.results.assign(room, 0);
    }
  }

  PassLimits limits() const override {
    PassLimits limits;
    limits.warmups = 1;  // finds the number of rounds
    limits.minimum = 1;
    limits.maximum = 1;  // one long window: rare interruptions weigh as often as they come
    return limits;
  }

  void pass(Recorder& recorder) override {
    if (!recorder.recording()) return calibrate(recorder);
    recorder.time("window", [&] { run(recorder); });
    std::vector<CoreNoise> cores;
    for (CoreLog& log : logs_) {
      for (std::size_t i = 0; i < log.quanta; ++i) recorder.operation("quantum", log.seconds[i]);
      cores.push_back(
          noise_of({log.seconds.begin(), log.seconds.begin() + static_cast<std::ptrdiff_t>(log.quanta)}));
    }
    summary_ = summarize(cores);
    recorder.add("lost", summary_.worst_lost, "1");
    recorder.add("mean_lost", summary_.mean_lost, "1");
    recorder.add("core_spread", summary_.core_spread, "1");
    // A record's times are positive: an interruption that the clock cannot see is one nanosecond.
    recorder.add("longest", std::max(summary_.longest_interruption_s, 1e-9));
  }

  void poison() override {
    for (CoreLog& log : logs_) {
      log.quanta = 0;
      std::fill(log.results.begin(), log.results.end(), 0);
      std::fill(log.seconds.begin(), log.seconds.end(), std::numeric_limits<double>::quiet_NaN());
    }
  }

  Check check() override {
    const Jump quantum = jump_of(rounds_);
    Check check;
    check.bound = 0;
    std::uint64_t wrong = 0, quanta = 0;
    bool idle = rounds_ == 0;
    std::string first;
    for (int thread = 0; thread < threads_; ++thread) {
      const CoreLog& log = logs_[static_cast<std::size_t>(thread)];
      idle = idle || log.quanta == 0;
      quanta += log.quanta;
      std::uint64_t right = begin_of(thread);
      for (std::size_t i = 0; i < log.quanta; ++i) {
        right = quantum(right);
        if (log.results[i] == right) continue;
        if (wrong++ > 0) continue;
        char words[160];
        std::snprintf(words, sizeof words, "; first on CPU %d, quantum %zu: %016llx instead of %016llx",
                      binding_->cpus()[static_cast<std::size_t>(thread)], i,
                      static_cast<unsigned long long>(log.results[i]),
                      static_cast<unsigned long long>(right));
        first = words;
      }
    }
    check.error = static_cast<double>(wrong) + (idle ? 1 : 0);
    check.status = *check.error <= *check.bound ? CheckStatus::pass : CheckStatus::fail;
    check.how = "the result of each of " + std::to_string(quanta) + " quanta on " + std::to_string(threads_) +
                (threads_ == 1 ? " core" : " cores") + " against its closed form";
    if (wrong > 0) check.how += "; " + std::to_string(wrong) + " wrong" + first;
    if (idle) check.how += "; a core did nothing";
    return check;
  }

  std::vector<FigureOfMerit> figures() const override {
    const auto share = [](const char* name) {
      return FigureOfMerit{name, std::nullopt, "1", Better::lower, Reduce::median, std::nullopt, name};
    };
    return {share("lost"),
            {"longest", std::nullopt, "s", Better::lower, Reduce::max, std::nullopt, "longest"},
            share("mean_lost"),
            share("core_spread")};
  }

  std::map<std::string, std::string> path() const override {
    return {{"threads", binding_->how()}};
  }

  std::map<std::string, double> metrics() const override {
    std::uint64_t quanta = 0;
    for (const CoreLog& log : logs_) quanta += log.quanta;
    return {{"quantum_s", summary_.fastest_s},
            {"quantum_rounds", static_cast<double>(rounds_)},
            {"quanta", static_cast<double>(quanta)},
            {"quanta_disturbed", static_cast<double>(summary_.disturbed)},
            {"worst_cpu", cpu(summary_.worst_core)},
            {"longest_cpu", cpu(summary_.longest_core)},
            {"slowest_cpu", cpu(summary_.slowest_core)}};
  }

  void plant(Fault fault) override {
    if (group_.rank() != group_.size() - 1) return;
    CoreLog& log = logs_.back();
    // Integers know no NaN: both faults spoil a result.
    if (fault == Fault::wrong_element || fault == Fault::nan) log.results[log.quanta / 2] ^= 1;
  }

 private:
  static constexpr double fewest_quanta = 10;

  double cpu(std::size_t core) const {
    return core < binding_->cpus().size() ? binding_->cpus()[core] : -1;
  }

  std::uint64_t begin_of(int thread) const {
    return seed_ + static_cast<std::uint64_t>(group_.rank()) * 65536 + static_cast<std::uint64_t>(thread);
  }

  /// Every core does quanta until the window is over.
  void run(Recorder& recorder) {
#pragma omp parallel num_threads(threads_)
    {
      const int thread = omp_get_thread_num();
      CoreLog& log = logs_[static_cast<std::size_t>(thread)];
      std::uint64_t x = begin_of(thread);
      std::size_t done = 0;
#pragma omp barrier
      const double begin_s = recorder.now_s();
      for (double last_s = begin_s; done < log.seconds.size() && last_s - begin_s < window_s_; ++done) {
        x = spin(x, rounds_);
        const double now_s = recorder.now_s();
        log.results[done] = x;
        log.seconds[done] = now_s - last_s;
        last_s = now_s;
      }
      log.quanta = done;
    }
  }

  /// The compiler may not leave out work whose result nobody reads.
  static void keep(std::uint64_t x) {
    asm volatile("" : : "r"(x));
  }

  /// How many rounds last a quantum, with all cores at work: by the fastest of many short trials, since what
  /// is fixed is the work of an undisturbed quantum. The same on all ranks.
  void calibrate(Recorder& recorder) {
    constexpr int trials = 20;
    double fastest_s = 0;  // per round
#pragma omp parallel num_threads(threads_)
    {
      double best_s = std::numeric_limits<double>::infinity();
      std::uint64_t x = seed_;
      std::uint64_t rounds = 1024;
      for (int trial = 0; trial < trials; ++trial) {
        const double begin_s = recorder.now_s();
        x = spin(x, rounds);
        const double taken_s = recorder.now_s() - begin_s;
        if (taken_s > 0) best_s = std::min(best_s, taken_s / static_cast<double>(rounds));
        if (taken_s < quantum_s_ / 4) rounds *= 2;
      }
      keep(x);
      if (omp_get_thread_num() == 0) fastest_s = best_s;
    }
    const double slowest_rank_s = group_.maximum(fastest_s);
    const double rounds = std::isfinite(slowest_rank_s) ? quantum_s_ / slowest_rank_s : 1024;
    rounds_ = static_cast<std::uint64_t>(std::max(1.0, rounds));
  }

  ProcessGroup& group_;
  int threads_;
  std::uint64_t seed_;
  double quantum_s_;
  double window_s_;
  std::vector<CoreLog> logs_;
  std::unique_ptr<ThreadBinding> binding_;
  std::uint64_t rounds_ = 0;
  NoiseSummary summary_;
};

std::string unsupported(const Parameters&, const Context&) {
  return {};
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  return std::make_unique<Noise>(parameters, context);
}

BenchmarkSpec describe_noise() {
  BenchmarkSpec spec;
  spec.name = "node/noise";
  spec.title = "Operating-system noise: what cores lose while they do the same work again and again";
  spec.area = "node";
  spec.scope = Scope::device;
  ParameterSpec quantum = real_parameter("quantum", "s", 1e-3, 1e-5, 1,
                                         "how long one piece of work takes on an undisturbed core");
  spec.parameters = {quantum};
  spec.foms = {
      {"lost", "1", Better::lower,
       "share of time lost against its fastest quantum, of the core that lost most", std::nullopt},
      {"longest", "s", Better::lower, "the longest interruption: longest quantum minus the core's fastest",
       std::nullopt},
      {"mean_lost", "1", Better::lower, "share of time lost, mean over the cores", std::nullopt},
      {"core_spread", "1", Better::lower,
       "by how much the slowest core's fastest quantum is longer than the fastest core's", std::nullopt},
  };
  return spec;
}

}  // namespace

const Benchmark& node_noise() {
  static const Benchmark benchmark{describe_noise(), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
