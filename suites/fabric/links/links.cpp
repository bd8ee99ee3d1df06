// fabric/links: every pair of nodes, the bisection, or a random ring.
#include <mpi.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "reports/record/link_matrix.h"
#include "suites/fabric/links/exchange.h"
#include "suites/fabric/links/schedule.h"
#include "suites/fabric/links/sweep.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/chosen_device.h"
#include "suites/harness/device_transport.h"
#include "suites/harness/mpi_library.h"
#include "suites/harness/parameters.h"
#include "suites/harness/recorder.h"

namespace assay::bench {

namespace {

constexpr int most_members = 46340;     // their pairs are counted by an int of MPI
constexpr int members_of_a_group = 32;  // up to here several sweeps are worth their time
constexpr std::size_t fewest_again = 3;

enum class Pattern { pairs, bisection, ring };

Pattern parse_pattern(const std::string& name) {
  return name == "pairs" ? Pattern::pairs : name == "bisection" ? Pattern::bisection : Pattern::ring;
}

int nodes_of(const ProcessGroup& group) {
  std::set<std::string> nodes;
  for (int rank = 0; rank < group.size(); ++rank) nodes.insert(group.node_of(rank));
  return static_cast<int>(nodes.size());
}

/// "auto" is the nodes' first ranks where there are several nodes, else all ranks.
bool every_rank_talks(const Parameters& parameters, const ProcessGroup& group) {
  const std::string& endpoints = text(parameters, "endpoints");
  return endpoints == "ranks" || (endpoints == "auto" && nodes_of(group) < 2);
}

class Links final : public PassCase {
 public:
  Links(const Parameters& parameters, const Context& context)
      : group_(context.group),
        pattern_(parse_pattern(text(parameters, "pattern"))),
        bytes_(static_cast<std::size_t>(integer(parameters, "bytes"))),
        messages_(static_cast<int>(integer(parameters, "messages"))),
        again_(static_cast<int>(integer(parameters, "again"))),
        seed_(context.seed),
        every_rank_(every_rank_talks(parameters, group_)),
        exchange_(group_, link_members(group_, every_rank_),
                  {bytes_, messages_, static_cast<int>(integer(parameters, "warmups")), context.seed,
                   context.fault == Fault::silent_rank, choose_transport(parameters, group_)}) {}

  void prepare() override {
    exchange_.prepare();
    if (pattern_ == Pattern::pairs && exchange_.own() == 0) {
      times_.emplace(static_cast<std::size_t>(exchange_.members()));
    }
    ring_ = random_ring(exchange_.members(), seed_);
  }

  void poison() override { exchange_.poison(); }
  device::Device* device() const override { return exchange_.transport().device; }

  PassLimits limits() const override {
    PassLimits limits;
    limits.warmups = 0;  // each exchange has its own
    limits.headline = headline();
    limits.minimum = pattern_ == Pattern::pairs ? 2 : 5;
    if (pattern_ == Pattern::pairs && exchange_.members() > members_of_a_group) {
      limits.minimum = limits.maximum = 1;
    }
    return limits;
  }

  void pass(Recorder& recorder) override {
    if (pattern_ == Pattern::pairs) {
      std::vector<float> row;
      recorder.time("sweep", [&] { row = sweep(recorder); });
      gather(row, recorder.recording());
      measure_again(recorder);
      return;
    }
    const int own = exchange_.own();
    int to = LinkExchange::nobody, from = LinkExchange::nobody;
    if (own != LinkExchange::nobody && pattern_ == Pattern::bisection) {
      to = from = partner_across(exchange_.members(), own);
    } else if (own != LinkExchange::nobody) {
      const auto place = static_cast<std::size_t>(std::find(ring_.begin(), ring_.end(), own) - ring_.begin());
      to = ring_[(place + 1) % ring_.size()];
      from = ring_[(place + ring_.size() - 1) % ring_.size()];
    }
    if (own != LinkExchange::nobody) exchange_.begin(to, from);
    recorder.time(
        headline(),
        [&] {
          if (own != LinkExchange::nobody) exchange_.run();
        },
        messages_);
  }

