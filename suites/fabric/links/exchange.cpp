#include "suites/fabric/links/exchange.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <utility>

#include "suites/fabric/links/payload.h"

namespace assay::bench {

namespace {
constexpr int message_tag = 1;
constexpr int time_tag = 2;
}  // namespace

std::vector<int> link_members(const std::vector<std::string>& nodes, bool every_rank) {
  std::map<std::string, std::size_t> place;
  std::vector<std::vector<int>> by_node;
  for (std::size_t rank = 0; rank < nodes.size(); ++rank) {
    const auto [found, is_new] = place.emplace(nodes[rank], by_node.size());
    if (is_new) by_node.emplace_back();
    if (is_new || every_rank) by_node[found->second].push_back(static_cast<int>(rank));
  }
  std::vector<int> members;
  for (const auto& ranks : by_node) members.insert(members.end(), ranks.begin(), ranks.end());
  return members;
}

std::vector<int> link_members(const ProcessGroup& group, bool every_rank) {
  std::vector<std::string> nodes;
  for (int rank = 0; rank < group.size(); ++rank) nodes.push_back(group.node_of(rank));
  return link_members(nodes, every_rank);
}

LinkExchange::LinkExchange(const ProcessGroup& group, std::vector<int> members, const Settings& settings)
    : group_(group), members_(std::move(members)), settings_(settings) {
  const auto found = std::find(members_.begin(), members_.end(), group.rank());
  if (found != members_.end()) own_ = static_cast<int>(found - members_.begin());
}

LinkExchange::~LinkExchange() {
  if (communicator_ != MPI_COMM_NULL) MPI_Comm_free(&communicator_);
}

void LinkExchange::prepare() {
  if (!group_.alone()) {
    MPI_Comm_split(group_.communicator(), own_ == nobody ? MPI_UNDEFINED : 0, own_, &communicator_);
  }
  if (own_ == nobody) return;
  sent_.assign(settings_.bytes, std::byte{0});
  received_.assign(settings_.bytes, std::byte{0});
}

int LinkExchange::reachable(int member) const {
  const int silent = settings_.last_is_silent ? members() - 1 : nobody;
  return member == nobody || own_ == silent || member == silent ? MPI_PROC_NULL : member;
}

void LinkExchange::begin(int to, int from) {
  ++exchange_;
  to_ = to;
  from_ = from;
  if (to == nobody && from == nobody) return;
  verify();
  LinkPayload(settings_.seed, own_, to, exchange_).fill(sent_.data(), sent_.size());
  message_ = 0;
  for (int i = 0; i < settings_.warmups; ++i) one_message();
  to_verify_ = from != nobody;
  verify_from_ = from;
  verify_exchange_ = exchange_;
}

void LinkExchange::run() {
  if (to_ == nobody && from_ == nobody) return;
  for (int i = 0; i < settings_.messages; ++i) one_message();
}

void LinkExchange::one_message() {
  LinkPayload(settings_.seed, own_, to_, exchange_).stamp(sent_.data(), sent_.size(), message_++);
  const int count = static_cast<int>(settings_.bytes);
  MPI_Sendrecv(sent_.data(), count, MPI_BYTE, reachable(to_), message_tag, received_.data(), count, MPI_BYTE,
               reachable(from_), message_tag, communicator_, MPI_STATUS_IGNORE);
}

double LinkExchange::agreed_with_partner(double seconds) const {
  double other = 0;
  MPI_Sendrecv(&seconds, 1, MPI_DOUBLE, reachable(to_), time_tag, &other, 1, MPI_DOUBLE, reachable(from_),
               time_tag, communicator_, MPI_STATUS_IGNORE);
  return std::max(seconds, other);
}

void LinkExchange::poison() {
  verify();
  std::fill(received_.begin(), received_.end(), std::byte{0xff});
}

void LinkExchange::verify() {
  if (!to_verify_) return;
  to_verify_ = false;
  ++verified_;
  const std::size_t wrong =
      LinkPayload(settings_.seed, verify_from_, own_, verify_exchange_)
          .wrong_bytes(received_.data(), received_.size(), settings_.warmups + settings_.messages - 1);
  if (wrong == 0) return;
  wrong_bytes_ += static_cast<std::int64_t>(wrong);
  if (!first_wrong_.empty()) return;
  first_wrong_ = "first from rank " + std::to_string(rank_of(verify_from_)) + " to rank " +
                 std::to_string(group_.rank()) + ": " + std::to_string(wrong) + " of " +
                 std::to_string(settings_.bytes) + " bytes";
}

void LinkExchange::spoil(bool with_nan) {
  if (own_ != members() - 1 || !to_verify_) return;
  const std::size_t at = received_.size() / 2;
  if (with_nan) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    std::memcpy(received_.data() + at, &nan, std::min(sizeof nan, received_.size() - at));
  } else {
    received_[at] ^= std::byte{1};
  }
}

}  // namespace assay::bench
