#include "suites/fabric/starts/starts.h"

#include <mpi.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include "suites/fabric/support/placement.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/mpi_library.h"
#include "suites/harness/recorder.h"

namespace assay::bench {

std::optional<double> parse_launched(const char* text) {
  if (text == nullptr || *text < '0' || *text > '9') return std::nullopt;
  if (std::strspn(text, "0123456789.") != std::strlen(text)) return std::nullopt;
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  if (*end != '\0' || !std::isfinite(seconds)) return std::nullopt;
  return seconds;
}

std::string implausible_start(double launched_s, double barrier_s, double init_s) {
  constexpr double day_s = 86400;
  constexpr double slack_s = 0.1;  // the start of a process is known in ticks, clocks are slewed
  const double time_s = barrier_s - launched_s;
  if (time_s > 0 && time_s <= day_s && time_s + slack_s >= init_s) return {};
  char text[256];
  std::snprintf(
      text, sizeof text,
      "%.6f s from the launch (%.6f) to the first barrier (%.6f, the latest rank), while processes took up "
      "to "
      "%.2f s until MPI was ready: the clocks of the machines differ, or ASSAY_LAUNCHED is of another start",
      time_s, launched_s, barrier_s, init_s);
  return text;
}

namespace {

constexpr const char* launched_variable = "ASSAY_LAUNCHED";

/// What happened before any case ran, told as a case. Each rank wrote down when the first barrier let it go.
class Starts final : public PassCase {
 public:
  explicit Starts(const Context& context)
      : group_(context.group), fault_(context.fault), communicator_(group_.communicator()) {}

  ~Starts() override {
    if (communicator_ != group_.communicator()) MPI_Comm_free(&communicator_);
  }
  Starts(const Starts&) = delete;
  Starts& operator=(const Starts&) = delete;

  void prepare() override {
    if (fault_ == Fault::silent_rank) {
      const bool silent = group_.rank() == group_.size() - 1;
      MPI_Comm_split(group_.communicator(), silent ? 1 : 0, group_.rank(), &communicator_);
    }
    // Only rank 0's environment counts: launchers hand it to all ranks alike, or to none.
    launched_s_ = group_.broadcast(parse_launched(std::getenv(launched_variable)).value_or(0), 0);
    const Beginning& own = group_.beginning();
    latest_s_ = group_.maximum(own.first_barrier_epoch_s);
    earliest_s_ = -group_.maximum(-own.first_barrier_epoch_s);
    longest_init_s_ = group_.maximum(own.init_s);
    const auto names = group_.gather(group_.node_of(group_.rank()), 0);
    nodes_ = static_cast<int>(
        group_.broadcast(static_cast<double>(std::set<std::string>(names.begin(), names.end()).size()), 0));
  }

  void poison() override { received_ = {std::nan(""), std::nan(""), std::nan("")}; }

  PassLimits limits() const override {
    PassLimits once;
    once.warmups = 0;
    once.maximum = 1;
    return once;
  }

  void pass(Recorder& recorder) override {
    const double time_s = latest_s_ - launched_s_;
    if (time_s > 0) recorder.add("time", time_s);
    if (longest_init_s_ > 0) recorder.add("init", longest_init_s_);
    // That the ranks are really connected: each one's share is in the sums, or they are wrong.
    const double number = group_.rank() + 1;
    const std::vector<double> own{1, number, number * number};
    recorder.time("roll_call", [&] {
      MPI_Allreduce(own.data(), received_.data(), 3, MPI_DOUBLE, MPI_SUM, communicator_);
    });
  }

