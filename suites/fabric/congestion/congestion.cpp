#include <mpi.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "suites/fabric/congestion/impact.h"
#include "suites/fabric/congestion/roles.h"
#include "suites/fabric/congestion/traffic.h"
#include "suites/fabric/congestion/window.h"
#include "suites/fabric/support/placement.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/mpi_library.h"
#include "suites/harness/parameters.h"
#include "suites/harness/recorder.h"

namespace assay::bench {

namespace {

Congestor parse_congestor(const std::string& name) {
  if (name == "incast") return Congestor::incast;
  if (name == "broadcast") return Congestor::broadcast;
  return Congestor::all_to_all;
}

/// How long the victims measure in one part of a pass.
struct PartLimits {
  std::int64_t operations = 4096;  ///< of each victim, at most
  double time_s = 0;               ///< or until this time is up
  double patience_s = 0;           ///< at most, when the congestors do not get their rounds done
};

class Congestion final : public PassCase {
 public:
  Congestion(const Parameters& parameters, const Context& context)
      : group_(context.group),
        fault_(context.fault),
        seed_(context.seed),
        kind_(parse_congestor(text(parameters, "congestor"))),
        kind_name_(text(parameters, "congestor")),
        message_bytes_(static_cast<std::size_t>(integer(parameters, "bytes"))),
        sum_bytes_(static_cast<std::size_t>(integer(parameters, "allreduce_bytes"))),
        congestor_bytes_(static_cast<std::size_t>(integer(parameters, "congestor_bytes"))),
        roles_(deal_roles(node_of_each_rank(group_), std::get<double>(parameters.at("victims")))),
        is_victim_(std::find(roles_.victims.begin(), roles_.victims.end(), group_.rank()) !=
                   roles_.victims.end()) {
    part_.time_s = context.time_s / 32;
    part_.patience_s = std::max(4 * context.time_s, 5.0);
  }

  ~Congestion() override {
    victim_.reset();
    congestor_.reset();
    if (own_ != MPI_COMM_NULL) MPI_Comm_free(&own_);
    if (control_ != MPI_COMM_NULL) MPI_Comm_free(&control_);
  }
  Congestion(const Congestion&) = delete;
  Congestion& operator=(const Congestion&) = delete;

  void prepare() override {
    MPI_Comm_dup(group_.communicator(), &control_);
    // Both groups in the order of the roles, so that the first of each list speaks for it.
    const auto& members = is_victim_ ? roles_.victims : roles_.congestors;
    const auto place = std::find(members.begin(), members.end(), group_.rank()) - members.begin();
    MPI_Comm_split(control_, is_victim_ ? 0 : 1, static_cast<int>(place), &own_);
    if (is_victim_) {
      victim_ = std::make_unique<VictimTraffic>(own_, message_bytes_, sum_bytes_, seed_,
                                                fault_ == Fault::silent_rank);
    } else {
      congestor_ = std::make_unique<CongestorTraffic>(own_, kind_, congestor_bytes_, seed_);
      congestor_->prepare();
    }
  }

  void poison() override {
    if (victim_) victim_->poison();
    if (congestor_) congestor_->poison();
  }

  PassLimits limits() const override {
    PassLimits limits;
    limits.headline = "impact_mean";
    return limits;
  }

  void pass(Recorder& recorder) override {
    if (victim_)
      victim_->use_ring(ring_of_pass(static_cast<int>(roles_.victims.size()), seed_, recorder.pass()));
    const Test latency{"latency", [this] { victim_->ready_message(); }, [this] { victim_->exchange(); },
                       [this] { victim_->verify_message(); }};
    const Test allreduce{"allreduce", [this] { victim_->ready_sum(); }, [this] { victim_->sum(); },
                         [this] { victim_->verify_sum(); }};
    compare(latency, "impact", recorder);
    compare(allreduce, "allreduce_impact", recorder);
  }

  Check check() override {
    const std::int64_t victims = group_.sum(victim_ ? victim_->wrong_operations() : 0);
    const std::int64_t congestors = group_.sum(congestor_ ? congestor_->wrong_messages() : 0);
    Check check;
    check.error = static_cast<double>(victims + congestors);
    check.bound = 0;
    check.status = *check.error <= *check.bound ? CheckStatus::pass : CheckStatus::fail;
    check.how = "every message and sum of " + std::to_string(roles_.victims.size()) + " victims; of " +
                std::to_string(roles_.congestors.size()) +
                " congestors the beginning of every message, and every byte of the last round";
    if (victims > 0) check.how += "; " + std::to_string(victims) + " wrong operations of victims";
    if (congestors > 0) check.how += "; " + std::to_string(congestors) + " wrong messages of congestors";
    return check;
  }

