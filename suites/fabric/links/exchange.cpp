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

int mpi_rank(int member) {
  return member == LinkExchange::nobody ? MPI_PROC_NULL : member;
}
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
  const Transport& transport = settings_.transport;
  if (transport.device == nullptr) {
    sent_on_host_.assign(settings_.bytes, std::byte{0});
    received_on_host_.assign(settings_.bytes, std::byte{0});
    sent_seen_ = sent_on_host_.data();
    received_seen_ = received_on_host_.data();
    return;
  }
  for (auto* buffer : {&sent_, &sent_last_, &received_}) {
    *buffer = transport.device->allocate(settings_.bytes);
    std::memset((*buffer)->host(), 0, settings_.bytes);
    (*buffer)->push();
  }
  sent_seen_ = static_cast<std::byte*>(sent_->host());
  received_seen_ = static_cast<std::byte*>(received_->host());
  if (transport.carrier == Carrier::library)
    collectives_ = device::collectives_of(transport.library, *transport.device, meeting_of(communicator_));
}

int LinkExchange::reachable(int member) const {
  const int silent = settings_.last_is_silent ? members() - 1 : nobody;
  return own_ == silent || member == silent ? nobody : member;
}

void LinkExchange::begin(int to, int from) {
  ++exchange_;
  to_ = to;
  from_ = from;
  if (to == nobody && from == nobody) return;
  verify();
  LinkPayload(settings_.seed, own_, to, exchange_).fill(sent_seen_, settings_.bytes);
  message_ = 0;
  if (settings_.transport.device != nullptr) begin_on_device();
  messages(settings_.warmups, false);
  to_verify_ = from != nobody;
  verify_from_ = from;
  verify_exchange_ = exchange_;
}

void LinkExchange::run() {
  if (to_ == nobody && from_ == nobody) return;
  messages(settings_.messages, true);
}

void LinkExchange::messages(int count, bool last) {
  const bool on_device = settings_.transport.device != nullptr;
  for (int i = 0; i < count; ++i) {
    if (on_device) {
      one_message_of_device(last && i + 1 == count);
    } else {
      one_message();
    }
  }
  if (collectives_) collectives_->finish();
}

void LinkExchange::one_message() {
  LinkPayload(settings_.seed, own_, to_, exchange_).stamp(sent_seen_, settings_.bytes, message_++);
  exchange_by_mpi(sent_seen_, received_seen_);
}

/// Every message but the last says that it is the first.
void LinkExchange::begin_on_device() {
  const LinkPayload payload(settings_.seed, own_, to_, exchange_);
  std::byte* const first = sent_seen_;
  auto* const last = static_cast<std::byte*>(sent_last_->host());
  std::memcpy(last, first, settings_.bytes);
  payload.stamp(first, settings_.bytes, 0);
  payload.stamp(last, settings_.bytes, last_message());
  sent_->push();
  sent_last_->push();
}

void LinkExchange::one_message_of_device(bool last) {
  device::Buffer& sent = last ? *sent_last_ : *sent_;
  device::Device& device = *settings_.transport.device;
  switch (settings_.transport.carrier) {
    case Carrier::library:
      return collectives_->exchange(settings_.bytes, sent.device(), reachable(to_), received_->device(),
                                    reachable(from_));
    case Carrier::straight:
      return exchange_by_mpi(sent.device(), received_->device());
    case Carrier::staged:
    case Carrier::host:
      break;
  }
  if (to_ != nobody) device.copy(sent.host(), sent.device(), settings_.bytes);
  device.finish();
  exchange_by_mpi(sent.host(), received_->host());
  if (from_ != nobody) device.copy(received_->device(), received_->host(), settings_.bytes);
  device.finish();
}

void LinkExchange::exchange_by_mpi(const void* sent, void* received) {
  const int count = static_cast<int>(settings_.bytes);
  MPI_Sendrecv(sent, count, MPI_BYTE, mpi_rank(reachable(to_)), message_tag, received, count, MPI_BYTE,
               mpi_rank(reachable(from_)), message_tag, communicator_, MPI_STATUS_IGNORE);
}

double LinkExchange::agreed_with_partner(double seconds) const {
  double other = 0;
  MPI_Sendrecv(&seconds, 1, MPI_DOUBLE, mpi_rank(reachable(to_)), time_tag, &other, 1, MPI_DOUBLE,
               mpi_rank(reachable(from_)), time_tag, communicator_, MPI_STATUS_IGNORE);
  return std::max(seconds, other);
}

void LinkExchange::poison() {
  verify();
  if (received_seen_ == nullptr) return;
  std::fill_n(received_seen_, settings_.bytes, std::byte{0xff});
  if (received_) received_->push();
}

void LinkExchange::verify() {
  if (!to_verify_) return;
  to_verify_ = false;
  ++verified_;
  if (received_) received_->pull();
  const std::size_t wrong = LinkPayload(settings_.seed, verify_from_, own_, verify_exchange_)
                                .wrong_bytes(received_seen_, settings_.bytes, last_message());
  if (wrong == 0) return;
  wrong_bytes_ += static_cast<std::int64_t>(wrong);
  if (!first_wrong_.empty()) return;
  first_wrong_ = "first from rank " + std::to_string(rank_of(verify_from_)) + " to rank " +
                 std::to_string(group_.rank()) + ": " + std::to_string(wrong) + " of " +
                 std::to_string(settings_.bytes) + " bytes";
}

void LinkExchange::spoil(bool with_nan) {
  if (own_ != members() - 1 || !to_verify_) return;
  const std::size_t at = settings_.bytes / 2;
  if (received_) received_->pull();
  if (with_nan) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    std::memcpy(received_seen_ + at, &nan, std::min(sizeof nan, settings_.bytes - at));
  } else {
    received_seen_[at] ^= std::byte{1};
  }
  if (received_) received_->push();
}

}  // namespace assay::bench