  Check check() override {
    exchange_.verify();
    const std::int64_t wrong = group_.sum(exchange_.wrong_bytes());
    const std::int64_t verified = group_.sum(exchange_.verified());
    const auto places = group_.gather(exchange_.first_wrong(), 0);
    Check check;
    check.error = static_cast<double>(wrong);
    check.bound = 0;
    check.status = *check.error <= *check.bound && verified > 0 ? CheckStatus::pass : CheckStatus::fail;
    check.how = "each byte of the last message of " + std::to_string(verified) + " exchanges";
    if (wrong > 0) check.how += "; " + std::to_string(wrong) + " bytes wrong";
    for (const std::string& place : places) {
      if (place.empty()) continue;
      check.how += ", " + place;
      break;
    }
    return check;
  }

  void plant(Fault fault) override { exchange_.spoil(fault == Fault::nan); }

  std::vector<FigureOfMerit> figures() const override {
    const auto bytes = static_cast<double>(bytes_);
    const auto rate = [](const char* name, double numerator, Reduce reduce, const char* series) {
      return FigureOfMerit{name, numerator, "B/s", Better::higher, reduce, std::nullopt, series};
    };
    switch (pattern_) {
      case Pattern::pairs:
        return {rate("slowest", bytes, Reduce::median, "slowest"),
                rate("median", bytes, Reduce::median, "median")};
      case Pattern::bisection:
        return {rate("bisection", 2 * bytes * (exchange_.members() / 2), Reduce::max, "bisection"),
                rate("per_pair", bytes, Reduce::max, "bisection")};
      case Pattern::ring:
        return {rate("ring", bytes, Reduce::median, "ring")};
    }
    return {};
  }

  std::map<std::string, std::string> path() const override {
    const int nodes = nodes_of(group_);
    const int members = exchange_.members();
    std::string who = every_rank_ ? "all " + std::to_string(members) + " ranks of " + std::to_string(nodes) +
                                        (nodes == 1 ? " node" : " nodes")
                                  : "the first rank of each of " + std::to_string(members) + " nodes";
    if (pattern_ == Pattern::bisection && members % 2 == 1) who += ", the last one resting";
    const Carrier carrier = exchange_.transport().carrier;
    const bool by_gpus = carrier == Carrier::library || carrier == Carrier::straight;
    std::string transport = "network (not identified)";
    if (nodes == 1) {
      transport = by_gpus ? "within the node (not identified)" : "shared memory";
    } else if (nodes < members && !by_gpus) {
      transport += ", shared memory within nodes";
    }
    std::map<std::string, std::string> path = {
        {"endpoints", who}, {"transport", transport}, {"mpi", mpi_library()}};
    path.merge(exchange_.path());
    return path;
  }

  std::map<std::string, double> metrics() const override {
    return {{"endpoints", exchange_.members()},
            {"sets_of_pairs", pattern_ == Pattern::pairs ? pair_rounds(exchange_.members()) : 1},
            {"pairs_again", static_cast<double>(alone_.size())}};
  }

  std::vector<Attachment> attachments() const override {
    if (!times_) return {};
    LinkMatrix matrix;
    for (int member = 0; member < exchange_.members(); ++member) {
      const int rank = exchange_.rank_of(member);
      matrix.endpoints.push_back({group_.node_of(rank), rank});
    }
    matrix.message_bytes = bytes_;
    matrix.codes = times_->codes(bytes_);
    matrix.alone = alone_;
    return {{encode_links(matrix)}};
  }

 private:
  const char* headline() const {
    return pattern_ == Pattern::pairs ? "slowest" : pattern_ == Pattern::bisection ? "bisection" : "ring";
  }