  /// wrong_element: in a victim's message. nan: among the congestors' messages, where one is poison again.
  void plant(Fault fault) override {
    if (fault == Fault::wrong_element && group_.rank() == roles_.victims.back()) victim_->spoil();
    if (fault == Fault::nan && congestor_) congestor_->spoil();
  }

  std::vector<FigureOfMerit> figures() const override {
    const auto factor = [](const char* name) {
      return FigureOfMerit{name, std::nullopt, "1", Better::lower, Reduce::median, std::nullopt, name};
    };
    return {factor("impact_mean"), factor("impact_p99"), factor("allreduce_impact_mean"),
            factor("allreduce_impact_p99")};
  }

  std::map<std::string, std::string> path() const override {
    std::vector<int> all;
    for (int rank = 0; rank < group_.size(); ++rank) all.push_back(rank);
    const std::string unit = roles_.whole_nodes ? "whole nodes" : "ranks";
    std::map<std::string, std::string> path{
        {"mpi", mpi_library()},
        {"transport", transport(node_of_each_rank(group_), all)},
        {"roles", std::to_string(roles_.victims.size()) + " victims, " +
                      std::to_string(roles_.congestors.size()) + " congestors, interleaved by " + unit}};
    const std::string invalid = missing_congestion(fewest_rounds_, kind_name_);
    if (!invalid.empty()) path["invalid"] = invalid;
    return path;
  }

  std::map<std::string, double> metrics() const override {
    return {{"victims", static_cast<double>(roles_.victims.size())},
            {"congestors", static_cast<double>(roles_.congestors.size())},
            {"fewest_rounds_alongside", static_cast<double>(fewest_rounds_)},
            {"rounds_alongside", static_cast<double>(rounds_)},
            {"operations", static_cast<double>(operations_)}};
  }

 private:
  /// What victims do, and around it what is not timed.
  struct Test {
    std::string name;
    std::function<void()> ready, operation, verify;
  };

  /// One test alone and under congestion, and the factors between.
  void compare(const Test& test, const std::string& factor, Recorder& recorder) {
    const OperationSummary alone = part(test.name + "_alone", recorder, [&] {
      if (victim_) operate(test, test.name + "_alone", recorder, nullptr);
    });
    std::int64_t rounds = 0;
    const OperationSummary congested = part(test.name + "_congested", recorder, [&] {
      if (victim_) {
        VictimWindow window(control_, own_, roles_.congestors.front());
        operate(test, test.name + "_congested", recorder, &window);
      } else {
        rounds = congest(control_, own_, roles_.victims.front(), [this] { congestor_->round(); });
      }
    });
    rounds = static_cast<std::int64_t>(group_.maximum(static_cast<double>(rounds)));
    if (!recorder.recording()) return;
    fewest_rounds_ = fewest_rounds_ < 0 ? rounds : std::min(fewest_rounds_, rounds);
    rounds_ += rounds;
    operations_ += static_cast<std::int64_t>(alone.count + congested.count);
    if (const auto mean = impact(alone.mean_s, congested.mean_s)) recorder.add(factor + "_mean", *mean, "1");
    if (const auto p99 = impact(alone.p99_s, congested.p99_s)) recorder.add(factor + "_p99", *p99, "1");
  }

  /// One part of a pass on all ranks: those without work in it wait asleep.
  OperationSummary part(const std::string& name, Recorder& recorder, const std::function<void()>& work) {
    tally_ = {};
    recorder.time(name + "_part", [&] {
      work();
      barrier_asleep(control_);
    });
    const OperationSummary summary = tally_.over(group_);
    if (summary.mean_s > 0) recorder.add(name, summary.mean_s);
    return summary;
  }

  /// The victims' operations, each timed by itself; in batches, after each of which rank 0 of the victims
  /// decides.
  void operate(const Test& test, const std::string& series, Recorder& recorder, VictimWindow* window) {
    constexpr std::int64_t batch = 16;
    if (window != nullptr) window->open();
    const double begin_s = recorder.now_s();
    std::int64_t done = 0;
    for (int go_on = 1; go_on != 0;) {
      // The first one waits for whoever learnt the last decision late: it is done, verified and not counted.
      for (std::int64_t i = 0; i <= batch; ++i) {
        test.ready();
        const double start_s = recorder.now_s();
        test.operation();
        const double operation_s = recorder.now_s() - start_s;
        test.verify();
        if (i == 0) continue;
        tally_.add(operation_s);
        recorder.operation(series, operation_s);
      }
      done += batch;
      const double spent_s = recorder.now_s() - begin_s;
      const bool measured = done >= part_.operations || spent_s >= part_.time_s;
      const bool congested = window == nullptr || window->enough() || spent_s >= part_.patience_s;
      go_on = measured && congested ? 0 : 1;
      MPI_Bcast(&go_on, 1, MPI_INT, 0, own_);
    }
    if (window != nullptr) window->close();
  }

