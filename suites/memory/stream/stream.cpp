#include "suites/memory/stream/stream.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reports/base/error.h"
#include "suites/device/gpu/build.h"
#include "suites/device/host/cpu.h"
#include "suites/harness/available_memory.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/chosen_device.h"
#include "suites/harness/cores.h"
#include "suites/harness/parameters.h"
#include "suites/harness/recorder.h"
#include "suites/harness/thread_binding.h"
#include "suites/memory/stream/arrays.h"
#include "suites/memory/stream/kernels.h"
#include "suites/memory/stream/stream_on_gpu.h"
#include "suites/memory/support/pages.h"
#include "suites/memory/support/turns.h"

namespace assay::bench {

namespace {

using stream::Isa;
using stream::Loop;
using stream::loop_count;
using stream::StoreKind;

/// Triad is what nodes are compared by.
constexpr std::array<Loop, loop_count> headline_first = {stream::triad, stream::copy, stream::scale,
                                                         stream::add, stream::dot};

enum class Choice { automatic, temporal, nontemporal };

Choice parse_choice(const std::string& stores) {
  if (stores == "temporal") return Choice::temporal;
  return stores == "nontemporal" ? Choice::nontemporal : Choice::automatic;
}

/// Bytes of one array on each rank; collective where ranks take turns.
std::uint64_t bytes_of_array(const Parameters& parameters, const Context& context) {
  const auto asked = static_cast<std::uint64_t>(integer(parameters, "bytes"));
  if (text(parameters, "ranks") == "together")
    return stream::array_bytes(asked, context.last_level_cache_bytes, context.group.most_ranks_on_a_node());
  // A rank that works alone has all the caches to itself that its processors reach. The figures' numerators
  // are the same on every rank, so the largest rules.
  const auto reached = static_cast<double>(last_level_cache_bytes_of(device::usable_processors()));
  return stream::array_bytes(asked, static_cast<std::uint64_t>(context.group.maximum(reached)), 1);
}

template <typename T>
class Stream final : public PassCase {
 public:
  Stream(const Parameters& parameters, const Context& context)
      : group_(context.group),
        threads_(context.threads),
        cache_bytes_(context.last_level_cache_bytes),
        bytes_(bytes_of_array(parameters, context)),
        together_(text(parameters, "ranks") == "together"),
        choice_(parse_choice(text(parameters, "stores"))),
        page_size_(parse_page_size(text(parameters, "pages"))),
        isa_(stream::best_isa()),
        temporal_(stream::kernels<T>(isa_, StoreKind::temporal)),
        past_(stream::kernels<T>(isa_, StoreKind::nontemporal)) {
    seconds_.fill({unmeasured, unmeasured});
    use_past_.fill(choice_ == Choice::nontemporal);
  }

  void prepare() override {
    binding_ = std::make_unique<ThreadBinding>(group_, threads_);
    arrays_ = std::make_unique<stream::StreamArrays<T>>(bytes_, threads_, page_size_);
    arrays_->touch();
  }

  PassLimits limits() const override {
    PassLimits limits;
    // One cold pass, then three with each kind of store where they are compared.
    limits.warmups = choice_ == Choice::automatic && past_.copy != nullptr ? 1 + 2 * trials : 2;
    limits.minimum = 20;
    limits.maximum = 64;  // each sample is then one pass, and the best is the best of single passes
    limits.headline = stream::loop_names[stream::triad];
    return limits;
  }

  void pass(Recorder& recorder) override {
    if (passes_ == stream::passes_before_restart) {
      arrays_->restart_a();
      passes_ = 0;
    }
    ++passes_;
    const bool comparing = choice_ == Choice::automatic && past_.copy != nullptr && !recorder.recording();
    if (comparing) use_past_.fill(trial_ % 2 == 1);
    if (together_) {
      for (int loop = 0; loop < loop_count; ++loop) {
        group_.barrier();  // all ranks are in the same loop: that is the load that is measured
        time(recorder, static_cast<Loop>(loop));
      }
    } else {
      // As many turns as the fullest node has ranks; ranks of different nodes do not disturb each other.
      const int own = place_on_own_node(group_);
      for (int turn = 0; turn < group_.most_ranks_on_a_node(); ++turn) {
        sleeping_barrier(group_);
        if (turn != own) continue;
        for (int loop = 0; loop < loop_count; ++loop) time(recorder, static_cast<Loop>(loop));
      }
      sleeping_barrier(group_);  // the last one's turn is over before anybody goes on
    }
    if (comparing && ++trial_ == 1 + 2 * trials) choose();
  }

