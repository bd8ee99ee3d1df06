#include "suites/fabric/pingpong/talk.h"

#include <algorithm>
#include <utility>

#include "suites/fabric/support/placement.h"
#include "suites/harness/mpi_library.h"

namespace assay::bench {

Talk::Talk(const Context& context, std::vector<RankPair> pairs, const TalkShape& shape)
    : group_(context.group),
      nodes_(node_of_each_rank(group_)),
      pairs_(std::move(pairs)),
      seed_(context.seed),
      shape_(shape),
      bytes_(shape.bytes),
      length_(static_cast<int>(shape.bytes)),
      communicator_(group_.communicator()) {
  for (const RankPair& pair : pairs_) {
    if (pair.first == group_.rank()) {
      role_ = Role::first;
      partner_ = pair.second;
      sends_ = shape.forth;
      receives_ = shape.back;
    } else if (pair.second == group_.rank()) {
      role_ = Role::second;
      partner_ = pair.first;
      sends_ = shape.back;
      receives_ = shape.forth;
    }
  }
  // Nobody waits for a rank that is to be silent: its pair sends nowhere and receives nothing.
  const bool in_last_pair = group_.rank() == pairs_.back().first || group_.rank() == pairs_.back().second;
  peer_ = context.fault == Fault::silent_rank && in_last_pair ? MPI_PROC_NULL : partner_;
}

void Talk::prepare() {
  if (!talks()) return;
  outgoing_ = Ring(bytes_, sends_);
  incoming_ = Ring(bytes_, receives_);
  for (int message = 0; message < sends_; ++message) {
    payloads_.emplace_back(seed_, group_.rank(), message);
    payloads_.back().fill(outgoing_[message], bytes_);
  }
  statuses_.resize(static_cast<std::size_t>(receives_));
  send_requests_.resize(static_cast<std::size_t>(sends_), MPI_REQUEST_NULL);
  receive_requests_.resize(static_cast<std::size_t>(receives_), MPI_REQUEST_NULL);
  poison();  // touches the pages, so that the timed part does not
}

void Talk::poison() {
  for (int message = 0; message < receives_; ++message) {
    Payload::poison(incoming_[message], bytes_);
    MPI_Status& status = statuses_[static_cast<std::size_t>(message)];
    status = {};
    status.MPI_SOURCE = MPI_PROC_NULL;
    status.MPI_TAG = MPI_ANY_TAG;
  }
}

bool Talk::right_status(int message, int peer) const {
  const MPI_Status& status = statuses_[static_cast<std::size_t>(message)];
  if (status.MPI_SOURCE != peer || status.MPI_TAG != tag(message)) return false;
  int count = 0;
  MPI_Get_count(&status, MPI_BYTE, &count);
  return count == length_;
}

Check Talk::check() {
  std::int64_t wrong = 0;
  std::int64_t lost = 0;
  std::string place;
  for (int message = 0; message < receives_; ++message) {
    const bool arrived = right_status(message, partner_);
    lost += arrived ? 0 : 1;
    // Message j of n was last sent when n - j fewer had been sent than by now.
    const std::uint64_t iteration =
        received_ - static_cast<std::uint64_t>(receives_) + static_cast<std::uint64_t>(message);
    const PayloadDifference difference =
        Payload(seed_, partner_, message).compare(incoming_[message], bytes_, iteration);
    wrong += difference.wrong;
    if (!place.empty() || (arrived && difference.wrong == 0)) continue;
    place = difference.wrong > 0 ? describe(difference, group_.rank(), message, bytes_)
                                 : "rank " + std::to_string(group_.rank()) + ", message " +
                                       std::to_string(message) + ": sender, tag or length differ";
  }
  wrong = group_.sum(wrong);
  lost = group_.sum(lost);
  const std::int64_t examined = group_.sum(receives_);
  const auto places = group_.gather(place, 0);
  Check check;
  check.error = static_cast<double>(wrong + lost);
  check.bound = 0;
  check.status = examined > 0 && *check.error <= *check.bound ? CheckStatus::pass : CheckStatus::fail;
  check.how = "every byte, the sender, tag and length of the last " + std::to_string(examined) + " messages";
  if (wrong > 0) check.how += "; " + std::to_string(wrong) + " bytes wrong";
  if (lost > 0) check.how += "; " + std::to_string(lost) + " messages did not arrive as sent";
  const auto first = std::find_if(places.begin(), places.end(), [](const auto& one) { return !one.empty(); });
  if (first != places.end()) check.how += ", first at " + *first;
  return check;
}

void Talk::plant(Fault fault) {
  if (group_.rank() != pairs_.back().second || receives_ == 0) return;
  std::byte* const last = incoming_[receives_ - 1];
  if (bytes_ == 0) {
    statuses_.back().MPI_TAG = MPI_ANY_TAG;  // nothing else can be wrong with an empty message
  } else if (fault == Fault::wrong_element) {
    last[bytes_ / 2] ^= std::byte{1};
  } else if (fault == Fault::nan) {
    Payload::poison(last + bytes_ / 2, std::min<std::size_t>(sizeof(double), bytes_ - bytes_ / 2));
  }
}

std::map<std::string, std::string> Talk::path() const {
  const auto name = [&](int rank) {
    return "rank " + std::to_string(rank) + " on " + nodes_[static_cast<std::size_t>(rank)];
  };
  const int across = across_nodes(pairs_, nodes_);
  std::map<std::string, std::string> path{{"mpi", mpi_library()}};
  if (pairs_.size() == 1) {
    path["pair"] = name(pairs_[0].first) + ", " + name(pairs_[0].second);
  } else {
    path["pairs"] =
        std::to_string(pairs_.size()) + " at once, " + std::to_string(across) + " of them across nodes";
  }
  // A pair within a node never leaves it, whatever the others do.
  path["transport"] = across == 0 ? "shared memory" : "network (not identified)";
  if (across > 0 && across < static_cast<int>(pairs_.size())) path["transport"] += " and shared memory";
  return path;
}

double Talk::working_set_bytes() const {
  return static_cast<double>(bytes_) * (shape_.forth + shape_.back) * most_talkers_on_a_node(pairs_, nodes_);
}

}  // namespace assay::bench