  ProcessGroup& group_;
  Fault fault_;
  std::uint64_t seed_;
  Congestor kind_;
  std::string kind_name_;
  std::size_t message_bytes_;
  std::size_t sum_bytes_;
  std::size_t congestor_bytes_;
  CongestionRoles roles_;
  bool is_victim_;
  PartLimits part_;
  MPI_Comm control_ = MPI_COMM_NULL;
  MPI_Comm own_ = MPI_COMM_NULL;  ///< the ranks of this rank's role
  std::unique_ptr<VictimTraffic> victim_;
  std::unique_ptr<CongestorTraffic> congestor_;
  OperationTally tally_;
  std::int64_t fewest_rounds_ = -1;  ///< -1: nothing recorded yet
  std::int64_t rounds_ = 0;
  std::int64_t operations_ = 0;
};

std::string unsupported(const Parameters& parameters, const Context& context) {
  if (integer(parameters, "allreduce_bytes") % 8 != 0) {
    return "allreduce_bytes is " + std::to_string(integer(parameters, "allreduce_bytes")) +
           ", no whole number of 8-byte integers; give a multiple of 8";
  }
  // All-to-all sends and receives a block for every congestor, incast receives one from each.
  constexpr double most_bytes = 1073741824.0;
  const std::string& congestor = text(parameters, "congestor");
  const double copies = congestor == "all_to_all" ? 2 : congestor == "incast" ? 1 : 0;
  const auto congestors =
      deal_roles(node_of_each_rank(context.group), std::get<double>(parameters.at("victims"))).congestors;
  const double blocks = copies * static_cast<double>(congestors.size());
  if (blocks * static_cast<double>(integer(parameters, "congestor_bytes")) > most_bytes) {
    return congestor + " among " + std::to_string(congestors.size()) +
           " congestors needs more than 1 GiB a rank; give congestor_bytes=" +
           std::to_string(static_cast<std::int64_t>(most_bytes / blocks)) + " or less";
  }
  return {};
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  return std::make_unique<Congestion>(parameters, context);
}

ParameterSpec size(const char* name, std::int64_t value, double minimum, const char* meaning) {
  return bytes_parameter(name, value, minimum, static_cast<double>(std::int64_t{1} << 30), meaning);
}

BenchmarkSpec describe_congestion() {
  BenchmarkSpec spec;
  spec.name = "fabric/congestion";
  spec.title =
      "What congestion does to others: latency and all-reduce of victims, alone and beside heavy traffic";
  spec.area = "fabric";
  spec.scope = Scope::group;
  spec.minimum_ranks = 4;
  ParameterSpec congestor = choice_parameter("congestor", {"all_to_all", "incast", "broadcast"},
                                             "what the other ranks do meanwhile");
  ParameterSpec victims = real_parameter(
      "victims", "", 0.5, 0, 1,
      "share of the nodes (below four nodes: of the ranks) that are measured; at least two of each kind");
  spec.parameters = {congestor, size("bytes", 8, 1, "size of the victims' messages"),
                     size("allreduce_bytes", 8, 8, "size of the victims' all-reduce"),
                     size("congestor_bytes", std::int64_t{64} << 10, 1,
                          "size of the congestors' messages, between any two of them"),
                     victims};
  spec.foms = {
      {"impact_mean", "1", Better::lower, "mean time of a victim's message, congested / alone", std::nullopt},
      {"impact_p99", "1", Better::lower, "the same of the time that 99 of 100 messages do not exceed",
       std::nullopt},
      {"allreduce_impact_mean", "1", Better::lower, "mean time of the victims' all-reduce, congested / alone",
       std::nullopt},
      {"allreduce_impact_p99", "1", Better::lower,
       "the same of the time that 99 of 100 all-reduces do not exceed", std::nullopt},
  };
  return spec;
}

}  // namespace

const Benchmark& fabric_congestion() {
  static const Benchmark benchmark{describe_congestion(), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