  Check check() override {
    const double n = group_.size();
    // Sums of 1, k and k^2 for k = 1..n: doubles hold them exactly for any number of ranks there is.
    const std::vector<double> right{n, n * (n + 1) / 2, n * (n + 1) * (2 * n + 1) / 6};
    double error = 0;
    bool number = true;
    for (std::size_t i = 0; i < right.size(); ++i) {
      number = number && !std::isnan(received_[i]);
      if (number) error = std::max(error, std::abs(received_[i] - right[i]));
    }
    const bool unseen = group_.any(!(group_.beginning().first_barrier_epoch_s > 0));
    const bool not_a_number = group_.any(!number);
    error = group_.maximum(error);
    Check check;
    check.bound = 0;
    if (!not_a_number) check.error = error;
    const bool all_nodes = nodes_ == count_nodes();
    check.status = !unseen && all_nodes && check.error && *check.error <= *check.bound ? CheckStatus::pass
                                                                                       : CheckStatus::fail;
    check.how = "numbers of all " + std::to_string(group_.size()) + " ranks and their squares summed up, " +
                std::to_string(nodes_) + (nodes_ == 1 ? " node" : " nodes") + " by name";
    if (not_a_number || error > 0) check.how += "; a rank is missing in the sums";
    if (unseen) check.how += "; a rank did not say when the first barrier let it go";
    return check;
  }

  void plant(Fault fault) override {
    if (group_.rank() != group_.size() - 1) return;
    received_[1] = fault == Fault::nan ? std::nan("") : received_[1] - 1;
  }

  std::vector<FigureOfMerit> figures() const override {
    return {{"time", std::nullopt, "s", Better::lower, Reduce::max, std::nullopt, "time"}};
  }

  std::map<std::string, std::string> path() const override {
    std::vector<int> all;
    for (int rank = 0; rank < group_.size(); ++rank) all.push_back(rank);
    std::map<std::string, std::string> path{{"mpi", mpi_library()},
                                            {"transport", transport(node_of_each_rank(group_), all)}};
    const std::string invalid = implausible_start(launched_s_, latest_s_, longest_init_s_);
    if (!invalid.empty()) path["invalid"] = invalid;
    return path;
  }

  std::map<std::string, double> metrics() const override {
    std::map<std::string, double> metrics{
        {"ranks", group_.size()}, {"nodes", nodes_}, {"moments_apart_s", latest_s_ - earliest_s_}};
    if (longest_init_s_ > 0) metrics["init_s"] = longest_init_s_;
    return metrics;
  }

 private:
  int count_nodes() const {
    const auto nodes = node_of_each_rank(group_);
    return static_cast<int>(std::set<std::string>(nodes.begin(), nodes.end()).size());
  }

  ProcessGroup& group_;
  Fault fault_;
  MPI_Comm communicator_;
  double launched_s_ = 0;
  double latest_s_ = 0;
  double earliest_s_ = 0;
  double longest_init_s_ = 0;
  int nodes_ = 0;
  std::vector<double> received_ = {0, 0, 0};
};

std::string unsupported(const Parameters&, const Context& context) {
  if (context.group.rank() != 0) return {};  // the ranks agree on what rank 0 finds
  const char* text = std::getenv(launched_variable);
  if (parse_launched(text)) return {};
  const std::string found =
      text == nullptr ? "is not set" : "is '" + std::string(text) + "', no number of seconds";
  return std::string(launched_variable) + " " + found +
         ", so when this start was launched is not known (`assay run` says it); by hand: " +
         launched_variable + "=$(date +%s.%N) mpiexec -n " + std::to_string(context.group.size()) +
         " assay-bench fabric/starts";
}

std::unique_ptr<Case> make(const Parameters&, const Context& context) {
  return std::make_unique<Starts>(context);
}

}  // namespace

const Benchmark& fabric_starts() {
  static const Benchmark benchmark = [] {
    BenchmarkSpec spec;
    spec.name = "fabric/starts";
    spec.title = "Starting a parallel program: from the launch to the first barrier";
    spec.area = "fabric";
    spec.scope = Scope::group;
    spec.minimum_ranks = 2;
    spec.foms = {{"time", "s", Better::lower,
                  "from the launch of the process group until its first barrier has let the last rank go",
                  std::nullopt}};
    return Benchmark{spec, &unsupported, &make};
  }();
  return benchmark;
}

}  // namespace assay::bench
