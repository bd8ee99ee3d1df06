#include "suites/fabric/congestion/impact.h"

#include <mpi.h>

#include <algorithm>
#include <numeric>

#include "suites/harness/histogram.h"

namespace assay::bench {

namespace {

constexpr int per_octave = 64;
constexpr int octaves = 40;          // from a nanosecond to a quarter of an hour
constexpr double shortest_s = 1e-9;  // what no clock resolves counts as this

}  // namespace

OperationTally::OperationTally() {
  histogram_.per_octave = per_octave;
  histogram_.first = bin_of(shortest_s, per_octave);
  histogram_.counts.assign(static_cast<std::size_t>(per_octave * octaves), 0);
}

void OperationTally::add(double seconds) {
  sum_s_ += seconds;
  const int bin = bin_of(std::max(seconds, shortest_s), per_octave) - histogram_.first;
  const int last = static_cast<int>(histogram_.counts.size()) - 1;
  ++histogram_.counts[static_cast<std::size_t>(std::clamp(bin, 0, last))];
}

OperationSummary OperationTally::over(const ProcessGroup& group) const {
  Histogram all = histogram_;
  double sum_s = sum_s_;
  if (!group.alone()) {
    MPI_Allreduce(MPI_IN_PLACE, all.counts.data(), static_cast<int>(all.counts.size()), MPI_UINT64_T, MPI_SUM,
                  group.communicator());
    MPI_Allreduce(MPI_IN_PLACE, &sum_s, 1, MPI_DOUBLE, MPI_SUM, group.communicator());
  }
  OperationSummary summary;
  summary.count = std::accumulate(all.counts.begin(), all.counts.end(), std::uint64_t{0});
  if (summary.count == 0) return summary;
  summary.mean_s = sum_s / static_cast<double>(summary.count);
  summary.p99_s = quantile(all, 0.99).value_or(0);
  return summary;
}

std::optional<double> impact(double alone_s, double congested_s) {
  if (!(alone_s > 0) || !(congested_s > 0)) return std::nullopt;
  return congested_s / alone_s;
}

std::string missing_congestion(std::int64_t fewest_rounds, const std::string& congestor) {
  if (fewest_rounds > 0) return {};
  return "the congestors did nothing: they finished no whole round of " + congestor +
         " while the victims were measured";
}

}  // namespace assay::bench
