#include "suites/harness/process_group.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

#include "reports/base/error.h"

namespace assay::bench {

namespace {

/// MPI counts are ints: longer transfers go in pieces of this many bytes.
constexpr std::size_t piece_bytes = std::size_t{1} << 30;

int as_count(std::size_t value) {
  if (value > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw Error(ExitStatus::cannot_run, std::to_string(value) + " bytes are more than one MPI call carries",
                "use fewer ranks in one start");
  }
  return static_cast<int>(value);
}

}  // namespace

ProcessGroup::ProcessGroup(MPI_Comm communicator, std::vector<std::string> nodes)
    : communicator_(communicator), nodes_(std::move(nodes)) {
  if (communicator_ == MPI_COMM_NULL) return;
  MPI_Comm_rank(communicator_, &rank_);
  MPI_Comm_size(communicator_, &size_);
}

int ProcessGroup::most_ranks_on_a_node() const {
  std::map<std::string, int> count;
  int most = 1;
  for (int rank = 0; rank < size_; ++rank) most = std::max(most, ++count[node_of(rank)]);
  return most;
}

void ProcessGroup::barrier() const {
  if (!alone()) MPI_Barrier(communicator_);
}

double ProcessGroup::maximum(double value) const {
  if (alone()) return value;
  double result = 0;
  MPI_Allreduce(&value, &result, 1, MPI_DOUBLE, MPI_MAX, communicator_);
  return result;
}

void ProcessGroup::maximum(std::vector<double>& values) const {
  if (alone() || values.empty()) return;
  MPI_Allreduce(MPI_IN_PLACE, values.data(), as_count(values.size()), MPI_DOUBLE, MPI_MAX, communicator_);
}

std::int64_t ProcessGroup::sum(std::int64_t value) const {
  if (alone()) return value;
  std::int64_t result = 0;
  MPI_Allreduce(&value, &result, 1, MPI_INT64_T, MPI_SUM, communicator_);
  return result;
}

void ProcessGroup::sum(std::vector<std::uint64_t>& values) const {
  if (alone()) return;
  MPI_Allreduce(MPI_IN_PLACE, values.data(), as_count(values.size()), MPI_UINT64_T, MPI_SUM, communicator_);
}

bool ProcessGroup::any(bool value) const {
  return sum(value ? 1 : 0) > 0;
}

void ProcessGroup::broadcast(void* bytes, std::size_t count, int root) const {
  if (alone()) return;
  auto* at = static_cast<char*>(bytes);
  while (count > 0) {
    const std::size_t part = std::min(count, piece_bytes);
    MPI_Bcast(at, static_cast<int>(part), MPI_BYTE, root, communicator_);
    at += part;
    count -= part;
  }
}

double ProcessGroup::broadcast(double value, int root) const {
  broadcast(&value, sizeof value, root);
  return value;
}

std::vector<std::string> ProcessGroup::gather(const std::string& text, int root) const {
  if (alone()) return {text};
  const int length = as_count(text.size());
  std::vector<int> lengths(rank_ == root ? static_cast<std::size_t>(size_) : 0);
  MPI_Gather(&length, 1, MPI_INT, lengths.data(), 1, MPI_INT, root, communicator_);
  std::vector<int> offsets(lengths.size());
  std::string all;
  // The sum is checked on the root and told to everyone, so that nobody waits for a root that threw.
  double total = 0;
  for (const int part : lengths) total += part;
  total = broadcast(total, root);
  as_count(static_cast<std::size_t>(total));
  if (rank_ == root) {
    std::exclusive_scan(lengths.begin(), lengths.end(), offsets.begin(), 0);
    all.resize(static_cast<std::size_t>(total));
  }
  MPI_Gatherv(text.data(), length, MPI_CHAR, all.data(), lengths.data(), offsets.data(), MPI_CHAR, root,
              communicator_);
  std::vector<std::string> texts;
  texts.reserve(lengths.size());
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    texts.push_back(all.substr(static_cast<std::size_t>(offsets[i]), static_cast<std::size_t>(lengths[i])));
  }
  return texts;
}

std::vector<std::string> ProcessGroup::all_gather(const std::string& text) const {
  const auto texts = gather(text, 0);
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(size_));
  std::string all;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    lengths[i] = static_cast<std::int64_t>(texts[i].size());
    all += texts[i];
  }
  broadcast(lengths.data(), lengths.size() * sizeof(std::int64_t), 0);
  all.resize(static_cast<std::size_t>(std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0})));
  broadcast(all.data(), all.size(), 0);
  std::vector<std::string> every;
  std::size_t begin = 0;
  for (const std::int64_t length : lengths) {
    every.push_back(all.substr(begin, static_cast<std::size_t>(length)));
    begin += static_cast<std::size_t>(length);
  }
  return every;
}

}  // namespace assay::bench
