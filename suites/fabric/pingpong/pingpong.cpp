#include "suites/fabric/pingpong/pingpong.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "suites/fabric/pingpong/pairs.h"
#include "suites/fabric/pingpong/talk.h"
#include "suites/fabric/support/placement.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/parameters.h"
#include "suites/harness/recorder.h"
#include "suites/harness/ring.h"
#include "suites/harness/statistics.h"

namespace assay::bench {

std::int64_t messages_of_iteration(TalkPattern pattern, int window, int pairs) {
  switch (pattern) {
    case TalkPattern::pingpong:
      return 1;
    case TalkPattern::window:
      return window;
    case TalkPattern::bidirectional:
      return std::int64_t{2} * window;
    case TalkPattern::message_rate:
      return std::int64_t{window} * pairs;
  }
  return 0;
}

int pingpong_ring(std::uint64_t bytes, int talkers_on_a_node, std::uint64_t last_level_cache_bytes) {
  const int slots = ring_slots(bytes, 1, talkers_on_a_node, last_level_cache_bytes);
  return slots + slots % 2;
}

int window_ring(std::uint64_t bytes, int talkers_on_a_node, std::uint64_t last_level_cache_bytes) {
  const std::uint64_t cache = last_level_cache_bytes > 0 ? last_level_cache_bytes : std::uint64_t{32} << 20;
  if (bytes * static_cast<std::uint64_t>(talkers_on_a_node) > 2 * cache) return 1;
  return ring_slots(bytes, 1, talkers_on_a_node, last_level_cache_bytes);
}

namespace {

/// The parameters, made concrete for this process group.
struct Plan {
  TalkPattern pattern = TalkPattern::pingpong;
  std::size_t bytes = 0;
  std::vector<RankPair> pairs;
  int asked_window = 1;
  int window = 1;
  int ring = 1;
  TalkShape shape;
};

TalkPattern parse_pattern(const std::string& name) {
  if (name == "window") return TalkPattern::window;
  if (name == "bidirectional") return TalkPattern::bidirectional;
  if (name == "message_rate") return TalkPattern::message_rate;
  return TalkPattern::pingpong;
}

Plan make_plan(const Parameters& parameters, const Context& context) {
  const std::vector<std::string> nodes = node_of_each_rank(context.group);
  const std::uint64_t cache = context.last_level_cache_bytes;
  Plan plan;
  plan.pattern = parse_pattern(text(parameters, "pattern"));
  plan.bytes = static_cast<std::size_t>(integer(parameters, "bytes"));
  plan.asked_window = static_cast<int>(integer(parameters, "window"));
  if (plan.pattern == TalkPattern::message_rate) {
    plan.pairs = half_to_half(nodes, static_cast<int>(integer(parameters, "pairs")));
  } else {
    plan.pairs = {farthest_pair(nodes)};
  }
  const int talkers = most_talkers_on_a_node(plan.pairs, nodes);
  if (plan.pattern == TalkPattern::pingpong) {
    plan.ring = pingpong_ring(plan.bytes, talkers, cache);
    plan.shape = {plan.bytes, plan.ring / 2, plan.ring / 2};
    return plan;
  }
  const int buffers = plan.pattern == TalkPattern::bidirectional ? 2 : 1;
  plan.window = window_messages(plan.asked_window, plan.bytes, buffers);
  const auto window_bytes = static_cast<std::uint64_t>(plan.bytes) * static_cast<std::uint64_t>(plan.window);
  plan.ring = window_ring(window_bytes * static_cast<std::uint64_t>(buffers), talkers, cache);
  const int messages = plan.window * plan.ring;
  plan.shape = {plan.bytes, messages, buffers == 2 ? messages : 0};
  return plan;
}

FigureOfMerit seconds(const char* name, Reduce reduce, const char* series) {
  return {name, std::nullopt, "s", Better::lower, reduce, std::nullopt, series};
}

/// What the two kinds of case below have in common.
template <typename Kind>
class Talking : public Kind {
 public:
  Talking(const Parameters& parameters, const Context& context)
      : plan_(make_plan(parameters, context)), talk_(context, plan_.pairs, plan_.shape) {}