  void poison() override { arrays_->poison(); }

  Check check() override { return arrays_->check(passes_, temporal_.lanes); }

  std::vector<FigureOfMerit> figures() const override {
    std::vector<FigureOfMerit> all;
    const auto figure = [&](Loop loop, const std::string& name, Reduce reduce) {
      const double moved = stream::arrays_moved[loop] * static_cast<double>(bytes_);
      all.push_back({name, moved, "B/s", Better::higher, reduce, std::nullopt, stream::loop_names[loop]});
    };
    for (const Loop loop : headline_first) figure(loop, stream::loop_names[loop], Reduce::median);
    figure(stream::triad, "triad_best", Reduce::min);
    return all;
  }

  std::map<std::string, std::string> path() const override {
    const std::size_t huge = arrays_->pages().huge_bytes();
    const std::size_t all = arrays_->pages().bytes();
    std::map<std::string, std::string> path = {{"kernels", stream::name_of(isa_)},
                                               {"stores", describe_stores()},
                                               {"threads", binding_->how()},
                                               {"pages", describe_pages(huge, all, page_size_)}};
    if (in_cache()) path["working set"] = "a cache case: below four times the last-level cache";
    const std::string invalid = why_pages_invalid(huge, all, page_size_);
    if (!invalid.empty()) path["invalid"] = invalid;
    return path;
  }

  std::map<std::string, double> metrics() const override {
    return {{"array_bytes", static_cast<double>(bytes_)},
            {"array_bytes_on_node", static_cast<double>(bytes_) * ranks_at_once()},
            {"last_level_cache_bytes", static_cast<double>(cache_bytes_)},
            {"passes_checked", passes_}};
  }

  void plant(Fault fault) override {
    if (group_.rank() != group_.size() - 1) return;
    T& last = arrays_->a()[arrays_->elements() - 1];
    if (fault == Fault::nan) last = std::numeric_limits<T>::quiet_NaN();
    // What a store that was lost leaves behind: the value of one pass before.
    if (fault == Fault::wrong_element) last = static_cast<T>(last / (stream::scalar * (2 + stream::scalar)));
  }

 private:
  static constexpr int trials = 3;
  static constexpr double unmeasured = std::numeric_limits<double>::infinity();

  /// Ranks of the fullest node that use their arrays at the same time.
  int ranks_at_once() const { return together_ ? group_.most_ranks_on_a_node() : 1; }

  bool in_cache() const {
    const std::uint64_t cache =
        together_ ? cache_bytes_ : last_level_cache_bytes_of(device::usable_processors());
    return static_cast<double>(bytes_) * ranks_at_once() <= 4.0 * static_cast<double>(cache);
  }

  void time(Recorder& recorder, Loop loop) {
    const bool past = use_past_[loop];
    const double seconds = recorder.time(stream::loop_names[loop], [&] {
      arrays_->run(loop, past ? past_ : temporal_, past && loop != stream::dot);
    });
    if (recorder.recording() || trial_ == 0) return;
    double& best = seconds_[loop][past ? 1 : 0];
    best = std::min(best, seconds);
  }

  /// The kind of store of each loop, by the best of its trials on the slowest rank; the same on every rank.
  void choose() {
    for (int loop = 0; loop < loop_count; ++loop) {
      for (double& seconds : seconds_[loop]) seconds = group_.maximum(seconds);
      use_past_[loop] = loop != stream::dot && seconds_[loop][1] < seconds_[loop][0];
    }
  }

  std::string describe_stores() const {
    if (choice_ == Choice::temporal) return "temporal, as asked";
    if (choice_ == Choice::nontemporal) return "non-temporal, as asked";
    if (past_.copy == nullptr) return "temporal: this architecture has no others here";
    std::string names[2];
    for (int loop = 0; loop < stream::dot; ++loop) {
      std::string& list = names[use_past_[loop] ? 1 : 0];
      list += (list.empty() ? "" : ", ") + std::string(stream::loop_names[loop]);
    }
    std::string words;
    if (!names[1].empty()) words = "non-temporal: " + names[1];
    if (!names[0].empty()) words += (words.empty() ? "" : "; ") + ("temporal: " + names[0]);
    return words + " (the faster ones in the warm-up)";
  }

