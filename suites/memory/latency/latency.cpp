#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reports/record/unit.h"
#include "suites/harness/available_memory.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/cores.h"
#include "suites/harness/parameters.h"
#include "suites/harness/recorder.h"
#include "suites/harness/thread_binding.h"
#include "suites/memory/latency/chase.h"
#include "suites/memory/support/pages.h"
#include "suites/memory/support/turns.h"

namespace assay::bench {

namespace {

/// What `bytes` of 0 stands for: four times the cache of the last level that this core uses, at least 64 MiB.
std::uint64_t beyond_caches(const Caches& caches) {
  const std::uint64_t last = std::max({caches.l1_bytes, caches.l2_bytes, caches.l3_bytes});
  return std::max(4 * last, std::uint64_t{64} << 20);
}

class Latency final : public PassCase {
 public:
  Latency(const Parameters& parameters, const Context& context)
      : group_(context.group),
        seed_(context.seed + static_cast<std::uint64_t>(context.group.rank()) * 7919),
        asked_bytes_(static_cast<std::uint64_t>(integer(parameters, "bytes"))),
        page_size_(parse_page_size(text(parameters, "pages"))),
        sample_s_(std::min(2e-3, context.time_s / 32)) {}

  void prepare() override {
    // One thread chases, but it stays on one core: memory and caches are then the same throughout.
    binding_ = std::make_unique<ThreadBinding>(group_, 1);
    caches_ = caches_of(binding_->cpus().front());
    sharers_ = ranks_on_same_cache();
    bytes_ = asked_bytes_ > 0 ? asked_bytes_ : beyond_caches(caches_);
    chase_ = std::make_unique<Chase>(bytes_, caches_.line_bytes, seed_, page_size_);
  }

  PassLimits limits() const override {
    PassLimits limits;
    limits.warmups = 4;
    limits.minimum = 5;
    limits.headline = "latency";
    return limits;
  }

  void pass(Recorder& recorder) override {
    if (recorder.pass() == 0) {
      // Caches are filled before anything is timed; beyond 128 MiB (2^21 lines) there is nothing to fill.
      chase_->walk(std::min<std::int64_t>(chase_->lines(), std::int64_t{1} << 21));
    }
    const double seconds = recorder.time(
        "latency", [&] { chase_->walk(loads_); }, loads_);
    if (!recorder.recording()) choose_loads(seconds);
  }

  void poison() override { chase_->forget_end(); }
  Check check() override { return chase_->check(); }

  std::vector<FigureOfMerit> figures() const override {
    return {
        {"latency", std::nullopt, "s", Better::lower, Reduce::median, std::nullopt, "latency"},
        {"latency_best", std::nullopt, "s", Better::lower, Reduce::min, std::nullopt, "latency"},
    };
  }

  std::map<std::string, std::string> path() const override {
    const std::size_t huge = chase_->pages().huge_bytes();
    const std::size_t all = chase_->pages().bytes();
    std::map<std::string, std::string> path = {{"level", level_of(bytes_, caches_, sharers_)},
                                               {"thread", binding_->how()},
                                               {"pages", describe_pages(huge, all, page_size_)}};
    const std::string invalid = why_pages_invalid(huge, all, page_size_);
    if (!invalid.empty()) path["invalid"] = invalid;
    return path;
  }

  std::map<std::string, double> metrics() const override {
    std::map<std::string, double> all = {{"working_set_bytes", static_cast<double>(bytes_)},
                                         {"lines", static_cast<double>(chase_->lines())},
                                         {"line_bytes", static_cast<double>(caches_.line_bytes)},
                                         {"loads_per_pass", static_cast<double>(loads_)},
                                         {"cpu", binding_->cpus().front()}};
    if (caches_.l1_bytes > 0) all["l1_bytes"] = static_cast<double>(caches_.l1_bytes);
    if (caches_.l2_bytes > 0) all["l2_bytes"] = static_cast<double>(caches_.l2_bytes);
    if (caches_.l3_bytes > 0) {
      all["l3_bytes"] = static_cast<double>(caches_.l3_bytes);
      all["l3_ranks"] = sharers_;
    }
    return all;
  }

