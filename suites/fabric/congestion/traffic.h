// What the two groups send: the congestors' rounds and the victims' operations, every message verified.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "suites/fabric/congestion/roles.h"
#include "suites/fabric/support/payload.h"
#include "suites/harness/ring.h"

namespace assay::bench {

enum class Congestor { all_to_all, incast, broadcast };

/// One congestor's part in rounds of heavy traffic within `communicator`.
class CongestorTraffic {
 public:
  CongestorTraffic(MPI_Comm communicator, Congestor kind, std::size_t bytes, std::uint64_t seed);

  void prepare();
  void poison();
  /// One round; all ranks of the communicator alike. The beginning of every message is looked at.
  void round();
  /// Messages that began wrongly in any round so far, and those of the last round with a wrong byte.
  std::int64_t wrong_messages() const;
  /// Makes one received message of the last round poison again; false where this rank received none.
  bool spoil();
  std::int64_t rounds() const { return static_cast<std::int64_t>(rounds_); }

 private:
  struct Received {
    int sender = 0;
    int place = 0;  ///< slot of incoming_
  };
  /// What this rank receives in round `round`.
  std::vector<Received> received(std::uint64_t round) const;
  Payload payload(int sender, int receiver) const;

  MPI_Comm communicator_;
  Congestor kind_;
  std::size_t bytes_;
  std::uint64_t seed_;
  int rank_ = 0;
  int size_ = 1;
  std::vector<std::byte> outgoing_;  ///< one block a receiver in all_to_all, else one
  std::vector<std::byte> incoming_;
  std::vector<MPI_Request> requests_;
  std::uint64_t rounds_ = 0;
  std::int64_t begun_wrongly_ = 0;
};

/// One victim's operations: messages round a ring of all victims, and sums over them.
class VictimTraffic {
 public:
  /// `control` joins all victims. `silent`: the last victim talks to nobody, and nobody waits for it.
  VictimTraffic(MPI_Comm control, std::size_t message_bytes, std::size_t sum_bytes, std::uint64_t seed,
                bool silent);
  ~VictimTraffic();
  VictimTraffic(const VictimTraffic&) = delete;
  VictimTraffic& operator=(const VictimTraffic&) = delete;

  void use_ring(const std::vector<int>& ring) { neighbours_ = neighbours(ring, member_); }
  /// Poisons the outputs and makes the next inputs: untimed.
  void ready_message();
  void ready_sum();
  /// The timed operations.
  void exchange();
  void sum();
  /// Counts what the last operation left wrong; untimed.
  void verify_message() { wrong_ += message_is_right() ? 0 : 1; }
  void verify_sum() { wrong_ += sum_is_right() ? 0 : 1; }

  void poison();
  /// Operations that went wrong so far, and what the outputs hold now.
  std::int64_t wrong_operations() const;
  void spoil() { incoming_.back() ^= std::byte{1}; }

 private:
  bool message_is_right() const;
  bool sum_is_right() const;
  int peer(int member) const;

  MPI_Comm control_;
  MPI_Comm reduced_;  ///< whom sums are over: all victims but for a silent one
  std::uint64_t seed_;
  int member_ = 0;
  int members_ = 1;
  int silent_ = -1;  ///< the member that talks to nobody; -1: none
  RingNeighbours neighbours_;
  std::vector<std::byte> outgoing_;
  std::vector<std::byte> incoming_;
  std::vector<std::int64_t> own_;       ///< this rank's share of the sums, before the iteration is added
  std::vector<std::int64_t> expected_;  ///< the sum of all shares
  std::vector<std::int64_t> input_;
  std::vector<std::int64_t> output_;
  std::uint64_t messages_ = 0;
  std::int64_t sums_ = 0;
  std::int64_t wrong_ = 0;
};

}  // namespace assay::bench