  /// One exchange by this member's own clock: seconds a message, the longer of the two partners; 0 when it
  /// rests.
  double timed_exchange(Recorder& recorder, int partner) {
    exchange_.begin(partner, partner);
    if (partner == LinkExchange::nobody) return 0;
    const double begin_s = recorder.now_s();
    recorder.begin_own_part();
    exchange_.run();
    return exchange_.agreed_with_partner((recorder.now_s() - begin_s) / messages_);
  }

  /// All rounds; the times of this member with those after it.
  std::vector<float> sweep(Recorder& recorder) {
    const int own = exchange_.own(), members = exchange_.members();
    if (own == LinkExchange::nobody) return {};
    std::vector<float> row(static_cast<std::size_t>(members - own - 1));
    for (int round = 0; round < pair_rounds(members); ++round) {
      MPI_Barrier(exchange_.communicator());
      const int partner = partner_in_round(members, round, own);
      const double seconds = timed_exchange(recorder, partner);
      if (partner > own) row[static_cast<std::size_t>(partner - own - 1)] = static_cast<float>(seconds);
    }
    return row;
  }

  /// The triangle on the first member, which is rank 0.
  void gather(const std::vector<float>& row, bool counts) {
    if (exchange_.own() == LinkExchange::nobody) return;
    const auto members = static_cast<std::size_t>(exchange_.members());
    std::vector<int> lengths, offsets;
    std::vector<float> triangle;
    if (times_) {
      for (std::size_t i = 0; i < members; ++i) {
        lengths.push_back(static_cast<int>(members - i - 1));
        offsets.push_back(
            static_cast<int>(i + 1 < members ? pair_index(members, i, i + 1) : pair_count(members)));
      }
      triangle.resize(pair_count(members));
    }
    MPI_Gatherv(row.data(), static_cast<int>(row.size()), MPI_FLOAT, triangle.data(), lengths.data(),
                offsets.data(), MPI_FLOAT, 0, exchange_.communicator());
    if (times_) times_->take(std::move(triangle), counts);
  }

  /// The slowest pairs, and as many ordinary ones to compare with, while all others are silent.
  void measure_again(Recorder& recorder) {
    std::vector<std::pair<int, int>> pairs;
    double slow_pairs = 0, median_s = 0;
    double slowest_s = 0;
    if (times_) {
      pairs = times_->slowest(again_);
      slow_pairs = static_cast<double>(pairs.size());
      const auto ordinary =
          times_->ordinary(again_ > 0 ? std::max<int>(again_, fewest_again) : 0, pairs, seed_);
      pairs.insert(pairs.end(), ordinary.begin(), ordinary.end());
      median_s = times_->median_s();
      slowest_s = times_->slowest_s();
    }
    pairs.resize(static_cast<std::size_t>(group_.broadcast(static_cast<double>(pairs.size()), 0)));
    group_.broadcast(pairs.data(), pairs.size() * sizeof pairs[0], 0);
    slow_pairs = group_.broadcast(slow_pairs, 0);
    median_s = group_.broadcast(median_s, 0);
    slowest_s = group_.broadcast(slowest_s, 0);

    std::vector<double> alone_s(pairs.size(), 0);
    for (std::size_t i = 0; i < pairs.size() && exchange_.own() != LinkExchange::nobody; ++i) {
      const auto [first, second] = pairs[i];
      const int own = exchange_.own();
      MPI_Barrier(exchange_.communicator());
      alone_s[i] = timed_exchange(recorder, own == first    ? second
                                            : own == second ? first
                                                            : LinkExchange::nobody);
    }
    group_.maximum(alone_s);
    if (slow_pairs > 0) {
      slowest_s =
          *std::max_element(alone_s.begin(), alone_s.begin() + static_cast<std::ptrdiff_t>(slow_pairs));
    }
    recorder.add("slowest", slowest_s);
    recorder.add("median", median_s);
    if (!recorder.recording()) return;
    alone_.clear();
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const auto [first, second] = pairs[i];
      if (!(alone_s[i] > 0)) continue;
      alone_.push_back({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(second),
                        static_cast<double>(bytes_) / alone_s[i]});
    }
  }