  void plant(Fault fault) override {
    if (group_.rank() != group_.size() - 1) return;
    // A pointer that leads to its own line, or an end that is nowhere.
    std::byte*& last = chase_->pointer(chase_->lines() - 1);
    if (fault == Fault::wrong_element) last = reinterpret_cast<std::byte*>(&last);
    if (fault == Fault::nan) chase_->forget_end();
  }

 private:
  /// Ranks of this node whose cores use the same level-3 cache. Collective.
  int ranks_on_same_cache() const {
    const std::vector<std::string> places =
        group_.gather(group_.node_of(group_.rank()) + " " + std::to_string(caches_.l3_index), 0);
    std::vector<int> sharers(static_cast<std::size_t>(group_.size()), 1);
    for (std::size_t rank = 0; rank < places.size(); ++rank)
      sharers[rank] = static_cast<int>(std::count(places.begin(), places.end(), places[rank]));
    group_.broadcast(sharers.data(), sharers.size() * sizeof(int), 0);
    return sharers[static_cast<std::size_t>(group_.rank())];
  }

  /// As many loads as last `sample_s_`; whole cycles where the cycle is shorter than that, so that every line
  /// counts alike. A first pass that the clock could hardly see must not make the second one endless.
  void choose_loads(double seconds_per_load) {
    constexpr std::int64_t most_growth = 64;
    const std::int64_t most = loads_ * most_growth;
    const double wanted = seconds_per_load > 0 ? sample_s_ / seconds_per_load : static_cast<double>(most);
    loads_ = std::clamp<std::int64_t>(static_cast<std::int64_t>(wanted), 1024, most);
    const std::int64_t lines = chase_->lines();
    if (lines <= loads_) loads_ = (loads_ + lines - 1) / lines * lines;
  }

  ProcessGroup& group_;
  std::uint64_t seed_;
  std::uint64_t asked_bytes_;
  PageSize page_size_;
  double sample_s_;
  std::uint64_t bytes_ = 0;
  Caches caches_;
  int sharers_ = 1;
  std::int64_t loads_ = 4096;
  std::unique_ptr<ThreadBinding> binding_;
  std::unique_ptr<Chase> chase_;
};

std::string unsupported(const Parameters& parameters, const Context& context) {
  const auto bytes = integer(parameters, "bytes");
  if (bytes > 0 && bytes < 1024)
    return std::to_string(bytes) + " bytes are too few lines for a random order; give at least 1 KiB";
  // The order of the lines takes a sixteenth more while it is made and checked.
  const double needed = 1.0625 * static_cast<double>(bytes) * ranks_on_own_node(context.group);
  const auto available = static_cast<double>(available_memory_bytes());
  if (available > 0 && needed > 0.9 * available)
    return format_bytes(static_cast<double>(bytes)) + " on each rank of a node are " +
           format_value(needed, "B") + " with the order of the lines, and the node has " +
           format_value(available, "B") + " left (nine tenths may be used); give a smaller working set";
  return {};
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  return std::make_unique<Latency>(parameters, context);
}

BenchmarkSpec describe_latency() {
  BenchmarkSpec spec;
  spec.name = "memory/latency";
  spec.title = "Latency of one load: a chase of pointers through a working set";
  spec.area = "memory";
  spec.scope = Scope::device;
  ParameterSpec bytes = bytes_parameter(
      "bytes", 0, 0, static_cast<double>(std::int64_t{1} << 36),
      "working set of each rank; 0: four times the core's last-level cache; several make the ladder");
  ParameterSpec pages =
      choice_parameter("pages", {"auto", "normal", "huge"},
                       "auto: large pages where the system gives them; huge: invalid without them");
  spec.parameters = {bytes, pages};
  spec.foms = {
      {"latency", "s", Better::lower, "of one load that needs the one before, median", std::nullopt},
      {"latency_best", "s", Better::lower, "the same, the best sample", std::nullopt},
  };
  return spec;
}

}  // namespace

const Benchmark& memory_latency() {
  static const Benchmark benchmark{describe_latency(), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