  void prepare() override { talk_.prepare(); }
  void poison() override { talk_.poison(); }
  Check check() override { return talk_.check(); }
  void plant(Fault fault) override { talk_.plant(fault); }

  std::map<std::string, std::string> path() const override {
    auto path = talk_.path();
    if (plan_.pattern == TalkPattern::pingpong) return path;
    path["window"] = std::to_string(plan_.window) + " messages";
    if (plan_.window < plan_.asked_window) {
      path["window"] = std::to_string(plan_.window) + " of " + std::to_string(plan_.asked_window) +
                       " messages (buffers of 256 MiB a rank hold no more)";
    }
    return path;
  }

  std::map<std::string, double> metrics() const override {
    return {{"working_set_bytes", talk_.working_set_bytes()},
            {"window_messages", plan_.window},
            {"pairs", static_cast<double>(plan_.pairs.size())}};
  }

 protected:
  const Plan plan_;
  Talk talk_;
};

/// Any pattern back to back. An iteration of a pingpong is one message, there or back by turns, so that its
/// time is the one-way time; of the other patterns it is one window.
class TalkLoop final : public Talking<LoopCase> {
 public:
  using Talking::Talking;

  int ring() const override { return plan_.ring; }

  void iterate(int slot) override {
    if (!talk_.talks()) return;
    const bool first = talk_.role() == Talk::Role::first;
    const int begin = slot * plan_.window;
    switch (plan_.pattern) {
      case TalkPattern::pingpong:
        if (first == (slot % 2 == 0)) {
          talk_.send(slot / 2);
        } else {
          talk_.receive(slot / 2);
        }
        break;
      case TalkPattern::window:
      case TalkPattern::message_rate:
        if (first) {
          talk_.begin_sending(begin, plan_.window);
          talk_.finish();
          talk_.await_acknowledgement();
        } else {
          talk_.begin_receiving(begin, plan_.window);
          talk_.finish();
          talk_.acknowledge();
        }
        break;
      case TalkPattern::bidirectional:
        talk_.begin_receiving(begin, plan_.window);
        talk_.begin_sending(begin, plan_.window);
        talk_.finish();
        break;
    }
  }

  std::vector<FigureOfMerit> figures() const override {
    const auto messages = static_cast<double>(
        messages_of_iteration(plan_.pattern, plan_.window, static_cast<int>(plan_.pairs.size())));
    std::vector<FigureOfMerit> figures;
    if (plan_.pattern == TalkPattern::pingpong) figures.push_back(seconds("latency", Reduce::median, ""));
    if (plan_.bytes > 0) {
      figures.push_back({"bandwidth", messages * static_cast<double>(plan_.bytes), "B/s", Better::higher,
                         Reduce::median, std::nullopt, ""});
    }
    figures.push_back(
        {"message_rate", messages, "message/s", Better::higher, Reduce::median, std::nullopt, ""});
    return figures;
  }
};

/// A pingpong, each round trip timed by the rank that begins it. Half of a round trip is an operation.
class TalkLatency final : public Talking<PassCase> {
 public:
  TalkLatency(const Parameters& parameters, const Context& context)
      : Talking(parameters, context), group_(context.group) {}

  PassLimits limits() const override {
    PassLimits limits;
    limits.headline = one_way;
    return limits;
  }

  void pass(Recorder& recorder) override {
    if (!recorder.recording()) {
      // Long enough for the harness's own collectives not to matter, short enough to see many passes.
      constexpr double long_enough_s = 4e-3;
      while (block(recorder) < long_enough_s && trips() < most_trips) rounds_ *= 2;
    }
    block(recorder);
    double median_s = 0;
    if (talk_.role() == Talk::Role::first) {
      for (const double trip_s : trips_s_) recorder.operation(one_way, trip_s / 2);
      median_s = median_of(trips_s_) / 2;
    }
    recorder.add(one_way, group_.broadcast(median_s, plan_.pairs[0].first));
  }

  std::vector<FigureOfMerit> figures() const override {
    return {seconds("latency", Reduce::median, one_way), seconds("p95", Reduce::p95, one_way),
            seconds("p99", Reduce::p99, one_way), seconds("max", Reduce::max, one_way)};
  }

 private:
  static constexpr const char* one_way = "one_way";
  static constexpr std::int64_t most_trips = 4096;  ///< 32 KiB of times stay in the cache