  const ProcessGroup& group_;
  Pattern pattern_;
  std::size_t bytes_;
  int messages_;
  int again_;
  std::uint64_t seed_;
  bool every_rank_;
  LinkExchange exchange_;
  std::vector<int> ring_;
  std::optional<PairTimes> times_;  ///< on the first member, with pattern pairs
  std::vector<LinkAlone> alone_;    ///< of the last pass
};

std::string unsupported(const Parameters& parameters, const Context& context) {
  const ProcessGroup& group = context.group;
  if (text(parameters, "endpoints") == "nodes" && nodes_of(group) < 2) {
    return "all ranks are on one node, so that nothing crosses a link between nodes; start it on two nodes "
           "or "
           "more, or say endpoints = \"ranks\" to measure between the ranks of one node";
  }
  const auto members = link_members(group, every_rank_talks(parameters, group)).size();
  if (members < 2) return "it takes two endpoints; start it with two ranks or more";
  if (members > most_members) {
    return std::to_string(members) + " endpoints are more than " + std::to_string(most_members) +
           ", which one matrix holds; say endpoints = \"nodes\" or use fewer nodes";
  }
  if (by_library(parameters) && integer(parameters, "warmups") == 0)
    return "the first message between two GPUs sets up their connection, which is no message's time; give "
           "warmups=1 or more";
  return transport_unsupported(parameters, group, {device::Element::int8, true});
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  return std::make_unique<Links>(parameters, context);
}

BenchmarkSpec describe_links() {
  BenchmarkSpec spec;
  spec.name = "fabric/links";
  spec.title = "Links: every pair of nodes, the bisection, a random ring";
  spec.area = "fabric";
  spec.scope = Scope::group;
  spec.minimum_ranks = 2;
  ParameterSpec bytes =
      bytes_parameter("bytes", std::int64_t{16} << 20, 1, static_cast<double>(std::int64_t{1} << 30),
                      "of one message; 16 MiB is the rule for a bisection, 1 MiB makes all pairs of a large "
                      "machine quicker");
  spec.parameters = {
      choice_parameter(
          "pattern", {"pairs", "bisection", "ring"},
          "every pair once in rounds of disjoint pairs; both halves against each other; each to the next "
          "in a "
          "random order"),
      bytes,
      integer_parameter("messages", 25, 25, 1e6, "timed messages of an exchange, sent and received at once"),
      integer_parameter("warmups", 3, 0, 1e6, "messages before these"),
      choice_parameter(
          "endpoints", {"auto", "nodes", "ranks"},
          "who talks: the first rank of each node, or every rank; auto: nodes where there are several, else "
          "ranks"),
      integer_parameter(
          "again", 8, 0, 1000,
          "how many of the slowest pairs are measured again alone (with as many ordinary ones to compare)"),
      implementation_parameter(
          {}, "the MPI library; nccl, rccl: the library of a GPU's vendor, with device=gpu")};
  ParameterSpec device = device_parameter();
  device.meaning = "whose memory the messages are in: the host's, or that of one GPU for each rank";
  spec.parameters.push_back(device);
  const std::pair<std::string, std::string> pairs{"pattern", "pairs"};
  const std::pair<std::string, std::string> bisection{"pattern", "bisection"};
  const std::pair<std::string, std::string> ring{"pattern", "ring"};
  spec.foms = {
      {"slowest", "B/s", Better::higher,
       "in each direction of the slowest pair, measured again alone while the others are silent", pairs},
      {"median", "B/s", Better::higher, "in each direction of all pairs, each in its round", pairs},
      {"bisection", "B/s", Better::higher,
       "through the middle, both directions together, by the slowest pair; the lowest of all passes",
       bisection},
      {"per_pair", "B/s", Better::higher, "the same for one pair, in each direction", bisection},
      {"ring", "B/s", Better::higher, "from each endpoint to the next, by the slowest", ring}};
  return spec;
}

}  // namespace

const Benchmark& fabric_links() {
  static const Benchmark benchmark{describe_links(), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