  ProcessGroup& group_;
  int threads_;
  std::uint64_t cache_bytes_;
  std::uint64_t bytes_;
  bool together_;
  Choice choice_;
  PageSize page_size_;
  Isa isa_;
  stream::StreamKernels<T> temporal_;
  stream::StreamKernels<T> past_;
  std::unique_ptr<ThreadBinding> binding_;
  std::unique_ptr<stream::StreamArrays<T>> arrays_;
  int passes_ = 0;                                           ///< since the arrays began
  int trial_ = 0;                                            ///< warm-up passes so far
  std::array<std::array<double, 2>, loop_count> seconds_{};  ///< best of the warm-up: temporal, non-temporal
  std::array<bool, loop_count> use_past_{};
};

std::string unsupported(const Parameters& parameters, const Context& context) {
  if (wants_gpu(parameters)) {
    const auto [gpu, missing] = chosen_device(parameters, context.group);
    if constexpr (gpu::compiled) {
      if (gpu != nullptr) return stream_unsupported_on_gpu(parameters, context, *gpu);
    }
    return missing;
  }
  const bool f32 = text(parameters, "dtype") == "f32";
  if (text(parameters, "stores") == "nontemporal") {
    const bool there =
        f32 ? stream::kernels<float>(stream::best_isa(), StoreKind::nontemporal).copy != nullptr
            : stream::kernels<double>(stream::best_isa(), StoreKind::nontemporal).copy != nullptr;
    if (!there) return "non-temporal stores are not compiled in for this architecture; ask for stores = auto";
  }
  const std::uint64_t bytes = bytes_of_array(parameters, context);
  if (bytes < 64 * static_cast<std::uint64_t>(context.threads))
    return "arrays of " + std::to_string(bytes) + " bytes leave some of " + std::to_string(context.threads) +
           " threads without a cache line; give at least " + std::to_string(64 * context.threads);
  return stream::does_not_fit(bytes, ranks_on_own_node(context.group), available_memory_bytes());
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  if constexpr (gpu::compiled) {
    if (wants_gpu(parameters)) {
      const auto [gpu, missing] = chosen_device(parameters, context.group);
      if (gpu == nullptr) throw Error(ExitStatus::cannot_run, missing);
      return make_stream_on_gpu(parameters, context, *gpu);
    }
  }
  if (text(parameters, "dtype") == "f32") return std::make_unique<Stream<float>>(parameters, context);
  return std::make_unique<Stream<double>>(parameters, context);
}

BenchmarkSpec describe_stream() {
  BenchmarkSpec spec;
  spec.name = "memory/stream";
  spec.title = "Memory bandwidth: copy, scale, add, triad and dot over long arrays";
  spec.area = "memory";
  spec.scope = Scope::device;
  ParameterSpec bytes =
      bytes_parameter("bytes", 0, 0, static_cast<double>(std::int64_t{1} << 44),
                      "of each of the three arrays of a rank; 0: beyond four times the last-level cache");
  spec.parameters = {
      bytes,
      choice_parameter("dtype", {"f64", "f32"}, "element type"),
      choice_parameter(
          "ranks", {"together", "one_at_a_time"},
          "all ranks of a node at once, or in turn while the others sleep (is one socket slower?)"),
      choice_parameter(
          "stores", {"auto", "temporal", "nontemporal"},
          "through the caches or past them; auto: the faster ones for each loop, found in the warm-up"),
      choice_parameter("pages", {"auto", "normal", "huge"},
                       "auto: large pages where the system gives them; huge: invalid without them"),
      device_parameter()};
  const char* const meanings[] = {"c = a: 2 arrays / time, median", "b = 0.4 c: 2 arrays / time, median",
                                  "c = a + b: 3 arrays / time, median",
                                  "a = b + 0.4 c: 3 arrays / time, median",
                                  "sum of a * b: 2 arrays / time, median"};
  for (const Loop loop : headline_first)
    spec.foms.push_back({stream::loop_names[loop], "B/s", Better::higher, meanings[loop], std::nullopt});
  spec.foms.push_back({"triad_best", "B/s", Better::higher,
                       "triad in its best pass, as BabelStream reports it", std::nullopt});
  return spec;
}

}  // namespace

const Benchmark& memory_stream() {
  static const Benchmark benchmark{describe_stream(), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
