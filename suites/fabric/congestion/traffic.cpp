#include "suites/fabric/congestion/traffic.h"

#include <algorithm>

namespace assay::bench {

CongestorTraffic::CongestorTraffic(MPI_Comm communicator, Congestor kind, std::size_t bytes,
                                   std::uint64_t seed)
    : communicator_(communicator), kind_(kind), bytes_(bytes), seed_(scrambled(seed + 1)) {
  MPI_Comm_rank(communicator_, &rank_);
  MPI_Comm_size(communicator_, &size_);
}

Payload CongestorTraffic::payload(int sender, int receiver) const {
  return {seed_, sender, kind_ == Congestor::all_to_all ? receiver : 0};
}

void CongestorTraffic::prepare() {
  const auto members = static_cast<std::size_t>(size_);
  const std::size_t sent = kind_ == Congestor::all_to_all ? members : 1;
  const std::size_t arriving = kind_ == Congestor::broadcast                  ? 1
                               : kind_ == Congestor::all_to_all || rank_ == 0 ? members
                                                                              : 0;
  outgoing_.resize(sent * bytes_);
  incoming_.resize(arriving * bytes_);
  requests_.resize(members, MPI_REQUEST_NULL);
  for (std::size_t i = 0; i < sent; ++i)
    payload(rank_, static_cast<int>(i)).fill(outgoing_.data() + i * bytes_, bytes_);
  poison();
}

void CongestorTraffic::poison() {
  Payload::poison(incoming_.data(), incoming_.size());
}

std::vector<CongestorTraffic::Received> CongestorTraffic::received(std::uint64_t round) const {
  std::vector<Received> all;
  const int root = static_cast<int>(round % static_cast<std::uint64_t>(size_));
  switch (kind_) {
    case Congestor::all_to_all:
      for (int sender = 0; sender < size_; ++sender) all.push_back({sender, sender});
      break;
    case Congestor::incast:
      for (int sender = 1; rank_ == 0 && sender < size_; ++sender) all.push_back({sender, sender});
      break;
    case Congestor::broadcast:
      if (rank_ != root) all.push_back({root, 0});
      break;
  }
  return all;
}

void CongestorTraffic::round() {
  const int length = static_cast<int>(bytes_);
  const int root = static_cast<int>(rounds_ % static_cast<std::uint64_t>(size_));
  for (std::size_t i = 0; i * bytes_ < outgoing_.size(); ++i)
    payload(rank_, static_cast<int>(i)).stamp(outgoing_.data() + i * bytes_, bytes_, rounds_);
  switch (kind_) {
    case Congestor::all_to_all:
      MPI_Alltoall(outgoing_.data(), length, MPI_BYTE, incoming_.data(), length, MPI_BYTE, communicator_);
      break;
    case Congestor::incast:
      if (rank_ != 0) {
        MPI_Send(outgoing_.data(), length, MPI_BYTE, 0, 0, communicator_);
        break;
      }
      for (int sender = 1; sender < size_; ++sender) {
        const auto at = static_cast<std::size_t>(sender);
        MPI_Irecv(incoming_.data() + at * bytes_, length, MPI_BYTE, sender, 0, communicator_, &requests_[at]);
      }
      MPI_Waitall(size_ - 1, requests_.data() + 1, MPI_STATUSES_IGNORE);
      break;
    case Congestor::broadcast:
      MPI_Bcast(rank_ == root ? outgoing_.data() : incoming_.data(), length, MPI_BYTE, root, communicator_);
      break;
  }
  for (const Received& one : received(rounds_)) {
    const std::byte* const buffer = incoming_.data() + static_cast<std::size_t>(one.place) * bytes_;
    begun_wrongly_ += payload(one.sender, rank_).begins_right(buffer, bytes_, rounds_) ? 0 : 1;
  }
  ++rounds_;
}

std::int64_t CongestorTraffic::wrong_messages() const {
  std::int64_t wrong = begun_wrongly_ + (rounds_ == 0 ? 1 : 0);
  if (rounds_ == 0) return wrong;
  for (const Received& one : received(rounds_ - 1)) {
    const std::byte* const buffer = incoming_.data() + static_cast<std::size_t>(one.place) * bytes_;
    wrong += payload(one.sender, rank_).compare(buffer, bytes_, rounds_ - 1).wrong > 0 ? 1 : 0;
  }
  return wrong;
}

bool CongestorTraffic::spoil() {
  if (rounds_ == 0) return false;
  const auto last = received(rounds_ - 1);
  if (last.empty()) return false;
  Payload::poison(incoming_.data() + static_cast<std::size_t>(last.back().place) * bytes_, bytes_);
  return true;
}

VictimTraffic::VictimTraffic(MPI_Comm control, std::size_t message_bytes, std::size_t sum_bytes,
                             std::uint64_t seed, bool silent)
    : control_(control),
      reduced_(control),
      seed_(scrambled(seed + 2)),
      outgoing_(message_bytes),
      incoming_(message_bytes),
      own_(sum_bytes / sizeof(std::int64_t)),
      expected_(own_.size(), 0),
      input_(own_.size()),
      output_(own_.size()) {
  MPI_Comm_rank(control_, &member_);
  MPI_Comm_size(control_, &members_);
  if (silent) {
    silent_ = members_ - 1;
    MPI_Comm_split(control_, member_ == silent_ ? 1 : 0, member_, &reduced_);
  }
  // Shares of 32 bits: sums of 2^31 ranks are exact.
  const auto share = [&](int member, std::size_t i) {
    return static_cast<std::int64_t>(scrambled(scrambled(seed_ + static_cast<std::uint64_t>(member)) + i) >>
                                     32);
  };
  for (std::size_t i = 0; i < own_.size(); ++i) {
    own_[i] = share(member_, i);
    for (int member = 0; member < members_; ++member) expected_[i] += share(member, i);
  }
  Payload(seed_, member_, 0).fill(outgoing_.data(), outgoing_.size());
  poison();
}

VictimTraffic::~VictimTraffic() {
  if (reduced_ != control_) MPI_Comm_free(&reduced_);
}

int VictimTraffic::peer(int member) const {
  return member_ == silent_ || member == silent_ ? MPI_PROC_NULL : member;
}

void VictimTraffic::ready_message() {
  ++messages_;
  Payload(seed_, member_, 0).stamp(outgoing_.data(), outgoing_.size(), messages_);
  Payload::poison(incoming_.data(), incoming_.size());
}

void VictimTraffic::ready_sum() {
  ++sums_;
  for (std::size_t i = 0; i < own_.size(); ++i) {
    input_[i] = own_[i] + sums_;
    output_[i] = -1;  // shares are not negative, and so no sum is
  }
}

void VictimTraffic::exchange() {
  MPI_Sendrecv(outgoing_.data(), static_cast<int>(outgoing_.size()), MPI_BYTE, peer(neighbours_.right), 0,
               incoming_.data(), static_cast<int>(incoming_.size()), MPI_BYTE, peer(neighbours_.left), 0,
               control_, MPI_STATUS_IGNORE);
}

void VictimTraffic::sum() {
  MPI_Allreduce(input_.data(), output_.data(), static_cast<int>(input_.size()), MPI_INT64_T, MPI_SUM,
                reduced_);
}

void VictimTraffic::poison() {
  Payload::poison(incoming_.data(), incoming_.size());
  std::fill(output_.begin(), output_.end(), -1);
}

bool VictimTraffic::message_is_right() const {
  return Payload(seed_, neighbours_.left, 0).compare(incoming_.data(), incoming_.size(), messages_).wrong ==
         0;
}

bool VictimTraffic::sum_is_right() const {
  for (std::size_t i = 0; i < output_.size(); ++i) {
    if (output_[i] != expected_[i] + members_ * sums_) return false;
  }
  return true;
}

std::int64_t VictimTraffic::wrong_operations() const {
  return wrong_ + (message_is_right() ? 0 : 1) + (sum_is_right() ? 0 : 1);
}

}  // namespace assay::bench
