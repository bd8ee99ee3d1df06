// One rank's side of a conversation: its buffers, its messages and their check. What is sent is stamped with
// how many messages went before, what is received leaves its status behind, so that every message is checked
// for its contents, sender, tag and length: a message of 0 bytes too.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "suites/fabric/pingpong/pairs.h"
#include "suites/fabric/support/payload.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/ring.h"

namespace assay::bench {

/// Numbers of messages that the first rank of a pair sends to the second (`forth`) and back, on buffers of
/// their own. Each number must be sent as often as the others of its direction, in order.
struct TalkShape {
  std::size_t bytes = 0;
  int forth = 1;
  int back = 0;
};

class Talk {
 public:
  enum class Role { first, second, idle };

  Talk(const Context& context, std::vector<RankPair> pairs, const TalkShape& shape);

  /// Allocates, fills and touches.
  void prepare();
  void poison();

  Role role() const { return role_; }
  bool talks() const { return role_ != Role::idle; }

  void send(int message) {
    MPI_Send(stamped(message), length_, MPI_BYTE, peer_, tag(message), communicator_);
  }
  void receive(int message) {
    MPI_Recv(incoming_[message], length_, MPI_BYTE, peer_, tag(message), communicator_,
             &statuses_[static_cast<std::size_t>(message)]);
    ++received_;
  }
  /// Messages [first, first + count) at once; they are complete after finish().
  void begin_sending(int first, int count) {
    for (int i = 0; i < count; ++i) {
      MPI_Isend(stamped(first + i), length_, MPI_BYTE, peer_, tag(first + i), communicator_,
                &send_requests_[static_cast<std::size_t>(i)]);
    }
    sending_ = count;
  }
  void begin_receiving(int first, int count) {
    for (int i = 0; i < count; ++i) {
      MPI_Irecv(incoming_[first + i], length_, MPI_BYTE, peer_, tag(first + i), communicator_,
                &receive_requests_[static_cast<std::size_t>(i)]);
    }
    receiving_ = count;
    first_receiving_ = first;
  }
  void finish() {
    if (sending_ > 0) MPI_Waitall(sending_, send_requests_.data(), MPI_STATUSES_IGNORE);
    if (receiving_ > 0)
      MPI_Waitall(receiving_, receive_requests_.data(),
                  &statuses_[static_cast<std::size_t>(first_receiving_)]);
    received_ += static_cast<std::uint64_t>(receiving_);
    sending_ = 0;
    receiving_ = 0;
  }
  /// An empty message that says "go on".
  void acknowledge() { MPI_Send(nullptr, 0, MPI_BYTE, peer_, acknowledgement, communicator_); }
  void await_acknowledgement() {
    MPI_Recv(nullptr, 0, MPI_BYTE, peer_, acknowledgement, communicator_, MPI_STATUS_IGNORE);
  }

  /// Collective: every byte and every status of what all ranks received last.
  Check check();
  /// Spoils the last message that the second rank of the last pair received.
  void plant(Fault fault);

  /// "rank 0 on a, rank 3 on b", or how many pairs there are.
  std::map<std::string, std::string> path() const;
  /// Buffers of all talkers of the fullest node.
  double working_set_bytes() const;

 private:
  static constexpr int acknowledgement = 32767;  ///< the largest tag that every MPI library has

  static int tag(int message) { return message % acknowledgement; }
  std::byte* stamped(int message) {
    std::byte* const buffer = outgoing_[message];
    payloads_[static_cast<std::size_t>(message)].stamp(buffer, bytes_, sent_++);
    return buffer;
  }
  bool right_status(int message, int peer) const;

  ProcessGroup& group_;
  std::vector<std::string> nodes_;
  std::vector<RankPair> pairs_;
  std::uint64_t seed_;
  TalkShape shape_;
  std::size_t bytes_;
  int length_;
  Role role_ = Role::idle;
  int partner_ = MPI_PROC_NULL;  ///< who should answer
  int peer_ = MPI_PROC_NULL;     ///< who is talked to: nobody when this pair is to be silent
  int sends_ = 0;
  int receives_ = 0;
  MPI_Comm communicator_;
  Ring outgoing_;
  Ring incoming_;
  std::vector<Payload> payloads_;  ///< of the outgoing messages
  std::vector<MPI_Status> statuses_;
  std::vector<MPI_Request> send_requests_;
  std::vector<MPI_Request> receive_requests_;
  int sending_ = 0;
  int receiving_ = 0;
  int first_receiving_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace assay::bench
