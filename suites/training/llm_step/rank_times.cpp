#include "suites/training/llm_step/rank_times.h"

#include <mpi.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "reports/record/record.h"
#include "suites/harness/statistics.h"

namespace assay::bench {

namespace {

using training::Phase;

double phase_s(const OwnStep& step, Phase phase) {
  return step.phases_s[static_cast<std::size_t>(phase)];
}

/// Median of |t / t of the step before - 1|; 0 for a single step.
double jitter_of(const std::vector<double>& times_s) {
  std::vector<double> changes;
  for (std::size_t i = 1; i < times_s.size(); ++i) {
    if (times_s[i - 1] > 0) changes.push_back(std::abs(times_s[i] / times_s[i - 1] - 1));
  }
  return changes.empty() ? 0 : median_of(changes);
}

template <typename T>
void put(std::string& bytes, const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
T take(const char*& at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  at += sizeof value;
  return value;
}

/// From rank to rank within one launch, so as they lie in memory.
std::string packed(const RankReport& report) {
  std::string bytes;
  put(bytes, report.row.last);
  put(bytes, report.row.median_s);
  put(bytes, report.row.jitter);
  put(bytes, report.sum);
  put(bytes, report.row.mean_s.size());
  for (const double cell : report.row.mean_s) put(bytes, cell);
  for (const double cell : report.row.max_s) put(bytes, cell);
  return bytes;
}

RankReport unpacked(const std::string& bytes) {
  const char* at = bytes.data();
  RankReport report;
  report.row.last = take<std::int64_t>(at);
  report.row.median_s = take<double>(at);
  report.row.jitter = take<double>(at);
  report.sum = take<OwnStep>(at);
  const auto columns = take<std::size_t>(at);
  for (std::size_t i = 0; i < columns; ++i) report.row.mean_s.push_back(take<double>(at));
  for (std::size_t i = 0; i < columns; ++i) report.row.max_s.push_back(take<double>(at));
  return report;
}

}  // namespace

double OwnStep::own_s() const {
  // Clocks are read one after the other: what is left of nothing may be a little below it.
  return std::max(0.0, whole_s - phase_s(*this, Phase::exposed) - within_layers_s);
}

std::size_t slowest_rank(const std::vector<RankReport>& ranks) {
  std::size_t slowest = 0;
  for (std::size_t rank = 1; rank < ranks.size(); ++rank) {
    const RankRow& row = ranks[rank].row;
    const RankRow& best = ranks[slowest].row;
    if (row.last > best.last || (row.last == best.last && row.median_s > best.median_s)) slowest = rank;
  }
  return slowest;
}

std::map<std::string, double> rank_metrics(const std::vector<RankReport>& ranks, std::int64_t steps) {
  if (ranks.empty() || steps <= 0) return {};
  const std::size_t slowest = slowest_rank(ranks);
  std::map<std::string, double> metrics;
  metrics["slowest_rank"] = static_cast<double>(slowest);
  metrics["slowest_rank_share"] = static_cast<double>(ranks[slowest].row.last) / static_cast<double>(steps);
  std::vector<double> medians_s;
  std::size_t jittery = 0;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    medians_s.push_back(ranks[rank].row.median_s);
    if (ranks[rank].row.jitter > ranks[jittery].row.jitter) jittery = rank;
  }
  const double median_s = median_of(medians_s);
  if (median_s > 0) metrics["rank_spread"] = *std::max_element(medians_s.begin(), medians_s.end()) / median_s;
  metrics["rank_jitter"] = ranks[jittery].row.jitter;
  metrics["most_jittery_rank"] = static_cast<double>(jittery);
  metrics.merge(shares_of(ranks[slowest].sum));
  return metrics;
}

std::map<std::string, double> shares_of(const OwnStep& sum) {
  std::map<std::string, double> metrics;
  if (sum.whole_s <= 0) return metrics;
  double other = 1;
  for (std::size_t i = 0; i < training::phase_count; ++i) {
    const double share = sum.phases_s[i] / sum.whole_s;
    metrics["share_" + std::string(training::name_of(static_cast<Phase>(i)))] = share;
    other -= share;
  }
  metrics["share_other"] = std::max(0.0, other);
  metrics["share_within_layers"] = sum.within_layers_s / sum.whole_s;
  return metrics;
}

void RankTimes::add(const OwnStep& own) {
  const double own_s = own.own_s();
  own_s_.push_back(own_s);
  sum_.whole_s += own.whole_s;
  for (std::size_t i = 0; i < own.phases_s.size(); ++i) sum_.phases_s[i] += own.phases_s[i];
  sum_.within_layers_s += own.within_layers_s;
  struct {
    double value;
    int rank;
  } longest{own_s, group_.rank()};  // the layout of MPI_DOUBLE_INT; of equals the first rank
  if (!group_.alone())
    MPI_Allreduce(MPI_IN_PLACE, &longest, 1, MPI_DOUBLE_INT, MPI_MAXLOC, group_.communicator());
  if (longest.rank == group_.rank()) ++last_;
}

void RankTimes::gather() {
  RankReport own;
  own.row.last = last_;
  if (!own_s_.empty()) own.row.median_s = median_of(own_s_);
  own.row.jitter = jitter_of(own_s_);
  fill_columns(own.row, own_s_, steps_per_column(group_.size(), steps()));
  own.sum = sum_;
  const std::vector<std::string> all = group_.gather(packed(own), 0);
  ranks_.clear();
  if (group_.rank() != 0) return;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    ranks_.push_back(unpacked(all[rank]));
    ranks_.back().row.node = group_.node_of(static_cast<int>(rank));
  }
}

RankMap RankTimes::map() const {
  RankMap map;
  map.quantity =
      "a rank's own time of a recorded step: without communication that nothing was computed beside";
  map.steps = steps();
  map.steps_per_column = steps_per_column(group_.size(), steps());
  for (const RankReport& report : ranks_) map.ranks.push_back(report.row);
  return map;
}

}  // namespace assay::bench