  std::int64_t trips() const { return rounds_ * (plan_.ring / 2); }

  /// Whole rounds over the ring; seconds of all of it.
  double block(Recorder& recorder) {
    trips_s_.clear();
    trips_s_.reserve(static_cast<std::size_t>(trips()));
    // Two messages a trip: this series is the one-way time with the cost of reading the clock in it.
    const auto messages = 2 * trips();
    const double message_s = recorder.time(
        "one_way_with_clock",
        [&] {
          for (std::int64_t round = 0; round < rounds_; ++round) {
            for (int message = 0; message < plan_.ring / 2; ++message) trip(message, recorder);
          }
        },
        messages);
    return message_s * static_cast<double>(messages);
  }

  void trip(int message, Recorder& recorder) {
    if (talk_.role() == Talk::Role::first) {
      const double begin_s = recorder.now_s();
      talk_.send(message);
      talk_.receive(message);
      trips_s_.push_back(recorder.now_s() - begin_s);
    } else if (talk_.role() == Talk::Role::second) {
      talk_.receive(message);
      talk_.send(message);
    }
  }

  ProcessGroup& group_;
  std::int64_t rounds_ = 1;
  std::vector<double> trips_s_;
};

std::string unsupported(const Parameters& parameters, const Context& context) {
  const std::string& pattern = text(parameters, "pattern");
  if (text(parameters, "mode") == "latency" && pattern != "pingpong") {
    return "single operations are timed in a pingpong only, a " + pattern +
           " is a stream; give mode=throughput or pattern=pingpong";
  }
  const std::int64_t pairs = integer(parameters, "pairs");
  if (pattern == "message_rate" && pairs > context.group.size() / 2) {
    return std::to_string(context.group.size()) + " ranks make " + std::to_string(context.group.size() / 2) +
           " pairs, not " + std::to_string(pairs) + "; start more ranks or give pairs=0 for all there are";
  }
  return {};
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  if (text(parameters, "mode") == "latency") return std::make_unique<TalkLatency>(parameters, context);
  return std::make_unique<TalkLoop>(parameters, context);
}

BenchmarkSpec describe_pingpong() {
  BenchmarkSpec spec;
  spec.name = "fabric/pingpong";
  spec.title = "Messages between two ranks, or between pairs of ranks at once";
  spec.area = "fabric";
  spec.scope = Scope::group;
  spec.minimum_ranks = 2;
  ParameterSpec bytes =
      bytes_parameter("bytes", 8, 0, static_cast<double>(std::int64_t{1} << 30), "size of a message");
  spec.parameters = {
      bytes,
      choice_parameter(
          "pattern", {"pingpong", "window", "bidirectional", "message_rate"},
          "one message there and back; a window of messages at once; the same both ways; windows between "
          "pairs of ranks"),
      integer_parameter("window", 64, 1, 1024, "messages at once, in all patterns but pingpong"),
      integer_parameter("pairs", 0, 0, 1 << 20,
                        "pairs of ranks at once, in message_rate; 0: as many as there are"),
      choice_parameter("mode", {"throughput", "latency"},
                       "messages back to back, or each round trip timed (pingpong)"),
  };
  const std::pair<std::string, std::string> pingpong{"pattern", "pingpong"};
  const std::pair<std::string, std::string> throughput{"mode", "throughput"};
  const std::pair<std::string, std::string> latency{"mode", "latency"};
  spec.foms = {
      {"latency", "s", Better::lower, "one way: half of a round trip, median", pingpong},
      {"bandwidth", "B/s", Better::higher, "bytes of all messages, both directions and all pairs, per second",
       throughput},
      {"message_rate", "message/s", Better::higher, "messages of all pairs and directions per second",
       throughput},
      {"p95", "s", Better::lower, "one way: 19 of 20 round trips take no longer than twice this", latency},
      {"p99", "s", Better::lower, "one way: 99 of 100 round trips take no longer than twice this", latency},
      {"max", "s", Better::lower, "half of the longest round trip", latency},
  };
  return spec;
}

}  // namespace

const Benchmark& fabric_pingpong() {
  static const Benchmark benchmark{describe_pingpong(), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
