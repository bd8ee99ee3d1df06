// Messages between members of a fabric test: who they are, what they send, and whether it arrived.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "suites/harness/process_group.h"

namespace assay::bench {

/// Ranks that talk, node after node in the order in which the nodes first appear: all of them, or the first
/// of each node.
std::vector<int> link_members(const ProcessGroup& group, bool every_rank);
/// The same from the nodes of all ranks.
std::vector<int> link_members(const std::vector<std::string>& nodes, bool every_rank);

class LinkExchange {
 public:
  struct Settings {
    std::size_t bytes = 0;  ///< of one message
    int messages = 0;
    int warmups = 0;
    std::uint64_t seed = 0;
    bool last_is_silent = false;  ///< a planted fault: the last member communicates with nobody
  };

  static constexpr int nobody = -1;

  LinkExchange(const ProcessGroup& group, std::vector<int> members, const Settings& settings);
  ~LinkExchange();
  LinkExchange(const LinkExchange&) = delete;
  LinkExchange& operator=(const LinkExchange&) = delete;

  /// Collective over the whole group: makes the members' communicator and touches the buffers.
  void prepare();

  int members() const { return static_cast<int>(members_.size()); }
  /// The group's rank of a member.
  int rank_of(int member) const { return members_[static_cast<std::size_t>(member)]; }
  /// This rank's place among the members; nobody when it does not talk.
  int own() const { return own_; }
  MPI_Comm communicator() const { return communicator_; }

  /// What follows is called by every member alike, once per exchange, with its own partners or `nobody`.
  /// Compares what the exchange before left, fills the message and sends the warm-up ones.
  void begin(int to, int from);
  /// The messages that count: one at a time, sending and receiving at once.
  void run();
  /// The larger of `seconds` of this member and of the partner that both sent to and received from.
  double agreed_with_partner(double seconds) const;

  /// Compares what the last exchange left, then overwrites it with bytes that are wrong in every exchange.
  void poison();
  /// Compares what the last exchange left, and counts.
  void verify();
  /// Changes what the last exchange left, on the last member.
  void spoil(bool with_nan);

  std::int64_t wrong_bytes() const { return wrong_bytes_; }
  std::int64_t verified() const { return verified_; }  ///< exchanges of this member
  const std::string& first_wrong() const { return first_wrong_; }

 private:
  int reachable(int member) const;
  void one_message();

  const ProcessGroup& group_;
  std::vector<int> members_;
  Settings settings_;
  int own_ = nobody;
  MPI_Comm communicator_ = MPI_COMM_NULL;
  std::vector<std::byte> sent_, received_;
  int to_ = nobody, from_ = nobody;
  std::int64_t exchange_ = 0;
  std::int64_t message_ = 0;
  bool to_verify_ = false;
  int verify_from_ = nobody;
  std::int64_t verify_exchange_ = 0;
  std::int64_t wrong_bytes_ = 0;
  std::int64_t verified_ = 0;
  std::string first_wrong_;
};

}  // namespace assay::bench
